import EventLoop
import FoundationEssentials
import Glibc
import HTTP
import HTTPServer
import HTTPTestVectors
import Testing

/// TLS with certificates made for the occasion; OpenSSL's command line is the client.
@Suite(.serialized, .timeLimit(.minutes(1))) struct TLSTests {
    @Test func answersOverTLSAndClosesProperly() throws {
        let files = try Certificates()
        let server = try TestServer(tls: files.context()) { exchange in
            #expect(exchange.isSecure && exchange.clientSubject == nil)
            exchange.echo()
        }
        let request = "GET /a HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
        let (output, status) = try files.client(server.address, request)
        #expect(output.hasPrefix("HTTP/1.1 200 OK\r\n") && output.hasSuffix("\r\n\r\n/a"))
        // Without close_notify OpenSSL's client ends with an error.
        #expect(status == 0)
    }

    @Test(arguments: ["-tls1_2", "-tls1_3"])
    func largeFilesAreEncryptedByteEqual(version: String) throws {
        let files = try Certificates()
        let file = TestFile(length: 12_000_000)
        let server = try TestServer(tls: files.context()) { exchange in
            exchange.respond(
                ResponseHead(status: 200), body: .file(prefix: [1, 2, 3], file.region(), suffix: [4, 5, 6]))
        }
        let request = "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
        let output = try files.clientBytes(server.address, request, [version]).0
        let body = output.firstRange(of: [13, 10, 13, 10]).map { Array(output[$0.upperBound...]) }
        expectEqualBytes(body ?? [], [1, 2, 3] + file.bytes + [4, 5, 6])
    }

    @Test func streamsAndPipelinesOverTLS() throws {
        let files = try Certificates()
        let pieces = (0..<40).map { [UInt8](repeating: UInt8($0), count: 50_000) }
        let server = try TestServer(tls: files.context()) { exchange in
            exchange.stream(length: Int64(40 * 50_000), pieces: pieces)
        }
        let request =
            "GET /1 HTTP/1.1\r\nHost: h\r\n\r\nGET /2 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
        let output = try files.clientBytes(server.address, request).0
        #expect(output.count > 2 * 40 * 50_000)
        expectEqualBytes(Array(output.suffix(50_000)), pieces[39])
    }

    @Test func clientWithoutCertificateIsRefusedWhereOneIsNeeded() throws {
        let files = try Certificates()
        let server = try TestServer(tls: files.context(needsClient: true)) { exchange in
            exchange.respond(ResponseHead(status: 200), body: .bytes(Array((exchange.clientSubject ?? "none").utf8)))
        }
        let request = "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
        let (refused, status) = try files.client(server.address, request)
        #expect(refused.isEmpty && status != 0)
        let (stranger, _) = try files.client(server.address, request, files.identity("stranger"))
        #expect(stranger.isEmpty)
        for version in ["-tls1_2", "-tls1_3"] {
            let (output, _) = try files.client(server.address, request, files.identity("client") + [version])
            #expect(output.hasSuffix("\r\n\r\nCN=viewer\\, 1,O=Hospital"))
        }
        #expect(server.events.count == 2)
        #expect(server.events.allSatisfy { $0.hasPrefix("TLS handshake with 127.0.0.1 failed: ") })
    }

    @Test func oldVersionsAndRenegotiationAreRefused() throws {
        let files = try Certificates()
        let server = try TestServer(tls: files.context()) { $0.echo() }
        let request = "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
        let old = ["-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0"]
        #expect(try files.client(server.address, request, old).0.isEmpty)
        #expect(try files.client(server.address, request, ["-alpn", "h2"]).0.isEmpty)
        #expect(try files.client(server.address, request, ["-alpn", "h2,http/1.1"]).0.hasPrefix("HTTP/1.1 200"))
        // s_client renegotiates at a line that is "R".
        let again = try files.client(server.address, "R\n", ["-tls1_2", "-no_ign_eof"], isInteractive: true)
        #expect(!again.0.contains("HTTP/1.1") && again.1 != 0)
    }

    @Test func handshakeThatNeverEndsIsTimedOut() throws {
        let files = try Certificates()
        let server = try TestServer(tls: files.context(), settings: { $0.headerTimeout = .milliseconds(50) }) {
            $0.echo()
        }
        let silent = try server.connect()
        #expect(try silent.read() == nil)
        let partial = try server.connect()
        partial.send([0x16, 0x03, 0x01, 0x02, 0x00])
        #expect(try partial.read() == nil)
    }

    @Test func plainTextAndRubbishOnATLSPortAreRefused() throws {
        let files = try Certificates()
        let server = try TestServer(tls: files.context()) { _ in Issue.record("a request came through") }
        for bytes in HostileRequest.heads.prefix(10).map(\.bytes) + [[UInt8](repeating: 0x16, count: 5000)] {
            let client = try server.connect()
            client.send(bytes)
            let answer = try client.readAll()
            #expect(!String(decoding: answer, as: UTF8.self).contains("HTTP/1.1"))
        }
    }

    @Test func reloadedFilesCountForNewConnections() throws {
        let files = try Certificates()
        let context = try files.context()
        let server = try TestServer(tls: context) { $0.echo() }
        let request = "GET /a HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
        let trustsStranger = ["-CAfile", files.path("stranger.pem")]
        #expect(try files.client(server.address, request, trustsStranger).0.isEmpty)
        try files.replace("server", by: "stranger")
        try context.reload()
        #expect(try files.client(server.address, request, trustsStranger).0.hasPrefix("HTTP/1.1 200 OK"))
        #expect(try files.client(server.address, request).0.isEmpty)
    }

    @Test func filesThatCannotBeReloadedLeaveThoseOfBefore() throws {
        let files = try Certificates()
        let context = try files.context()
        let server = try TestServer(tls: context) { $0.echo() }
        try files.remove("server.key")
        #expect(throws: TLSError.self) { try context.reload() }
        let request = "GET /a HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
        #expect(try files.client(server.address, request).0.hasPrefix("HTTP/1.1 200 OK"))
    }

    @Test func filesThatDoNotFitAreErrors() throws {
        let files = try Certificates()
        #expect(throws: TLSError.self) {
            try TLSContext(certificateFile: files.path("server.pem"), keyFile: files.path("client.key"))
        }
        #expect(throws: TLSError.self) {
            try TLSContext(certificateFile: files.path("absent.pem"), keyFile: files.path("server.key"))
        }
        #expect(throws: TLSError.self) {
            try TLSContext(certificateFile: files.path("server.pem"), keyFile: files.path("locked.key"))
        }
        #expect(throws: TLSError.self) {
            try TLSContext(
                certificateFile: files.path("server.pem"), keyFile: files.path("server.key"),
                clientCAFile: files.path("absent.pem"))
        }
    }
}

