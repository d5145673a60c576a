import CachePolicy
import DICOM
import DiskCache
import EventLoop
import Gateway
import Operations
import StudyDirectory
import Synchronization
import Testing

/// What operators can ask of the cache, and what reaches it.
@Suite struct AdminCacheTests {
    private let loop: EventLoop
    private let calls = Calls()

    init() throws { loop = try EventLoop() }

    /// What the cache was asked.
    private final class Calls: Sendable {
        private let texts = Mutex<[String]>([])
        var all: [String] { texts.withLock { $0 } }
        func note(_ text: String) { texts.withLock { $0.append(text) } }
    }

    private func text(_ selection: CacheSelection) -> String {
        let words: [String?] = [
            selection.study.map { "study \($0)" }, selection.series.map { "series \($0)" },
            selection.patient.map { "patient \($0)" }, selection.backend.map { "backend \($0)" },
            selection.objectClass.map { "class \($0)" },
            selection.olderThan.map { "older than \($0.components.seconds)" },
        ]
        return words.compactMap { $0 }.joined(separator: ", ")
    }

    private func text(_ pin: Pin) -> String {
        switch pin {
        case .study(let study): "study \(study)"
        case .series(let study, let series): "series \(study)/\(series)"
        case .patient(let patient): "patient \(patient)"
        }
    }

    private func entry(_ study: String, _ series: String) -> SeriesEntry? {
        guard let study = UID(study), let series = UID(series) else { return nil }
        return SeriesEntry(
            key: SeriesKey(study: study, series: series), patient: "Patient/7", bytes: 8192, objects: 2,
            lastAccess: 1_000, created: 0, isPinned: true,
            parts: [.init(objectClass: "instance", backend: "pacs", bytes: 8192, objects: 2)])
    }

    private var actions: AdminActions {
        AdminActions(
            explain: { _, _, _ in .failure(.notFound) }, explainRequest: { _, _, _ in .success(.null) },
            abilities: { .null }, metrics: { _ in MetricsPage(type: "", text: "") },
            cache: AdminCacheActions(
                statistics: { CacheStatistics() },
                list: { [calls] selection, after, limit in
                    calls.note(
                        "list \(text(selection)) after \(after.map { "\($0.study)/\($0.series)" } ?? "-") \(limit)")
                    guard selection.study == nil || selection.study == UID("1.2") else { return [] }
                    return Array([entry("1.2", "1.2.1"), entry("1.2", "1.2.2")].compactMap { $0 }.prefix(limit))
                },
                contents: { [calls] series, limit in
                    calls.note("contents \(series.series) \(limit)")
                    return []
                },
                purge: { [calls] selection, isDryRun in
                    calls.note("purge \(text(selection))\(isDryRun ? " dry" : "")")
                    return PurgeResult(series: 1, objects: 2, bytes: 3)
                },
                pins: { [.patient("Patient/7")] },
                pin: { [calls] pin throws(CacheError) in
                    calls.note("pin \(text(pin))")
                    if pin == .patient("full") { throw .io(detail: "no space") }
                },
                unpin: { [calls] pin in calls.note("unpin \(text(pin))") },
                verify: { [calls] selection, progress in
                    calls.note("verify \(text(selection))")
                    var status = ScrubStatus()
                    status.count.objects = 5
                    progress(status)
                    status.finished = 7
                    return status
                }, scrub: { ScrubStatus() }),
            warm: { [calls] targets, settings, _, report throws(AdminClientGone) in
                calls.note("warm \(targets) \(settings.jobs) \(settings.bytesPerSecond ?? 0)")
                for target in targets {
                    var item = WarmItem(target: target)
                    item.state = target.series == nil ? .done : .failed("no such series")
                    item.instances = 3
                    item.fetchedBytes = 100
                    try await report(item)
                }
            })
    }

    private func ask(_ method: String, _ target: String, body: String = "", token: String? = "s3cret") async
        -> AdminReply
    {
        let secret = AdminToken.Secret("s3cret").map { AdminToken.token($0) } ?? .unreadable
        let parts = target.split(separator: "?", maxSplits: 1).map(String.init)
        let request = AdminRequest(
            method: method, path: parts[0], query: parts.count > 1 ? parts[1] : nil, body: Array(body.utf8),
            host: "localhost", authorization: token.map { "Bearer \($0)" }, peer: "127.0.0.1")
        return await AdminRoutes(allowedHosts: []) { secret }.answer(request, phase: .ready(actions), on: loop)
    }

    private func whole(_ method: String, _ target: String, body: String = "") async -> AdminAnswer {
        guard case .whole(let answer) = await ask(method, target, body: body) else { return .sentence(200, "lines") }
        return answer
    }

