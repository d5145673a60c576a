import EventLoop
import Glibc
import HTTP
import Synchronization
import Testing

@testable import Upstream

/// Keeps the request heads that an origin gets.
final class Recorder: Sendable {
    private let heads = Mutex<[[String]]>([])

    var last: [String] { heads.withLock { $0.last ?? [] } }
    var count: Int { heads.withLock { $0.count } }

    func origin() throws -> Origin {
        try Origin { conversation in
            while let head = conversation.readHead() {
                self.heads.withLock { $0.append(head.split(separator: "\r\n").map(String.init)) }
                try conversation.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            }
        }
    }
}

/// A file that goes with its test.
final class TemporaryFile: Sendable {
    let path: String

    init(_ text: String) throws {
        var template = Array("/tmp/wadogate-test-XXXXXX".utf8CString)
        // mkstemp writes within the template.
        let descriptor = try system("mkstemp") { unsafe mkstemp(&template) }
        close(descriptor)
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        try write(text)
    }

    deinit { unsafe _ = unlink(path) }

    func write(_ text: String) throws {
        guard let file = unsafe fopen(path, "w") else { throw SystemError(call: "fopen", code: errno) }
        unsafe fputs(text, file)
        unsafe fclose(file)
    }
}

@Suite struct RequestTests {
    @Test func requestIsSentAsAsked() async throws {
        let recorder = Recorder()
        let bed = try Bed(recorder.origin())
        try await bed.run { loop in
            var request = try bed.request("/studies/1.2;a=b/x%2Fy/frames/1,2?accept=application/dicom&q=%C3%A9")
            request.fields = [
                "Accept": "multipart/related; type=\"application/dicom\"", "Prefer": "handling=strict", "X-Empty": "",
            ]
            _ = try await bed.upstream.get(request, on: loop)
        }
        let head = recorder.last
        #expect(head.first == "GET /studies/1.2;a=b/x%2Fy/frames/1,2?accept=application/dicom&q=%C3%A9 HTTP/1.1")
        #expect(head.contains("Host: 127.0.0.1:\(bed.url.port)"))
        #expect(head.contains("Accept: multipart/related; type=\"application/dicom\""))
        #expect(head.contains("Prefer: handling=strict"))
        #expect(head.contains("X-Empty:"))
        #expect(head.contains("Accept-Encoding: identity"))
        #expect(head.contains("User-Agent: wadogate"))
    }

    @Test func clientsCredentialsAndConnectionFieldsStayHere() async throws {
        let recorder = Recorder()
        let bed = try Bed(recorder.origin())
        try await bed.run { loop in
            var request = try bed.request()
            request.fields = [
                "Authorization": "Bearer mine", "Cookie": "session=1", "Proxy-Authorization": "Basic x", "Host": "evil",
                "Connection": "upgrade", "Upgrade": "h2c", "Transfer-Encoding": "chunked", "Content-Length": "7",
                "accept-encoding": "gzip", "user-agent": "Mozilla", "X-Kept": "yes",
            ]
            request.clientAuthorization = "Bearer mine"
            _ = try await bed.upstream.get(request, on: loop)
        }
        let names = recorder.last.dropFirst().map { $0.prefix { $0 != ":" }.lowercased() }.sorted()
        #expect(names == ["accept", "accept-encoding", "host", "user-agent", "x-kept"])
        #expect(recorder.last.contains("Accept-Encoding: identity"))
    }

    @Test func environmentsProxyDoesNotCount() async throws {
        unsafe setenv("http_proxy", "http://127.0.0.1:1", 1)
        let bed = try Bed(Recorder().origin())
        #expect(try await bed.fetch().head.status == 200)
    }

    @Test func configuredProxyIsUsed() async throws {
        let recorder = Recorder()
        let proxy = try recorder.origin()
        let url = try Bed.url("http://backend.invalid/dicom-web/studies")
        var backend = Backend(name: "pacs", match: try Bed.url("http://backend.invalid/dicom-web"))
        backend.proxy = "http://127.0.0.1:\(proxy.port)"
        let bed = try Bed(backends: [backend])
        let status = try await bed.run { try await bed.upstream.get(UpstreamRequest(url: url), on: $0).head.status }
        #expect(status == 200)
        #expect(recorder.last.first == "GET http://backend.invalid/dicom-web/studies HTTP/1.1")
        proxy.stop()
    }

