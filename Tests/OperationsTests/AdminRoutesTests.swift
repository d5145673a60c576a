import CachePolicy
import DICOM
import DiskCache
import EventLoop
import Foundation
import Operations
import StudyDirectory
import Testing

/// What the admin listener answers to whom.
@Suite struct AdminRoutesTests {
    private let loop: EventLoop
    private let actions = AdminActions(
        explain: { study, series, _ in
            switch study.string {
            case "1.2":
                .success(.object([("study", .text(study.string)), ("series", .optional(series?.string))]))
            case "1.3": .failure(.unavailable(source: "fhir", timedOut: true, detail: "10.0.0.1"))
            default: .failure(.notFound)
            }
        },
        explainRequest: { target, accept, _ in .success(.array([.text(target), .text(accept)])) },
        abilities: { .array([]) },
        metrics: { MetricsPage(type: "text/plain; version=0.0.4", text: "# \($0)\n") },
        cache: AdminCacheActions(
            statistics: { CacheStatistics() }, list: { _, _, _ in [] }, contents: { _, _ in [] },
            purge: { selection, _ in PurgeResult(series: 1, objects: 2, bytes: selection.series == nil ? 100 : 10) },
            pins: { [] }, pin: { _ in }, unpin: { _ in }, verify: { _, _ in ScrubStatus() }, scrub: { ScrubStatus() }),
        warm: { _, _, _, _ in })

    init() throws { loop = try EventLoop() }

    private func ask(
        _ method: String, _ path: String, host: String? = "127.0.0.1:9090", origin: String? = nil, token: String? = nil,
        peer: String = "127.0.0.1", configured: AdminToken = .notConfigured, phase: AdminPhase? = nil
    ) async -> AdminAnswer {
        let routes = AdminRoutes(allowedHosts: ["Admin.example.org"]) { configured }
        let parts = path.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        let request = AdminRequest(
            method: method, path: parts[0], query: parts.count > 1 ? parts[1] : nil, host: host, origin: origin,
            authorization: token.map { "Bearer \($0)" },
            peer: peer)
        switch await routes.answer(request, phase: phase ?? .ready(actions), on: loop) {
        case .whole(let answer): return answer
        case .lines: return .sentence(200, "lines")
        }
    }

    private var secret: AdminToken { AdminToken.Secret("s3cret").map { .token($0) } ?? .unreadable }

    @Test(arguments: [
        ("GET", "/healthz", 200), ("HEAD", "/healthz", 200), ("GET", "/readyz", 200), ("GET", "/cache/stats", 200),
        ("GET", "/backends", 200), ("GET", "/metrics", 200), ("GET", "/backends/pacs", 404),
        ("DELETE", "/backends", 405),
        ("GET", "/explain/1.2", 200), ("GET", "/explain/1.2/1.2.3", 200), ("GET", "/explain/9.9", 404),
        ("GET", "/explain/1.3", 504), ("GET", "/explain/..", 400), ("GET", "/explain/1.2/%2e", 400),
        ("GET", "/explain", 404),
        ("GET", "/", 404), ("GET", "", 404), ("GET", "healthz", 404), ("GET", "/healthz/", 404),
        ("GET", "//healthz", 404),
        ("GET", "/cache/stats?x=1", 400), ("GET", "/cache/stats?", 200),
        ("DELETE", "/cache/studies/1.2?dry_run=yes", 400),
        ("POST", "/healthz", 405), ("PUT", "/cache/studies/1.2", 405), ("DELETE", "/cache/stats", 405),
        ("DELETE", "/cache/studies/", 400), ("DELETE", "/cache/studies/1.2/series", 404),
        ("OPTIONS", "/explain/1.2", 405),
    ])
    func answers(method: String, path: String, status: Int) async {
        #expect(await ask(method, path).status == status)
    }

    @Test func namesNoAddressOfASource() async {
        #expect(await ask("GET", "/explain/1.3").body == "The source fhir did not answer in time.\n")
    }

