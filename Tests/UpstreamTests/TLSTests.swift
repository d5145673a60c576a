import EventLoop
import Foundation
import Glibc
import HTTP
import Testing

@testable import Upstream

/// Certificates of one test run, made with the openssl command, and servers that use them.
final class TestTLS: Sendable {
    let folder: String
    struct Failed: Error {
        let what: String
    }

    /// An authority `ca.pem`, another one `other.pem`, a server `server.pem` for 127.0.0.1, a server `elsewhere.pem` for
    /// another host, and a client `client.pem`, each with its key in `.key`.
    init() throws {
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("wadogate-\(UUID())").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        for name in ["ca", "other"] {
            try openssl(
                "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout \(name).key -out \(name).pem -days 2 -subj /CN=\(name)"
            )
        }
        for (name, address) in [
            ("server", "IP:127.0.0.1"), ("elsewhere", "DNS:elsewhere.invalid"), ("client", "DNS:client"),
        ] {
            try "subjectAltName=\(address)\n".write(toFile: folder + "/\(name).ext", atomically: true, encoding: .utf8)
            try openssl(
                "req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout \(name).key -out \(name).csr -subj /CN=\(name)"
            )
            try openssl(
                "x509 -req -in \(name).csr -CA ca.pem -CAkey ca.key -CAcreateserial -out \(name).pem -days 2 -extfile \(name).ext"
            )
        }
        try "over TLS".write(toFile: folder + "/object", atomically: true, encoding: .utf8)
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    func path(_ name: String) -> String { folder + "/" + name }

    private func process(_ arguments: String) -> Process {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/openssl")
        process.arguments = arguments.split(separator: " ").map(String.init)
        process.currentDirectoryURL = URL(fileURLWithPath: folder)
        process.standardInput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        return process
    }

    private func openssl(_ arguments: String) throws {
        let process = process(arguments)
        try process.run()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw Failed(what: arguments) }
    }

    /// Serves the folder's files, and calls `body` with the port.
    func serving(
        _ certificate: String, options: String = "", _ body: (_ port: Int) async throws -> Void
    ) async throws {
        let server = process(
            "s_server -accept 127.0.0.1:0 -WWW -cert \(certificate).pem -key \(certificate).key \(options)")
        let output = Pipe()
        server.standardOutput = output
        try server.run()
        defer {
            // SIGTERM may be blocked in the children of a test run.
            kill(server.processIdentifier, SIGKILL)
            server.waitUntilExit()
        }
        var text = ""
        // "ACCEPT 127.0.0.1:43211", once the port is bound.
        while !text.contains(/ACCEPT .*:\d+\n/) {
            let bytes = output.fileHandleForReading.availableData
            if bytes.isEmpty { throw Failed(what: text) }
            text += String(decoding: bytes, as: UTF8.self)
        }
        guard let match = text.firstMatch(of: /ACCEPT .*:(\d+)\n/), let port = Int(match.1) else {
            throw Failed(what: text)
        }
        try await body(port)
    }
}

@Suite struct TLSTests {
    /// What comes back from `object` on that port, or the kind of the failure.
    private static func fetch(port: Int, tune: (inout Backend) -> Void) async throws -> Result<String, UpstreamError> {
        let match = try Bed.url("https://127.0.0.1:\(port)/")
        var backend = Backend(name: "pacs", match: match)
        tune(&backend)
        let bed = try Bed(backends: [backend])
        return try await bed.run { loop in
            do {
                let response = try await bed.upstream.get(
                    UpstreamRequest(url: match.appending(path: "object")), on: loop)
                return .success(String(decoding: try await response.wholeBody(), as: UTF8.self))
            } catch let error as UpstreamError {
                return .failure(error)
            }
        }
    }

    private static func kind(_ result: Result<String, UpstreamError>) -> UpstreamError.Kind? {
        if case .failure(let error) = result { error.kind } else { nil }
    }

    @Test func certificatesAreHeldToTheBackendsOwnAuthority() async throws {
        let tls = try TestTLS()
        try await tls.serving("server") { port in
            let trusted = try await Self.fetch(port: port) { $0.caFile = tls.path("ca.pem") }
            #expect(trusted == .success("over TLS"))
            let wrong = try await Self.fetch(port: port) { $0.caFile = tls.path("other.pem") }
            #expect(Self.kind(wrong) == .tls)
            // The system's authorities know nothing of it.
            #expect(Self.kind(try await Self.fetch(port: port) { _ in }) == .tls)
            let missing = try await Self.fetch(port: port) { $0.caFile = tls.path("nothing.pem") }
            #expect(Self.kind(missing) == .tls)
        }
        try await tls.serving("elsewhere") { port in
            let otherHost = try await Self.fetch(port: port) { $0.caFile = tls.path("ca.pem") }
            #expect(Self.kind(otherHost) == .tls)
        }
    }

    @Test func clientCertificateIsShown() async throws {
        let tls = try TestTLS()
        try await tls.serving("server", options: "-Verify 1 -verify_return_error -CAfile ca.pem -tls1_2") { port in
            let known = try await Self.fetch(port: port) {
                $0.caFile = tls.path("ca.pem")
                $0.clientCertificate = tls.path("client.pem")
                $0.clientKey = tls.path("client.key")
            }
            #expect(known == .success("over TLS"))
            let unknown = try await Self.fetch(port: port) { $0.caFile = tls.path("ca.pem") }
            #expect(Self.kind(unknown) == .tls)
            let noKey = try await Self.fetch(port: port) {
                $0.caFile = tls.path("ca.pem")
                $0.clientCertificate = tls.path("client.pem")
            }
            #expect(Self.kind(noKey) == .tls)
        }
    }

    @Test func plainServerIsNoTLSServer() async throws {
        let origin = try Origin { try $0.send("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n") }
        #expect(Self.kind(try await Self.fetch(port: origin.port) { _ in }) == .tls)
        origin.stop()
    }
}