    @Test(arguments: [
        "http://127.0.0.1:1/dicom-web2/x", "http://127.0.0.1:1/", "https://127.0.0.1:1/dicom-web/x",
        "http://127.0.0.1:2/dicom-web/x", "http://backend.invalid/dicom-web/x",
    ])
    func urlOfNoBackendIsNotContacted(_ text: String) async throws {
        let bed = try Bed(backends: [Backend(name: "pacs", match: try Bed.url("http://127.0.0.1:1/dicom-web"))])
        let url = try Bed.url(text)
        #expect(bed.upstream.backend(for: url) == nil)
        await #expect {
            _ = try await bed.run { try await bed.upstream.get(UpstreamRequest(url: url), on: $0).head }
        } throws: { ($0 as? UpstreamError)?.kind == .notAllowed }
    }

    /// An address that comes with a study must not be contacted with the credentials for the FHIR server.
    @Test func aRequestReachesBackendsOfItsRoleOnly() async throws {
        let url = try Bed.url("http://127.0.0.1:1/fhir")
        var directory = Backend(name: "fhir", match: url)
        directory.role = .directory
        let bed = try Bed(backends: [directory])
        let binary = url.appending(path: "Binary/7")
        #expect(bed.upstream.backend(for: binary) == nil)
        #expect(bed.upstream.backend(for: binary, role: .directory)?.name == "fhir")
        await #expect {
            _ = try await bed.run { try await bed.upstream.get(UpstreamRequest(url: binary), on: $0).head }
        } throws: { ($0 as? UpstreamError)?.kind == .notAllowed }
    }

    @Test func eachRoleOfOneURLHasItsOwnPool() async throws {
        let origin = try Origin { try $0.answerAll("HTTP/1.1 204 No Content\r\n\r\n") }
        let url = try Bed.url("http://127.0.0.1:\(origin.port)/")
        var directory = Backend(name: "fhir", match: url)
        directory.role = .directory
        let bed = try Bed(backends: [Backend(name: "pacs", match: url), directory])
        for role in [Backend.Role.images, .directory] {
            let name = try await bed.run { loop in
                try await bed.upstream.get(UpstreamRequest(url: url, role: role), on: loop).backend.name
            }
            #expect(name == (role == .images ? "pacs" : "fhir"))
        }
        #expect(bed.upstream.counters.map(\.counters.requests) == [1, 1])
        origin.stop()
    }

    @Test func longestMatchWins() throws {
        let names = ["http://a/": "all", "http://a/x/y": "deep", "http://a/x": "x"]
        let bed = try Bed(backends: try names.map { Backend(name: $0.value, match: try Bed.url($0.key)) })
        let expected = ["/": "all", "/x": "x", "/xy": "all", "/x/y/z": "deep", "/x/%79": "deep", "/x/y/../z": "x"]
        for (path, name) in expected {
            #expect(bed.upstream.backend(for: try Bed.url("http://a" + path))?.name == name, "\(path)")
        }
    }
}

@Suite struct CredentialsTests {
    private static func authorization(
        _ credentials: Backend.Credentials, client: String? = nil, field: String = "Authorization"
    ) async throws -> String? {
        let recorder = Recorder()
        let bed = try Bed(recorder.origin()) { $0.credentials = credentials }
        _ = try await bed.run { loop in
            var request = try bed.request()
            request.clientAuthorization = client
            return try await bed.upstream.get(request, on: loop).head
        }
        return recorder.last.first { $0.hasPrefix(field + ":") }
    }

    @Test func basicIsSent() async throws {
        let file = try TemporaryFile("open sesame\n")
        let line = try await Self.authorization(.basic(user: "Aladdin", passwordFile: file.path))
        #expect(line == "Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==")
    }

    @Test(arguments: ["token", "token\n", "token\r\n"]) func bearerIsSentWithoutItsLineEnd(_ text: String) async throws
    {
        let file = try TemporaryFile(text)
        #expect(try await Self.authorization(.bearer(file: file.path)) == "Authorization: Bearer token")
    }

    @Test func fixedFieldIsSent() async throws {
        let file = try TemporaryFile("k3y")
        let line = try await Self.authorization(.header(name: "X-Api-Key", valueFile: file.path), field: "X-Api-Key")
        #expect(line == "X-Api-Key: k3y")
    }

    @Test func clientsAuthorizationGoesOnOnlyWhereConfigured() async throws {
        #expect(try await Self.authorization(.client, client: "Bearer mine") == "Authorization: Bearer mine")
        #expect(try await Self.authorization(.client) == nil)
        #expect(try await Self.authorization(.none, client: "Bearer mine") == nil)
    }

    @Test(arguments: [nil, "", "\n", "two\nlines", "bell\u{7}", String(repeating: "x", count: 70000)] as [String?])
    func unusableFileIsAnErrorThatDoesNotTellTheSecret(_ text: String?) async throws {
        let file = try TemporaryFile(text ?? "")
        let path = text == nil ? "/nonexistent/token" : file.path
        let bed = try Bed(Recorder().origin()) { $0.credentials = .bearer(file: path) }
        await #expect {
            _ = try await bed.fetch()
        } throws: {
            guard let error = $0 as? UpstreamError else { return false }
            let tellsNothing = !error.detail.contains("bell") && !error.detail.contains("lines\"")
            return error.kind == .credentials && error.detail.contains(path) && tellsNothing
        }
    }

    @Test func changedFileIsReadAgainAfterASecond() async throws {
        let file = try TemporaryFile("old")
        let workers = WorkerPool(threads: 1)
        defer { workers.stop() }
        let secret = SecretFile(path: file.path, workers: workers)
        let start = ContinuousClock.now
        #expect(try await secret.secret(now: start) == "old")
        try file.write("newer")
        #expect(try await secret.secret(now: start + .milliseconds(900)) == "old")
        #expect(try await secret.secret(now: start + .milliseconds(1100)) == "newer")
        unsafe _ = unlink(file.path)
        #expect(try await secret.secret(now: start + .milliseconds(2000)) == "newer")
        await #expect(throws: SecretFile.Failure.self) { _ = try await secret.secret(now: start + .milliseconds(2200)) }
    }

    @Test func errorsNeverNameAnAddress() {
        for kind in UpstreamError.Kind.allCases {
            let error = UpstreamError(kind: kind, backend: "pacs", detail: "http://10.0.0.7:8042/secret")
            #expect(!error.clientSentence.contains("10.0.0.7"))
            #expect(error.clientSentence.contains("pacs") || kind == .notAllowed)
            #expect([502, 503, 504].contains(error.status))
        }
    }
}