/// Keys and certificates in a folder of their own, which goes with this object.
final class Certificates {
    private let folder: String

    init() throws {
        folder = "/tmp/wadogate-tls-\(getpid())-\(UInt64.random(in: 0 ... .max))"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try make("ca", subject: "/CN=Test CA", issuer: nil)
        try make("server", subject: "/CN=127.0.0.1", issuer: "ca")
        try make("client", subject: "/O=Hospital/CN=viewer, 1", issuer: "ca")
        try make("stranger", subject: "/CN=stranger", issuer: nil)
        try openSSL(["ec", "-in", path("server.key"), "-aes128", "-passout", "pass:x", "-out", path("locked.key")])
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    func path(_ name: String) -> String { "\(folder)/\(name)" }

    func remove(_ name: String) throws { try FileManager.default.removeItem(atPath: path(name)) }

    /// Puts another certificate and its key in the place of one.
    func replace(_ name: String, by other: String) throws {
        for ending in ["pem", "key"] {
            try remove("\(name).\(ending)")
            try FileManager.default.copyItem(atPath: path("\(other).\(ending)"), toPath: path("\(name).\(ending)"))
        }
    }

    func context(needsClient: Bool = false) throws -> TLSContext {
        try TLSContext(
            certificateFile: path("server.pem"), keyFile: path("server.key"),
            clientCAFile: needsClient ? path("ca.pem") : nil)
    }

    func identity(_ name: String) -> [String] { ["-cert", path("\(name).pem"), "-key", path("\(name).key")] }

    private func make(_ name: String, subject: String, issuer: String?) throws {
        let signer = issuer.map { ["-CA", path("\($0).pem"), "-CAkey", path("\($0).key")] } ?? []
        try openSSL(
            ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
                + ["-subj", subject, "-keyout", path("\(name).key"), "-out", path("\(name).pem")] + signer)
    }

    @discardableResult
    private func openSSL(_ arguments: [String]) throws -> [UInt8] {
        let (output, status) = try run(["openssl"] + arguments, input: "")
        if status != 0 { throw ClientError(reason: "openssl \(arguments[0]): \(status)") }
        return output
    }

    func client(
        _ address: SocketAddress, _ request: String, _ options: [String] = [], isInteractive: Bool = false
    ) throws -> (String, Int32) {
        let (bytes, status) = try clientBytes(address, request, options, isInteractive: isInteractive)
        return (String(decoding: bytes, as: UTF8.self), status)
    }

    /// What `openssl s_client` receives after it has sent the request.
    func clientBytes(
        _ address: SocketAddress, _ request: String, _ options: [String] = [], isInteractive: Bool = false
    ) throws -> ([UInt8], Int32) {
        try run(
            ["openssl", "s_client", "-connect", "\(address)", "-CAfile", path("ca.pem"), "-verify_return_error"]
                + (isInteractive ? [] : ["-quiet", "-no_ign_eof", "-ign_eof"]) + options, input: request)
    }

    /// Runs a program with a file as its input, and gives its output and exit status.
    private func run(_ arguments: [String], input: String) throws -> ([UInt8], Int32) {
        let name = path("run-\(UInt64.random(in: 0 ... .max))")
        try Data(input.utf8).write(to: URL(filePath: name + ".in"))
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        unsafe posix_spawn_file_actions_addopen(&actions, 0, name + ".in", O_RDONLY, 0)
        unsafe posix_spawn_file_actions_addopen(&actions, 1, name + ".out", O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        unsafe posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0)
        var words: [UnsafeMutablePointer<CChar>?] = unsafe arguments.map { unsafe strdup($0) } + [nil]
        defer { unsafe words.forEach { unsafe free($0) } }
        var process: pid_t = 0
        guard unsafe posix_spawnp(&process, arguments[0], &actions, nil, &words, environ) == 0 else {
            throw ClientError(reason: "cannot run \(arguments[0])")
        }
        var status: Int32 = 0
        while unsafe waitpid(process, &status, 0) < 0, errno == EINTR {}
        return (Array(try Data(contentsOf: URL(filePath: name + ".out"))), status >> 8)
    }
}
