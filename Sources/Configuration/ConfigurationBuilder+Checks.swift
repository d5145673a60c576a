// Checks between settings: what can be known before the gateway starts. Files that settings name are looked at in
// ConfigurationBuilder+Files.swift.
import DiskCache
import Gateway
import HTTP
import HTTPServer
import Operations
import StudyDirectory
import Upstream

extension ConfigurationBuilder {
    mutating func check(_ configuration: Configuration) {
        checkListeners(configuration)
        checkAccess(configuration)
        checkURLs(configuration)
        checkHosts(configuration)
        checkSources(configuration)
        checkBackends(configuration)
        checkDefaultEndpoint(configuration)
        checkCache(configuration)
    }

    // MARK: Front door

    private mutating func checkListeners(_ configuration: Configuration) {
        if configuration.listen.isEmpty && !hasProblem(at: "listen") {
            problem("at least one address is needed", at: "listen")
        }
        if let open = configuration.listen.first(where: { !$0.isLoopback }), !values.has("access") {
            problem(
                """
                \(open) is not loopback, so that others can reach it: say in `access` who may ask \
                (mode: bearer_file, mtls or anonymous)
                """, at: "listen")
        }
        if let open = configuration.adminListen.first(where: { !$0.isLoopback }), configuration.admin.tokenFile == nil {
            problem(
                "\(open) is not loopback, so that others can reach it: `admin.token_file` is needed", at: "admin.listen"
            )
        }
        var seen: Set<ListenAddress> = []
        for (address, name) in configuration.listen.map({ ($0, "listen") })
            + configuration.adminListen.map({ ($0, "admin.listen") })
        where address.port != 0 && !seen.insert(address).inserted {
            problem("\(address) is given twice", at: name, with: "listen")
        }
    }

    private mutating func checkAccess(_ configuration: Configuration) {
        checkSecret(configuration.secretFile, at: "secret_file")
        for name in ["tls.certificate", "tls.client_ca"] { checkFile(values.text(name), at: name) }
        checkSecret(values.text("tls.key"), at: "tls.key")
        checkSecret(configuration.admin.tokenFile, at: "admin.token_file")
        switch configuration.gateway.access {
        case .anonymous:
            break
        case .bearerFile(let path):
            if path.isEmpty && !hasProblem(at: "access.path") {
                problem("mode bearer_file needs `access.path`, the file with the tokens", at: "access")
            } else {
                checkSecret(path, at: "access.path")
                checkTokens(path)
            }
        case .mutualTLS where configuration.tls?.clientAuthority == nil:
            problem(
                "mode mtls needs `tls` with `client_ca`, the authorities that sign client certificates",
                at: "access.mode")
        case .mutualTLS:
            break
        }
    }

    private mutating func checkURLs(_ configuration: Configuration) {
        if let url = configuration.gateway.publicURL, url.path != "/" || url.query != nil {
            problem("must be an origin without path and query, such as \(url.origin)", at: "public_url")
        }
        for name in ["dicom_web_root", "wado_uri_path"] {
            guard let path = values.text(name) else { continue }
            let isPath = path.hasPrefix("/") && path.count > 1 && !path.hasSuffix("/") && !path.contains("//")
            if !isPath || !isWord(path, besides: "/-_.~")
                || path.split(separator: "/").contains(where: { $0 == "." || $0 == ".." })
            {
                problem(
                    "\(quoted(path)) is no path such as /dicom-web (letters, digits, - . _ ~ between slashes)", at: name
                )
            }
        }
        if isSameOrBelow(configuration.gateway.wadoURIPath, configuration.gateway.dicomWebRoot) {
            problem(
                "must not be `dicom_web_root` (\(configuration.gateway.dicomWebRoot)) or lie below it",
                at: "wado_uri_path", with: "dicom_web_root")
        }
    }

    private mutating func checkHosts(_ configuration: Configuration) {
        for host in configuration.gateway.allowedHosts {
            let isBracketed = host.hasPrefix("[") && host.hasSuffix("]") && isIPv6(String(host.dropFirst().dropLast()))
            let isName = !host.utf8.contains { byte in
                byte <= 0x20 || byte >= 0x7F
                    || [UInt8(ascii: ":"), UInt8(ascii: "/"), UInt8(ascii: "@")].contains(byte)
            }
            if !isBracketed && !isName {
                problem(
                    "\(quoted(host)) must be a host name or address without scheme, port and path", at: "allowed_hosts")
            }
        }
        for proxy in configuration.gateway.trustedProxies where !isAddressOrBlock(proxy) {
            problem("\(quoted(proxy)) is no address or block such as 10.0.0.0/8", at: "trusted_proxies")
        }
    }

    // MARK: What is asked

    private mutating func checkSources(_ configuration: Configuration) {
        if !values.has("directory") || (values.count("directory") == 0 && !hasProblem(at: "directory")) {
            problem(
                "no source is given, so that no study can be found: add `fhir`, `files` or `archive`", at: "directory")
        }
        // What logs and pools call each, by default too, must say which one it is.
        var names: [String: String] = [:]
        for backend in 0..<values.count("backends") {
            if let name = values.text("backends[\(backend)].name") { names[name] = "backends[\(backend)]" }
        }
        for index in 0..<values.count("directory") {
            let entry = "directory[\(index)]"
            if let url = values.url("\(entry).fhir.url"), url.query != nil {
                problem("must not have a query", at: "\(entry).fhir.url")
            }
            guard let (name, setting) = sourceName(entry) else { continue }
            if let first = names[name] {
                problem("\(quoted(name)) is what \(first) is called already; give one another `name`", at: setting)
            }
            names[name] = entry
        }
    }

