// From settings by name to the rooms' own structures. Checks that need one entry stand here, those between settings in
// ConfigurationBuilder+Checks.swift, those of files in ConfigurationBuilder+Files.swift.
import CachePolicy
import DiskCache
import FHIR
import Gateway
import Glibc
import HTTP
import HTTPServer
import Operations
import StudyDirectory
import Upstream
import WADO

struct ConfigurationBuilder {
    let values: SettingValues
    var problems: [Problem]
    var warnings: [Problem] = []
    var looksAtFiles = true

    mutating func build() throws(ConfigurationError) -> Configuration {
        let backends = backends()
        var configuration = Configuration(
            listen: values.addresses("listen"), tls: tls(), server: server(),
            drainTimeout: values.duration("server.drain_timeout") ?? .zero, gateway: gateway(),
            secretFile: values.text("secret_file"),
            sources: sources(), backends: backends, cache: cache(), admin: admin(),
            adminListen: values.addresses("admin.listen"), log: log(),
            loops: values.integer("loops").map { Int($0) }, workers: Int(values.integer("workers") ?? 8))
        check(configuration)
        warnings = Self.each(warnings)
        guard problems.isEmpty else { throw ConfigurationError(problems: Self.each(problems), warnings: warnings) }
        configuration.warnings = warnings
        return configuration
    }

    /// - Parameter others: the settings that it is about too; where the first of them stands is told when `name` was not
    ///   written.
    mutating func problem(_ message: String, at name: String, with others: String...) {
        problems.append(Problem("`\(name)`: \(message)", at: values.place([name] + others)))
    }

    /// Each problem once, where it came first.
    private static func each(_ problems: [Problem]) -> [Problem] {
        var seen: Set<Problem> = []
        return problems.filter { seen.insert($0).inserted }
    }

    // MARK: Front door

    private func tls() -> Configuration.TLSFiles? {
        guard let certificate = values.text("tls.certificate"), let key = values.text("tls.key") else { return nil }
        return Configuration.TLSFiles(
            certificate: certificate, key: key, clientAuthority: values.text("tls.client_ca"))
    }

    private func gateway() -> GatewaySettings {
        var settings = GatewaySettings()
        settings.dicomWebRoot = values.text("dicom_web_root") ?? settings.dicomWebRoot
        settings.wadoURIPath = values.text("wado_uri_path") ?? settings.wadoURIPath
        settings.publicURL = values.url("public_url")
        settings.allowedHosts = values.texts("allowed_hosts").map { host in
            isIPv6(host) ? "[\(host)]" : host.lowercased()
        }
        settings.trustedProxies = values.texts("trusted_proxies")
        settings.access = access()
        settings.prefetchesSeries = values.text("cache.prefetch") == "series"
        settings.defaultEndpoint = defaultEndpoint()
        settings.freshness = freshness()
        settings.negativeFor = values.duration("cache.negative_for") ?? settings.negativeFor
        settings.recheckInstances = values.seconds("cache.recheck_instances") ?? settings.recheckInstances
        settings.honorsClientCacheControl = values.flag("cache.honor_client_cache_control") ?? false
        settings.maxFills = values.integer("cache.max_fills").map { Int($0) } ?? settings.maxFills
        settings.maxFillsPerClient =
            values.integer("cache.max_fills_per_client").map { Int($0) } ?? settings.maxFillsPerClient
        for index in 0..<values.count("backends") {
            guard let name = values.text("backends[\(index)].name") else { continue }
            let abilities = abilities("backends[\(index)].abilities")
            if !abilities.isEmpty { settings.abilities[name] = abilities }
        }
        return settings
    }

    private func freshness() -> FreshnessRules {
        var rules = FreshnessRules()
        rules.rendered = values.seconds("cache.fresh_for.rendered") ?? rules.rendered
        rules.thumbnail = values.seconds("cache.fresh_for.thumbnail") ?? rules.thumbnail
        rules.documents = values.seconds("cache.fresh_for.documents") ?? rules.documents
        rules.staleWhileRevalidate = values.seconds("cache.stale_while_revalidate") ?? rules.staleWhileRevalidate
        rules.staleIfError = values.seconds("cache.stale_if_error") ?? rules.staleIfError
        return rules
    }

    private func access() -> GatewaySettings.Access {
        switch values.text("access.mode") {
        case "bearer_file": .bearerFile(values.text("access.path") ?? "")
        case "mtls": .mutualTLS
        default: .anonymous
        }
    }

    private func defaultEndpoint() -> Endpoint? {
        guard let address = values.url("default_endpoint.address") else { return nil }
        let type = values.text("default_endpoint.connection_type") ?? "dicom-wado-rs"
        return Endpoint(
            id: "default_endpoint", connectionTypes: [ConnectionType(code: type)], address: address.description)
    }

    /// What is said of a backend, yes or no; what is not said is found out.
    private func abilities(_ section: String) -> [Ability: Bool] {
        var said: [Ability: Bool] = [:]
        for ability in Ability.allCases { said[ability] = values.flag("\(section).\(ability.rawValue)") }
        return said
    }