    @Test func isReadyOnlyBetweenStartAndDrain() async {
        #expect(await ask("GET", "/readyz", phase: .starting).status == 503)
        #expect(await ask("GET", "/readyz", phase: .draining).status == 503)
        #expect(await ask("GET", "/healthz", phase: .starting).status == 200)
        #expect(await ask("GET", "/explain/1.2", phase: .draining).status == 503)
    }

    @Test(
        arguments: [
            ("127.0.0.1:9090", 200), ("LOCALHOST", 200), ("[::1]:9090", 200), ("admin.example.org:1", 200),
            ("evil.example", 403),
            ("127.0.0.1.evil.example:9090", 403), (nil, 403), ("", 403),
        ] as [(String?, Int)])
    func readsOnlyForHostsThatAreOurs(host: String?, status: Int) async {
        #expect(await ask("GET", "/cache/stats", host: host).status == status)
        #expect(await ask("GET", "/healthz", host: host).status == 200)
    }

    @Test func purgesWithTheToken() async {
        let answer = await ask("DELETE", "/cache/studies/1.2", token: "s3cret", configured: secret)
        #expect(answer.status == 200 && answer.body.contains("\"freed_bytes\": 100"))
        let series = await ask("DELETE", "/cache/studies/1.2/series/1.3", token: "s3cret", configured: secret)
        #expect(series.body.contains("\"freed_bytes\": 10\n"))
    }

    @Test(arguments: [nil, "", "s3cre", "s3cretX", "S3cret", "s3cretS3cret", "s3crets3cret"])
    func doesNotPurgeWithoutTheToken(token: String?) async {
        #expect(await ask("DELETE", "/cache/studies/1.2", token: token, configured: secret).status == 403)
        #expect(await ask("DELETE", "/cache/studies/1.2", token: token).status == 403)
        #expect(await ask("DELETE", "/cache/studies/1.2", token: token, configured: .unreadable).status == 403)
    }

    @Test(arguments: [
        ("http://127.0.0.1:9090", 200), ("https://127.0.0.1:9090", 200), ("http://127.0.0.1:80", 403), ("null", 403),
        ("http://evil.example", 403),
    ])
    func doesNotPurgeForAnotherOrigin(origin: String, status: Int) async {
        let answer = await ask("DELETE", "/cache/studies/1.2", origin: origin, token: "s3cret", configured: secret)
        #expect(answer.status == status)
    }

    @Test func tellsOthersThanLoopbackNothingWithoutTheToken() async {
        #expect(await ask("GET", "/explain/1.2", host: "admin.example.org", peer: "10.0.0.9").status == 403)
        let answer = await ask(
            "GET", "/explain/1.2", host: "admin.example.org", token: "s3cret", peer: "10.0.0.9", configured: secret)
        #expect(answer.status == 200)
        #expect(await ask("GET", "/healthz", host: "10.0.0.1:9090", peer: "10.0.0.9").status == 200)
    }

    @Test func readsTheTokensFileOnlyWhenNobodyElseCan() throws {
        let path = FileManager.default.temporaryDirectory.appending(path: "wadogate-\(UUID())").path
        defer { try? FileManager.default.removeItem(atPath: path) }
        func read(_ text: String, mode: Int) throws -> String? {
            try text.write(toFile: path, atomically: false, encoding: .utf8)
            try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
            guard case .token(let secret) = AdminToken.read(path) else { return nil }
            return secret.matches("s3cret") ? "s3cret" : "another"
        }
        #expect(try read("s3cret\n", mode: 0o600) == "s3cret")
        #expect(try read("s3cret", mode: 0o640) == "s3cret")
        #expect(try read("s3cret\r\nmore", mode: 0o600) == "s3cret")
        #expect(try read("s3cret\n", mode: 0o644) == nil)
        #expect(try read("\n", mode: 0o600) == nil)
        #expect(try read("", mode: 0o600) == nil)
        guard case .unreadable = AdminToken.read(path + "x") else {
            Issue.record("a missing file was read")
            return
        }
    }
}
