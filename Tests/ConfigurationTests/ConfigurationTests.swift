import Configuration
import DiskCache
import FHIR
import Foundation
import Gateway
import HTTP
import HTTPServer
import Operations
import StudyDirectory
import Testing
import Upstream
import WADO

/// Checks between settings, and what the rooms are given.
@Suite struct ConfigurationTests {
    @Test func givesEachRoomItsSettings() throws {
        let settings = try configuration(
            """
            listen: ["0.0.0.0:80", "[::]:80"]
            tls: { certificate: /c.pem, key: /k.pem, client_ca: /ca.pem }
            access: { mode: bearer_file, path: /etc/tokens }
            public_url: https://images.example.org
            allowed_hosts: [Images.Example.org, "::1"]
            trusted_proxies: [10.0.0.0/8, "::1"]
            directory:
              - fhir:
                  url: "http://127.0.0.1:8090/fhir"
                  fresh_for: 1m
                  max_stale: 1h
                  credentials: { bearer_file: /run/secrets/fhir }
              - files: { path: /etc/studies }
              - archive: { path: /srv/dicom/ }
            default_endpoint: { connection_type: dicom-wado-uri, address: "http://127.0.0.1:8042/wado" }
            backends:
              - name: pacs
                match: "http://127.0.0.1:8042/"
                credentials: { basic: { user: gateway, password_file: /run/secrets/pacs } }
                max_connections: 3
                cache_share: 50
                timeouts: { connect: 1s, first_byte: 2s, stall: 3s }
                abilities: { window: yes, region: no, frame_number: yes }
            cache:
              { path: /cache, max_size: 1GiB, min_free: 0B, max_object: 1MiB, min_free_inodes: 7, eviction_unit: 2MiB,
                shares: { rendered: 20 } }
            admin: { listen: [], token_file: /etc/admin }
            log: { format: text, level: warning }
            server: { head_size: 64KiB }
            loops: 3
            """)
        #expect(settings.listen.map(\.description) == ["0.0.0.0:80", "[::]:80"])
        #expect(settings.tls?.clientAuthority == "/ca.pem")
        #expect(settings.gateway.access == .bearerFile("/etc/tokens"))
        #expect(settings.gateway.publicURL?.host == "images.example.org")
        #expect(settings.gateway.allowedHosts == ["images.example.org", "[::1]"])
        #expect(settings.gateway.defaultEndpoint?.address == "http://127.0.0.1:8042/wado")
        #expect(settings.gateway.abilities == ["pacs": [.window: true, .region: false, .frameNumber: true]])
        #expect(settings.secretFile == nil)
        #expect(settings.sources.count == 3)
        guard case .fhir(_, let fhir) = settings.sources[0].kind, case .archive(let name, _) = settings.sources[2].kind
        else {
            Issue.record("the sources are in another order")
            return
        }
        #expect(fhir.credentials == .bearer(file: "/run/secrets/fhir"))
        #expect(settings.sources[0].freshFor == .seconds(60))
        #expect(name == "dicom")
        let pacs = try #require(settings.backends.first)
        #expect(pacs.credentials == .basic(user: "gateway", passwordFile: "/run/secrets/pacs"))
        #expect(pacs.maxConnections == 3 && pacs.maxQueue == 1024)
        #expect(
            [pacs.connectTimeout, pacs.firstByteTimeout, pacs.stallTimeout] == [.seconds(1), .seconds(2), .seconds(3)])
        #expect(settings.cache.maxSize == 1 << 30 && settings.cache.minFree == 0 && settings.cache.maxObject == 1 << 20)
        #expect(settings.cache.minFreeInodes == 7 && settings.cache.evictionUnit == 2 << 20)
        #expect(settings.cache.classShares == ["rendered": 20] && settings.cache.backendShares == ["pacs": 50])
        #expect(settings.adminListen.isEmpty && settings.admin.tokenFile == "/etc/admin")
        #expect(settings.log == LogSettings(format: .text, level: .warning))
        #expect(settings.server.limits.headSize == 64 << 10 && settings.server.limits.requestLineSize == 64 << 10)
        #expect(settings.loops == 3 && settings.workers == 8)
    }

    static let backend = "backends: [{ name: pacs, match: 'http://127.0.0.1:8042/' }]\n"

    @Test(arguments: [
        (
            "listen: ['0.0.0.0:8080']",
            "`listen`: 0.0.0.0:8080 is not loopback, so that others can reach it: say in `access`"
        ),
        ("listen: ['gateway.example.org:80']", "gateway.example.org:80 is not loopback"),
        ("listen: ['127.0.0.1:1', '[::]:2']", "[::]:2 is not loopback"),
        ("listen: []", "`listen`: at least one address is needed"),
        ("listen: ['127.0.0.1:9090']", "wadogate.yaml:2:9: `admin.listen`: 127.0.0.1:9090 is given twice"),
        ("admin: { listen: ['0.0.0.0:9090'] }", "`admin.token_file` is needed"),
        ("access: { mode: mtls }", "mode mtls needs `tls` with `client_ca`"),
        ("access: { mode: mtls }\ntls: { certificate: /c, key: /k }", "mode mtls needs `tls` with `client_ca`"),
        ("access: { mode: bearer_file }", "mode bearer_file needs `access.path`"),
        ("access: { path: /x }", "`access` needs `mode`"),
        ("public_url: 'https://a.example/x'", "must be an origin without path and query, such as https://a.example"),
        ("allowed_hosts: ['a.example:80']", "without scheme, port and path"),
        ("trusted_proxies: [10.0.0.0/33]", "is no address or block"),
        ("trusted_proxies: [proxy]", "is no address or block"),
        ("dicom_web_root: dicom-web", "is no path such as /dicom-web"),
        ("dicom_web_root: /a/../b", "is no path such as /dicom-web"),
        ("wado_uri_path: /dicom-web", "`wado_uri_path`: must not be `dicom_web_root` (/dicom-web) or lie below it"),
        ("wado_uri_path: /dicom-web/wado", "must not be `dicom_web_root` (/dicom-web) or lie below it"),
        ("\ndicom_web_root: /wado", "wadogate.yaml:3:17: `wado_uri_path`: must not be `dicom_web_root` (/wado)"),
        ("backends: [{ name: a, match: 'http://a/x/../y' }]", "must not have the path segments . and .."),
        ("backends: [{ name: a, match: 'http://a/x/%2E%2e/y' }]", "must not have the path segments . and .."),
        ("backends: [{ name: a, match: 'http://a/./y' }]", "must not have the path segments . and .."),
        ("backends: [{ name: a, match: 'http://a/x?y' }]", "`backends[0].match`: must not have a query"),
        (
            "backends: [{ name: a b, match: 'http://a' }]",
            "\"a b\" may hold only letters, digits, dots, underscores and hyphens"
        ),
        ("backends: [{ name: dicom, match: 'http://a' }]", "\"dicom\" is what backends[0] is called already"),
        (
            "backends: [{ name: a, match: 'http://a' }, { name: b, match: 'HTTP://A:80/' }]",
            "`backends[1].match`: backends[0] has the same address"
        ),
        (
            "backends: [{ name: a, match: 'http://a' }, { name: a, match: 'http://b' }]",
            "`backends[1].name`: \"a\" is the name of backends[0] already"
        ),
        ("default_endpoint: { address: 'http://127.0.0.1:8043/x' }\n" + backend, "matches no backend"),
        ("cache: { max_object: 300GiB }", "300GiB is more than the whole cache may hold (`cache.max_size`: 200GiB)"),
        ("cache: { path: /srv/dicom/cache }", "overlaps the folder \"/srv/dicom\" of `directory`"),
        ("cache: { path: /srv }", "overlaps the folder"),
        (
            "backends: [{ name: a, match: 'http://pacs.example', credentials: { bearer_file: /x } }]",
            "credentials would travel unencrypted to pacs.example"
        ),
        (
            "backends: [{ name: a, match: 'https://a', credentials: { bearer_file: /x, client: yes } }]",
            "`backends[0].credentials` takes exactly one of basic, bearer_file, header, client; found bearer_file and client"
        ),
        ("backends: [{ name: a, match: 'https://a', client_certificate: /c }]", "needs `client_key`"),
    ])
    func refuses(text: String, problem: String) {
        let found = problems(least + text)
        #expect(found.count == 1 && found[0].contains(problem), "\(found)")
    }

    @Test(arguments: [
        ("directory: []", "no source is given"),
        ("", "no source is given"),
        ("directory: [{}]", "`directory[0]` takes exactly one of fhir, files, archive; found none"),
        ("directory: [{ files: { path: /a }, archive: { path: /b } }]", "found files and archive"),
        (
            "directory: [{ archive: { path: /a/x } }, { archive: { path: /b/x } }]",
            "\"x\" is what directory[0] is called already"
        ),
        (
            "directory: [{ fhir: { url: 'http://a/1' } }, { fhir: { url: 'http://a/2' } }]",
            "1:61: `directory[1].fhir.url`: \"a\" is what directory[0] is called already; give one another `name`"
        ),
        (
            "directory: [{ fhir: { url: 'http://a', name: x } }, { archive: { path: /b/x } }]",
            "\"x\" is what directory[0]"
        ),
        ("directory: [{ fhir: { url: 'http://a/?x=y' } }]", "`directory[0].fhir.url`: must not have a query"),
        ("directory: [{ archive: { path: /var/cache } }]", "1:32: `cache.path`: overlaps the folder"),
        ("directory: [{ fhir: { url: 'http://a', credentials: { client: yes } } }]", "unknown key `client`"),
    ])
    func refusesSources(text: String, problem: String) {
        let found = problems(text)
        #expect(found.contains { $0.contains(problem) }, "\(found)")
    }

    @Test func looksAtTheFilesThatSettingsName() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "wadogate-\(UUID())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let secret = folder.appending(path: "secret").path
        func withSecret(mode: Int?) throws -> [String] {
            try? FileManager.default.removeItem(atPath: secret)
            if let mode {
                try #require(FileManager.default.createFile(atPath: secret, contents: Data("x".utf8)))
                try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: secret)
            }
            return problems(
                "directory: [{ archive: { path: \(folder.path) } }]\naccess: { mode: bearer_file, path: \(secret) }",
                looksAtFiles: true)
        }
        #expect(try withSecret(mode: 0o640) == [])
        #expect(
            try withSecret(mode: 0o644).first?.contains("is open to every user of this machine: chmod o-rwx it") == true
        )
        #expect(try withSecret(mode: nil).first?.contains("No such file or directory") == true)
        let missing = try configuration("directory: [{ archive: { path: \(folder.path)/none } }]", looksAtFiles: true)
        #expect(missing.warnings.first?.message.hasPrefix("`directory[0].archive.path`") == true, "\(missing.warnings)")
        let file = problems("directory: [{ files: { path: \(#filePath) } }]", looksAtFiles: true)
        #expect(file.first?.contains("is not a folder") == true, "\(file)")
    }

    @Test(
        arguments: [
            ("anna a\n# b\n", []), ("# nothing\n", ["holds no token, so that nobody would be let in"]),
            ("a\n\nx y z\nb c d\n", [":3: a line has a token", ":4: a line has a token"]),
        ] as [(String, [String])])
    func readsTheTokens(text: String, expected: [String]) throws {
        let found = try tokenProblems(text)
        #expect(found.count == expected.count && zip(found, expected).allSatisfy { $0.contains($1) }, "\(found)")
    }

    @Test func refusesATokenFileThatWouldBeRefusedWhole() throws {
        let found = try tokenProblems(String(repeating: "a\n", count: 1 << 19) + "b")
        #expect(found.count == 1 && found[0].contains("can't be read or has more than 1MiB"), "\(found)")
    }

    private func tokenProblems(_ text: String) throws -> [String] {
        let path = FileManager.default.temporaryDirectory.appending(path: "wadogate-\(UUID())").path
        try #require(
            FileManager.default.createFile(
                atPath: path, contents: Data(text.utf8), attributes: [.posixPermissions: 0o600]))
        defer { try? FileManager.default.removeItem(atPath: path) }
        return problems(
            "directory: [{ fhir: { url: 'http://a' } }]\naccess: { mode: bearer_file, path: \(path) }",
            looksAtFiles: true)
    }

    @Test func tellsEachProblemOnce() {
        let found = problems(
            "directory: [{ fhir: { url: 'http://a' } }]\naccess: { mode: bearer_file, path: /none }\n"
                + "admin: { token_file: /none }\n", looksAtFiles: true)
        #expect(Set(found).count == found.count && found.count == 2, "\(found)")
    }

    @Test func warningsAreToldBesideProblems() {
        #expect {
            try configuration(
                "directory: [{ archive: { path: /none/here } }, { files: { path: /none/there } }]\nworkers: x",
                looksAtFiles: true)
        } throws: { error in
            let warnings = (error as? ConfigurationError)?.warnings.map(\.description) ?? []
            return warnings.count == 2 && warnings[0].hasPrefix("wadogate.yaml:1:32: `directory[0].archive.path`")
                && warnings[1].contains("`directory[1].files.path`: /none/there: No such file or directory")
        }
    }

    @Test(
        arguments: [
            ("serv", ["serve", "check"], "serve"), ("chekc", ["serve", "check"], "check"),
            ("xyz", ["serve", "check"], nil),
            ("", ["a"], "a"), ("LISTEN", ["listen"], "listen"),
        ] as [(String, [String], String?)])
    func findsTheNearestWord(word: String, candidates: [String], nearestWord: String?) {
        #expect(nearest(to: word, among: candidates) == nearestWord)
    }
}