    private func server() -> HTTPServerSettings {
        var settings = HTTPServerSettings()
        settings.limits.headSize = values.integer("server.head_size").map { Int($0) } ?? settings.limits.headSize
        settings.limits.requestLineSize = settings.limits.headSize
        settings.headerTimeout = values.duration("server.header_timeout") ?? settings.headerTimeout
        settings.idleTimeout = values.duration("server.idle_timeout") ?? settings.idleTimeout
        settings.writeStallTimeout = values.duration("server.write_timeout") ?? settings.writeStallTimeout
        settings.maxConnections = values.integer("server.max_connections").map { Int($0) } ?? settings.maxConnections
        return settings
    }

    // MARK: What is asked

    private mutating func backends() -> [Backend] {
        (0..<values.count("backends")).compactMap { index in
            let entry = "backends[\(index)]"
            guard let name = values.text("\(entry).name"), let match = values.url("\(entry).match") else { return nil }
            return outgoing(entry, name: name, match: match)
        }
    }

    private mutating func sources() -> [SourceSettings] {
        (0..<values.count("directory")).compactMap { index in source("directory[\(index)]") }
    }

    private mutating func source(_ entry: String) -> SourceSettings? {
        if let url = values.url("\(entry).fhir.url") {
            let backend = outgoing("\(entry).fhir", name: sourceName(entry)?.name ?? url.host, match: url)
            var settings = SourceSettings(kind: .fhir(url: url, backend: backend))
            settings.freshFor = values.duration("\(entry).fhir.fresh_for") ?? settings.freshFor
            settings.maxStale = values.duration("\(entry).fhir.max_stale") ?? settings.maxStale
            settings.negativeFor = values.duration("\(entry).fhir.negative_for") ?? settings.negativeFor
            return settings
        }
        if let path = values.text("\(entry).files.path") {
            checkFolder(path, at: "\(entry).files.path")
            return SourceSettings(kind: .files(path: path))
        }
        if let path = values.text("\(entry).archive.path") {
            checkFolder(path, at: "\(entry).archive.path")
            return SourceSettings(kind: .archive(name: sourceName(entry)?.name ?? path, path: path))
        }
        return nil
    }

    /// The settings that every server which is asked has in common.
    private mutating func outgoing(_ owner: String, name: String, match: HTTPURL) -> Backend {
        var backend = Backend(name: name, match: match)
        backend.maxConnections = values.integer("\(owner).max_connections").map { Int($0) } ?? backend.maxConnections
        backend.maxQueue = values.integer("\(owner).max_queue").map { Int($0) } ?? backend.maxQueue
        backend.connectTimeout = values.duration("\(owner).timeouts.connect") ?? backend.connectTimeout
        backend.firstByteTimeout = values.duration("\(owner).timeouts.first_byte") ?? backend.firstByteTimeout
        backend.stallTimeout = values.duration("\(owner).timeouts.stall") ?? backend.stallTimeout
        backend.credentials = credentials("\(owner).credentials")
        backend.caFile = values.text("\(owner).ca_file")
        backend.clientCertificate = values.text("\(owner).client_certificate")
        backend.clientKey = values.text("\(owner).client_key")
        backend.proxy = values.url("\(owner).proxy")?.description
        checkOutgoing(backend, at: owner)
        return backend
    }

    private func credentials(_ section: String) -> Backend.Credentials {
        if let user = values.text("\(section).basic.user"), let file = values.text("\(section).basic.password_file") {
            return .basic(user: user, passwordFile: file)
        }
        if let file = values.text("\(section).bearer_file") { return .bearer(file: file) }
        if let name = values.text("\(section).header.name"), let file = values.text("\(section).header.value_file") {
            return .header(name: name, valueFile: file)
        }
        if section.hasPrefix("backends"), values.flag("\(section).client") == true { return .client }
        return .none
    }

    // MARK: The rest

    private func cache() -> DiskCacheSettings {
        var settings = DiskCacheSettings(path: values.text("cache.path") ?? "")
        settings.maxSize = values.integer("cache.max_size") ?? settings.maxSize
        settings.maxObject = values.integer("cache.max_object") ?? settings.maxObject
        // The default is not an operator's word: a small cache needs no second setting.
        if !values.has("cache.max_object") { settings.maxObject = min(settings.maxObject, settings.maxSize) }
        settings.minFree = values.integer("cache.min_free") ?? settings.minFree
        settings.minFreeInodes = values.integer("cache.min_free_inodes") ?? settings.minFreeInodes
        settings.evictionUnit = values.integer("cache.eviction_unit") ?? settings.evictionUnit
        for word in SettingsTable.standard.words(of: "cache.shares") {
            settings.classShares[word] = values.integer("cache.shares.\(word)")
        }
        for entry in (0..<values.count("backends")).map({ "backends[\($0)]" }) {
            guard let name = values.text("\(entry).name") else { continue }
            settings.backendShares[name] = values.integer("\(entry).cache_share")
        }
        settings.keepFilling = values.text("cache.keep_filling").flatMap { KeepFilling(rawValue: $0) } ?? .always
        settings.scrub = values.integer("cache.scrub") ?? settings.scrub
        return settings
    }

    private func admin() -> AdminSettings {
        AdminSettings(
            tokenFile: values.text("admin.token_file"), allowedHosts: values.texts("allowed_hosts"))
    }

    private func log() -> LogSettings {
        LogSettings(
            format: values.text("log.format").flatMap(LogSettings.Format.init(rawValue:)) ?? .json,
            level: values.text("log.level").flatMap(LogLevel.init(word:)) ?? .info)
    }
}