    /// What a source is called, by default too, and the setting that says so.
    func sourceName(_ entry: String) -> (name: String, setting: String)? {
        if let url = values.url("\(entry).fhir.url") {
            return values.text("\(entry).fhir.name").map { ($0, "\(entry).fhir.name") } ?? (
                url.host, "\(entry).fhir.url"
            )
        }
        if let path = values.text("\(entry).archive.path") {
            let last = path.split(separator: "/").last.map(String.init) ?? "archive"
            return values.text("\(entry).archive.name").map { ($0, "\(entry).archive.name") }
                ?? (last, "\(entry).archive.path")
        }
        return nil
    }

    private mutating func checkBackends(_ configuration: Configuration) {
        var names: [String: Int] = [:]
        var matches: [HTTPURL: Int] = [:]
        for index in 0..<values.count("backends") {
            let entry = "backends[\(index)]"
            if let name = values.text("\(entry).name") {
                if let first = names[name] {
                    problem("\(quoted(name)) is the name of backends[\(first)] already", at: "\(entry).name")
                }
                names[name] = index
                if !isWord(name, besides: "._-") {
                    problem(
                        "\(quoted(name)) may hold only letters, digits, dots, underscores and hyphens",
                        at: "\(entry).name")
                }
            }
            guard let match = values.url("\(entry).match") else { continue }
            if let first = matches[match] {
                problem("backends[\(first)] has the same address; which would count?", at: "\(entry).match")
            }
            if match.query != nil { problem("must not have a query", at: "\(entry).match") }
            matches[match] = index
        }
    }

    private mutating func checkDefaultEndpoint(_ configuration: Configuration) {
        guard let address = values.url("default_endpoint.address") else { return }
        if !configuration.backends.contains(where: { $0.match.contains(address) }) && !hasProblem(at: "backends") {
            problem("matches no backend, so that it would never be contacted", at: "default_endpoint.address")
        }
    }

    mutating func checkOutgoing(_ backend: Backend, at owner: String) {
        let section = "\(owner).credentials"
        switch backend.credentials {
        case .none, .client: break
        case .basic(_, let file): checkSecret(file, at: "\(section).basic.password_file")
        case .bearer(let file): checkSecret(file, at: "\(section).bearer_file")
        case .header(let name, let file):
            checkSecret(file, at: "\(section).header.value_file")
            if !isWord(name, besides: "-_") {
                problem("\(quoted(name)) is no header field's name", at: "\(section).header.name")
            }
        }
        if backend.credentials != .none && !backend.match.isSecure && !isLoopbackHost(backend.match.host) {
            problem("credentials would travel unencrypted to \(backend.match.host): use https", at: section)
        }
        checkFile(backend.caFile, at: "\(owner).ca_file")
        checkFile(backend.clientCertificate, at: "\(owner).client_certificate")
        checkSecret(backend.clientKey, at: "\(owner).client_key")
        if backend.clientCertificate != nil && backend.clientKey == nil {
            problem("needs `client_key`, its private key", at: "\(owner).client_certificate")
        }
        if backend.clientKey != nil && backend.clientCertificate == nil {
            problem("needs `client_certificate`", at: "\(owner).client_key")
        }
    }

    /// Whether a text is made of ASCII letters and digits and those characters alone.
    private func isWord(_ text: String, besides others: String) -> Bool {
        !text.isEmpty
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"):
                    true
                default: others.utf8.contains(byte)
                }
            }
    }

    private func isLoopbackHost(_ host: String) -> Bool {
        host == "localhost" || host.hasPrefix("127.") || host == "::1" || host == "[::1]"
    }

    // MARK: Cache

    private mutating func checkCache(_ configuration: Configuration) {
        if configuration.cache.maxObject > configuration.cache.maxSize {
            problem(
                """
                \(ByteText.write(configuration.cache.maxObject)) is more than the whole cache may hold \
                (`cache.max_size`: \(ByteText.write(configuration.cache.maxSize)))
                """, at: "cache.max_object")
        }
        if configuration.cache.path == "/" { problem("the root folder can't be the cache's", at: "cache.path") }
        for entry in (0..<values.count("directory")).map({ "directory[\($0)]" }) {
            for name in ["\(entry).files.path", "\(entry).archive.path"] {
                guard let path = values.text(name),
                    isSameOrBelow(configuration.cache.path, path) || isSameOrBelow(path, configuration.cache.path)
                else {
                    continue
                }
                problem("overlaps the folder \(quoted(path)) of `directory`", at: "cache.path", with: name)
            }
        }
    }

    private func isSameOrBelow(_ path: String, _ folder: String) -> Bool {
        let path = path.split(separator: "/")
        let folder = folder.split(separator: "/")
        return path.count >= folder.count && Array(path.prefix(folder.count)) == Array(folder)
    }

    private func hasProblem(at name: String) -> Bool {
        problems.contains { $0.message.hasPrefix("`\(name)") }
    }
}