    @Test(arguments: [
        ("GET", "/cache/series", "list  after - 100"),
        ("GET", "/cache/series?study=1.2&limit=5&after=1.2/1.3", "list study 1.2 after 1.2/1.3 5"),
        (
            "GET", "/cache/series?series=1.3&patient=Patient%2F7&backend=pacs&class=frame&older-than=86400",
            "list series 1.3, patient Patient/7, backend pacs, class frame, older than 86400 after - 100"
        ),
        ("DELETE", "/cache?study=1.2", "purge study 1.2"), ("DELETE", "/cache?all=yes", "purge "),
        ("DELETE", "/cache?dry-run=yes", "purge  dry"),
        ("DELETE", "/cache?older-than=60&dry-run=no", "purge older than 60"),
        ("DELETE", "/cache/studies/1.2", "purge study 1.2"),
        ("DELETE", "/cache/studies/1.2/series/1.3?dry-run=yes", "purge study 1.2, series 1.3 dry"),
        ("PUT", "/cache/pins/studies/1.2", "pin study 1.2"),
        ("PUT", "/cache/pins/studies/1.2/series/1.3", "pin series 1.2/1.3"),
        ("PUT", "/cache/pins/patients/Patient%2F7", "pin patient Patient/7"),
        ("DELETE", "/cache/pins/patients/Patient%2F7", "unpin patient Patient/7"),
        ("DELETE", "/cache/pins/studies/1.2/series/1.3", "unpin series 1.2/1.3"),
        ("POST", "/cache/verify?study=1.2", "verify study 1.2"),
        ("POST", "/cache/warm?jobs=3&rate=4096", "warm [1.2, 1.2/1.3] 3 4096"),
    ])
    func passesOn(method: String, target: String, call: String) async {
        let reply = await ask(method, target, body: "# these\n1.2\r\n\n 1.2/1.3\n")
        #expect(reply.status == 200)
        if case .lines(let write) = reply {
            loop.start()
            defer { loop.stop() }
            _ = await Task(executorPreference: loop) { try? await write { _ in } }.value
        }
        #expect(calls.all == [call])
    }

    @Test(arguments: [
        ("GET", "/cache/series?stduy=1.2", 400, "series, study"), ("GET", "/cache/series?study=1..2", 400, "UID"),
        ("GET", "/cache/series?study=1.2&study=1.3", 400, "twice"), ("GET", "/cache/series?limit=0", 400, "1 to 10000"),
        ("GET", "/cache/series?class=frames", 400, "frame-index"),
        ("GET", "/cache/series?after=1.2", 400, "STUDY/SERIES"),
        ("GET", "/cache/series?study", 400, "name=value"), ("GET", "/cache/series?patient=", 400, "empty"),
        ("GET", "/cache/series?older-than=1d", 400, "whole number"),
        ("DELETE", "/cache", 400, "all=yes"), ("DELETE", "/cache?all=no", 400, "all=yes"),
        ("DELETE", "/cache?all=maybe", 400, "yes or no"), ("DELETE", "/cache?study=1.2&dryrun=yes", 400, "dry-run"),
        ("PUT", "/cache/pins/patients/%FF", 400, "UTF-8"), ("PUT", "/cache/pins/patients/", 400, "empty"),
        ("PUT", "/cache/pins/patients/full", 507, "no space"), ("PUT", "/cache/pins/studies/x", 400, "UID"),
        ("GET", "/cache/studies/9.9", 404, "nothing"), ("POST", "/cache/warm", 400, "nothing to warm"),
        ("POST", "/cache/warm?jobs=0", 400, "jobs"), ("GET", "/cache/warm", 405, "POST"),
    ])
    func refuses(method: String, target: String, status: Int, words: String) async {
        let body = target == "/cache/warm" ? "# nothing\n" : "1.2\n"
        let answer = await whole(method, target, body: body)
        #expect(answer.status == status)
        #expect(answer.body.contains(words), "\(answer.body)")
        #expect(calls.all.allSatisfy { !$0.hasPrefix("purge") && !$0.hasPrefix("warm") })
    }

    @Test func namesTheLineThatIsNotUnderstood() async {
        let answer = await whole("POST", "/cache/warm", body: "1.2\n\n1.2/1.3/1.4\n")
        #expect(answer.status == 400 && answer.body.contains("Line 3 "))
        #expect(calls.all.isEmpty)
    }

    @Test(arguments: [
        ("DELETE", "/cache?study=1.2"), ("PUT", "/cache/pins/studies/1.2"), ("DELETE", "/cache/pins/studies/1.2"),
        ("POST", "/cache/warm"), ("POST", "/cache/verify"),
    ])
    func changesNothingWithoutTheToken(method: String, target: String) async {
        #expect(await ask(method, target, body: "1.2\n", token: nil).status == 403)
        #expect(calls.all.isEmpty)
    }

    @Test func aListTellsWhereItGoesOn() async {
        let page = await whole("GET", "/cache/series?limit=1")
        #expect(page.body.contains("\"next\": \"1.2/1.2.1\""))
        let last = await whole("GET", "/cache/series?limit=3")
        #expect(
            last.body.contains("\"next\": null") && last.body.contains("\"last_access\": \"1970-01-01T00:00:01.000Z\""))
    }

    @Test func showsAStudyWithItsObjectsWhenAsked() async {
        let answer = await whole("GET", "/cache/studies/1.2")
        #expect(answer.body.contains("\"bytes\": 16384") && answer.body.contains("\"patient\": \"Patient/7\""))
        #expect(!calls.all.contains { $0.hasPrefix("contents") })
        _ = await whole("GET", "/cache/studies/1.2?objects=7")
        #expect(calls.all.suffix(2) == ["contents 1.2.1 7", "contents 1.2.2 7"])
    }

    @Test func warmsLineByLineAndEndsWithASummary() async throws {
        guard case .lines(let write) = await ask("POST", "/cache/warm", body: "1.2\n1.2/1.3\n") else {
            Issue.record("no lines")
            return
        }
        let lines = Calls()
        try await write { lines.note($0.line) }
        #expect(lines.all.count == 3)
        #expect(lines.all[1].contains(#""item":"1.2/1.3","state":"failed""#))
        #expect(
            lines.all[2].hasPrefix(
                #"{"summary":{"items":2,"done":1,"failed":1,"instances":6,"present":0,"fetched_bytes":200"#))
    }

    @Test func stopsWhenTheClientHasGone() async {
        guard case .lines(let write) = await ask("POST", "/cache/warm", body: "1.2\n1.2/1.3\n") else { return }
        await #expect(throws: AdminClientGone.self) {
            try await write { _ throws(AdminClientGone) in throw AdminClientGone() }
        }
    }
}
