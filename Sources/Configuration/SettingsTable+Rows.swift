// The table. Whoever adds a setting adds a row here, reads it in Configuration+Building.swift, and writes the reference
// anew: `wadogate help settings > Config/wadogate.yaml`.

private let hour = Duration.seconds(3600)
private let day = Duration.seconds(86400)
private let longest = Duration.seconds(3650 * 86400)
private let kibibyte: Int64 = 1 << 10
private let mebibyte: Int64 = 1 << 20
private let tebibyte: Int64 = 1 << 40

extension SettingsTable {
    package static let standard = SettingsTable(
        [
            frontDoor, fhir, outgoing("directory[].fhir", connections: 8), folders, backends,
            outgoing("backends[]", connections: 16), abilities, cache, freshness, operations, limits,
        ].flatMap { $0 })

    private static let frontDoor: [Setting] = [
        .value(
            "listen", .list(.address, most: 32), default: #"["127.0.0.1:8080"]"#,
            "Addresses to listen on. Any that is not loopback needs `access`."),
        .section("tls", .optional, "HTTPS on every address of `listen`. Without it the gateway speaks plain HTTP."),
        .required(
            "tls.certificate", .path, example: "/etc/wadogate/tls/fullchain.pem",
            "PEM file with the server's certificate and those that lead to its root."),
        .required("tls.key", .path, example: "/etc/wadogate/tls/key.pem", "PEM file with its private key."),
        .optional(
            "tls.client_ca", .path, example: "/etc/wadogate/tls/clients.pem",
            "PEM file with the authorities that sign client certificates; needed for access mode mtls."),
        .section("access", .optional, "Who may ask. Must be given when the gateway listens beyond loopback."),
        .required(
            "access.mode", .choice(["anonymous", "bearer_file", "mtls"]), example: "bearer_file",
            """
            anonymous: whoever can reach it. bearer_file: who sends a token of the file `path` as "Authorization: Bearer". \
            mtls: who has a certificate from `tls.client_ca`.
            """),
        .optional(
            "access.path", .path, example: "/etc/wadogate/tokens",
            #"File with one token a line, or "name token"; the name goes to the log. Read again when it changes."#),
        .optional(
            "public_url", .url, example: "https://images.example.org",
            """
            The gateway's own origin as clients see it, for the URLs in its answers. Without it, the Host of the request if it \
            is one of `allowed_hosts`.
            """),
        .value(
            "allowed_hosts", .list(.text, most: 256), default: #"["localhost", "127.0.0.1", "[::1]"]"#,
            "Host names, without port, that a request may be for when `public_url` is not set."),
        .value(
            "trusted_proxies", .list(.text, most: 256), default: "[]",
            "Addresses or blocks (10.0.0.0/8) of reverse proxies whose Forwarded field is believed."),
        .value("dicom_web_root", .text, default: "/dicom-web", "Path below which /studies/… is answered."),
        .value("wado_uri_path", .text, default: "/wado", "Path of WADO-URI requests."),
        .optional(
            "secret_file", .path, example: "/var/lib/wadogate/secret",
            """
            File with at least 32 random bytes, with which bulk data links are sealed; gateways that stand for each other \
            share one. Without it, one is made and kept in the cache's folder.
            """),
    ]

    private static let fhir: [Setting] = [
        .entries(
            "directory", oneOf: true,
            """
            Where studies are looked up, asked in this order: FHIR servers, folders of FHIR resources as JSON, folders of \
            DICOM files. At least one is needed.
            """),
        .section(
            "directory[].fhir", .optional, "A FHIR server with ImagingStudy and Endpoint (STU3, R4, R4B, R5, R6)."),
        .required("directory[].fhir.url", .url, example: #""http://127.0.0.1:8090/fhir""#, "Its base URL."),
        .optional("directory[].fhir.name", .text, example: "fhir", "Its name in logs. Without it, its host."),
        .value(
            "directory[].fhir.fresh_for", .duration(.zero...(.seconds(30 * 86400))), default: "5m",
            "How long an answer is used without asking again."),
        .value(
            "directory[].fhir.max_stale", .duration(.zero...(.seconds(365 * 86400))), default: "7d",
            "How long beyond that an answer still serves while the server can't be reached."),
        .value(
            "directory[].fhir.negative_for", .duration(.zero...hour), default: "10s",
            "How long \"no such study\" is remembered."),
    ]

    private static let folders: [Setting] = [
        .section(
            "directory[].files", .optional,
            "A folder of FHIR JSON (Bundles, NDJSON, single resources), read again when it changes."),
        .required("directory[].files.path", .path, example: "/etc/wadogate/studies", "The folder."),
        .section(
            "directory[].archive", .optional,
            "A folder of DICOM Part 10 files: directory and backend in one, indexed at start and when it changes."),
        .required("directory[].archive.path", .path, example: "/srv/dicom", "The folder."),
        .optional(
            "directory[].archive.name", .text, example: "archive",
            "Its name in logs and in `explain`. Without it, the folder's last component."),
        .section(
            "default_endpoint", .optional, "The endpoint of studies whose record names none. It must match a backend."),
        .value(
            "default_endpoint.connection_type", .choice(["dicom-wado-rs", "dicom-wado-uri"]),
            default: "dicom-wado-rs", "What it speaks."),
        .required(
            "default_endpoint.address", .url, example: #""http://127.0.0.1:8042/dicom-web""#,
            "Its address, as a FHIR Endpoint would give it."),
    ]

    private static let backends: [Setting] = [
        .entries("backends", "The archives. Only addresses that match one of them are ever contacted."),
        .required(
            "backends[].name", .text, example: "pacs",
            """
            What logs, metrics and error texts call it; clients see this name, never the address. Letters, digits, dots, \
            underscores and hyphens.
            """),
        .required(
            "backends[].match", .url, example: #""http://127.0.0.1:8042/""#,
            "Scheme, host, port and the beginning of the path (whole segments) of its addresses."),
        .optional(
            "backends[].cache_share", .integer(1...100), example: "50",
            """
            What its objects may take at most, in percent of `cache.max_size`. Beyond that its series go. Without it, all.
            """),
    ]

    private static let abilities: [Setting] = [
        .section(
            "backends[].abilities", .optional,
            """
            What a backend can do, where you know it. All else is found out: a resource that it refuses (404, 405, 501) is not \
            asked again for ten minutes, and a parameter of pictures, which some backends ignore silently, is sent only once \
            a probe has shown that it works.
            """),
        .optional("backends[].abilities.metadata", .flag, example: "no", "Metadata by WADO-RS."),
        .optional("backends[].abilities.frames", .flag, example: "no", "Frames by WADO-RS."),
        .optional("backends[].abilities.bulkdata", .flag, example: "no", "Bulk data by WADO-RS."),
        .optional("backends[].abilities.rendered", .flag, example: "no", "Pictures."),
        .optional("backends[].abilities.thumbnail", .flag, example: "no", "Thumbnails by WADO-RS."),
        .optional("backends[].abilities.viewport", .flag, example: "yes", "A size: viewport; rows and columns."),
        .optional("backends[].abilities.region", .flag, example: "no", "A part of the image: viewport; region."),
        .optional("backends[].abilities.flip", .flag, example: "no", "viewport with a negative width or height."),
        .optional("backends[].abilities.window", .flag, example: "yes", "window; windowCenter and windowWidth."),
        .optional("backends[].abilities.sigmoid", .flag, example: "no", "window with the function sigmoid."),
        .optional("backends[].abilities.quality", .flag, example: "yes", "quality; imageQuality."),
        .optional("backends[].abilities.annotation", .flag, example: "no", "annotation."),
        .optional("backends[].abilities.icc_profile", .flag, example: "no", "iccprofile."),
        .optional("backends[].abilities.presentation", .flag, example: "no", "presentationUID. Never probed."),
        .optional("backends[].abilities.charset", .flag, example: "no", "charset of texts. Never probed."),
        .optional("backends[].abilities.frame_number", .flag, example: "no", "frameNumber of WADO-URI."),
        .optional(
            "backends[].abilities.stored_syntax", .flag, example: "yes",
            "transferSyntax=* of WADO-URI, for archives that re-encode without it (dcm4chee). Never probed."),
    ]

    /// What every server that the gateway asks has in common.
    private static func outgoing(_ owner: String, connections: Int) -> [Setting] {
        credentials(owner) + limits(owner, connections: connections)
    }

    private static func limits(_ owner: String, connections: Int) -> [Setting] {
        [
            .value(
                "\(owner).max_connections", .integer(1...1024), default: "\(connections)",
                "How many connections it gets at most, over all loops."),
            .value(
                "\(owner).max_queue", .integer(0...100_000), default: "1024",
                "How many requests may wait for one; beyond that the answer is 503."),
            .section("\(owner).timeouts", "None limits a whole transfer."),
            .value(
                "\(owner).timeouts.connect", .duration(.milliseconds(10)...(.seconds(300))), default: "2s",
                "Until the connection stands, TLS included."),
            .value(
                "\(owner).timeouts.first_byte", .duration(.milliseconds(10)...hour), default: "30s",
                "From the request to the first byte of the answer."),
            .value(
                "\(owner).timeouts.stall", .duration(.milliseconds(10)...hour), default: "15s",
                "Without a byte in between."),
            .optional(
                "\(owner).ca_file", .path, example: "/etc/wadogate/tls/hospital-ca.pem",
                "PEM file with the authorities to trust. Without it, the system's."),
            .optional(
                "\(owner).client_certificate", .path, example: "/etc/wadogate/tls/client.pem",
                "PEM file with the certificate to show it."),
            .optional(
                "\(owner).client_key", .path, example: "/etc/wadogate/tls/client-key.pem",
                "PEM file with that certificate's private key."),
            .optional(
                "\(owner).proxy", .url, example: #""http://proxy.example.org:3128""#, "The HTTP proxy on the way to it."
            ),
        ]
    }

    private static func credentials(_ owner: String) -> [Setting] {
        let ours: [Setting] = [
            .section(
                "\(owner).credentials", .oneOf,
                "How the gateway presents itself, one of these. Secrets stand in files, which are read again when they change."
            ),
            .section("\(owner).credentials.basic", .optional, "User name and password."),
            .required("\(owner).credentials.basic.user", .text, example: "gateway", "The user name."),
            .required(
                "\(owner).credentials.basic.password_file", .path, example: "/run/secrets/pacs",
                "File that holds the password."),
            .optional(
                "\(owner).credentials.bearer_file", .path, example: "/run/secrets/pacs-token",
                "File that holds a bearer token."),
            .section("\(owner).credentials.header", .optional, "A fixed header field."),
            .required("\(owner).credentials.header.name", .text, example: "X-Api-Key", "The field's name."),
            .required(
                "\(owner).credentials.header.value_file", .path, example: "/run/secrets/pacs-key",
                "File that holds its value."),
        ]
        return ours + clientCredentials(owner)
    }

    /// A directory is asked on the gateway's own behalf, so only backends can be given the client's credentials.
    private static func clientCredentials(_ owner: String) -> [Setting] {
        guard owner == "backends[]" else { return [] }
        return [
            .optional(
                "\(owner).credentials.client", .flag, example: "yes",
                "The client's own Authorization is passed on; nothing of this backend is then cached or shared.")
        ]
    }

    private static let cache: [Setting] =
        [
            .section("cache", "The disk cache. One gateway at a time owns the folder."),
            .value(
                "cache.path", .path, default: "/var/cache/wadogate",
                "The folder; made with mode 0700 when it is missing."),
            .value(
                "cache.max_size", .bytes(mebibyte...(16384 * tebibyte)), default: "200GiB",
                "How much it may hold; beyond that whole series go, first those that were visited once and not lately."),
            .value(
                "cache.min_free", .bytes(0...(16384 * tebibyte)), default: "10GiB",
                "How much of the file system stays free, whatever else fills it."),
            .value(
                "cache.max_object", .bytes(mebibyte...(16384 * tebibyte)), default: "8GiB",
                "Larger objects are passed through to their clients and not kept. Never more than `max_size`."),
            .value(
                "cache.scrub", .bytes(0...tebibyte), default: "20MiB",
                "How much a second is read, once a day until all of it was, to find decay before a client does; 0: never."
            ),
            .value(
                "cache.prefetch", .choice(["off", "series"]), default: "off",
                """
                series: once a viewer has asked for metadata or a first frame of a series, the rest of it is fetched in the \
                background, while no client waits for the archive and half of its connections are free.
                """),
            .value(
                "cache.max_fills", .integer(1...100_000), default: "256",
                "How many fills ask archives at once; more wait for their turn."),
            .value(
                "cache.max_fills_per_client", .integer(1...100_000), default: "32",
                "The same of what one client has begun: a principal, or an address where nobody has a name."),
            .value(
                "cache.keep_filling", .choice(["always", "never", "half"]), default: "always",
                "Whether a fill goes on when its last client has left; half: if more than half of it is there."),
            .value(
                "cache.min_free_inodes", .integer(0...1_000_000_000), default: "10000",
                "How many files the file system can still take, whatever else fills it; ignored where it does not count them."
            ),
            .value(
                "cache.eviction_unit", .bytes(mebibyte...(16384 * tebibyte)), default: "4GiB",
                "A series that takes more goes instance by instance and no further than needed: no slide leaves as a whole."
            ),
            .section(
                "cache.shares",
                """
                What the objects of a class may take at most, in percent of `max_size`. Beyond that the series that would go first \
                lose all their objects of the class. Without a share, a class may take all.
                """),
        ] + cacheShares

    private static let cacheShares: [Setting] = [
        ("instance", "Instances, as the archive has them."), ("frame", "Frames."), ("bulk", "Bulk data."),
        ("metadata", "Metadata of instances and series."), ("rendered", "Pictures."), ("thumbnail", "Thumbnails."),
    ].map { .optional("cache.shares.\($0.0)", .integer(1...100), example: "20", $0.1) }

    private static let freshness: [Setting] = [
        .section(
            "cache.fresh_for",
            """
            How long what may age is served without asking. Frames and pixel data never age; instances and their metadata hold \
            until the study's record changes or `recheck_instances` finds them changed.
            """),
        .value("cache.fresh_for.rendered", .duration(.zero...longest), default: "7d", "Rendered pictures."),
        .value("cache.fresh_for.thumbnail", .duration(.zero...longest), default: "30d", "Thumbnails."),
        .value(
            "cache.fresh_for.documents", .duration(.zero...longest), default: "5m",
            "What is said of a series as a whole: its metadata, the list of its instances."),
        .value(
            "cache.stale_while_revalidate", .duration(.zero...longest), default: "1d",
            "How long beyond that a picture is still served while it is renewed in the background."),
        .value(
            "cache.stale_if_error", .duration(.zero...longest), default: "7d",
            "How long beyond its freshness an object is still served when the archive does not answer."),
        .value(
            "cache.negative_for", .duration(.zero...hour), default: "10s",
            "How long a backend's \"no such object\" (404, 410) is remembered; 0 asks each time."),
        .value(
            "cache.recheck_instances", .duration(.zero...longest), default: "24h",
            """
            How often what is stored of a study in use is held against its archive, in the background: metadata that was \
            corrected there without a word is then fetched anew. 0: never.
            """),
        .value(
            "cache.honor_client_cache_control", .flag, default: "no",
            """
            Whether a client's Cache-Control: no-cache (renew first) and only-if-cached (504 when it is not stored) count. A \
            viewer that always sends no-cache makes the cache useless.
            """),
    ]

    private static let operations: [Setting] = [
        .section("admin", "Health, explain and cache control for operators."),
        .value(
            "admin.listen", .list(.address, most: 8), default: #"["127.0.0.1:9090"]"#,
            "Addresses of the admin listener; [] for none. Any that is not loopback needs `admin.token_file`."),
        .optional(
            "admin.token_file", .path, example: "/etc/wadogate/admin-token",
            "File with the token for calls that change something. Without it, there are none."),
        .section("log", "Logs go to standard error, one line each; no patient names, no query values."),
        .value("log.format", .choice(["json", "text"]), default: "json", "For machines or for eyes."),
        .value(
            "log.level", .choice(["debug", "info", "warning", "error"]), default: "info",
            "The least level that is written. Requests are info, those that failed by our side or a backend's are warning."
        ),
    ]

    private static let limits: [Setting] = [
        .section("server", "Limits of the listeners."),
        .value(
            "server.head_size", .bytes(kibibyte...mebibyte), default: "16KiB",
            "Request line and header fields together. A longer request line is answered with 414, longer fields with 431."
        ),
        .value(
            "server.header_timeout", .duration(.milliseconds(100)...hour), default: "15s",
            "Until a request's head has arrived, from its first byte or from the connection's beginning, TLS included."),
        .value(
            "server.idle_timeout", .duration(.milliseconds(100)...day), default: "75s",
            "How long a connection without a request stays open."),
        .value(
            "server.write_timeout", .duration(.milliseconds(100)...day), default: "60s",
            "How long a client may take no byte before it is given up."),
        .value(
            "server.max_connections", .integer(1...1_000_000), default: "16384",
            "One more is told so by a 503 and closed."),
        .value(
            "server.drain_timeout", .duration(.zero...hour), default: "30s",
            "How long answers under way may go on after SIGTERM."),
        .optional("loops", .integer(1...1024), example: "4", "Event loops. Without it, one for each core."),
        .value(
            "workers", .integer(1...1024), default: "8",
            "Threads for what blocks: opening files, reading cold pages, fsync."),
    ]
}
