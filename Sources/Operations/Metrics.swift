// What is counted as it happens: requests and fills. Each report costs a few additions to cells of the loop it came from.
// What can be asked at any time stands in MetricsObserved.
package import CachePolicy
package import EventLoop
package import Gateway
import Synchronization

/// The metrics of one process.
package final class Metrics: Sendable {
    let recorded: RecordedMetrics
    let shards: [MetricsShard]
    /// Of the labels whose words come with a report.
    let backends: [String]
    static let classes = ObjectClass.words + [none]
    static let none = "none"

    /// - Parameters:
    ///   - backends: the configured names that reports can speak of: backends and archives.
    ///   - loops: how many loops report.
    package init(backends: [String], loops: Int) {
        // A backend and a directory may share their name, and a series must stand once.
        self.backends = Array(Set(backends)).sorted() + [Self.none]
        var layout = MetricsLayout()
        recorded = RecordedMetrics(backends: self.backends, classes: Self.classes, in: &layout)
        blocks = layout.blocks
        let cells = layout.cellCount
        shards = (0..<max(1, loops)).map { _ in MetricsShard(count: cells) }
    }

    /// In the order of the page.
    let blocks: [MetricsBlock]

    /// Epochs raised, by the word of the reason: seldom, and from any thread.
    let epochs = Mutex<[String: Int64]>(
        Dictionary(uniqueKeysWithValues: StudyEpoch.Reason.allCases.filter { $0 != .unknown }.map { ($0.rawValue, 0) }))

    /// A study's epoch was raised; any thread.
    package func record(_ epoch: StudyEpoch) {
        epochs.withLock { $0[epoch.reason.rawValue, default: 0] += 1 }
    }

    // MARK: Reports (on the loop that they come from)

    /// A request has ended.
    package func record(_ entry: RequestLogEntry, on loop: EventLoop) {
        loop.assertOnLoop()
        record(entry, in: shards[loop.index])
    }

    /// A fill has ended.
    package func record(_ report: FillReport, on loop: EventLoop) {
        loop.assertOnLoop()
        record(report, in: shards[loop.index])
    }

    func record(_ entry: RequestLogEntry, in shard: MetricsShard) {
        let route = entry.route.index
        let outcome = entry.cache.map(Self.place) ?? CacheOutcome.allCases.count
        let objectClass = entry.objectClass.map(Self.place(ofClass:)) ?? Self.classes.count - 1
        let backend = place(of: entry.backend)
        let nanoseconds = entry.duration.nanoseconds
        recorded.requests.add(1, route, Self.place(ofMethod: entry.method), Self.place(of: entry.status), to: shard)
        recorded.duration.observe(nanoseconds, route, outcome, in: shard)
        recorded.answers.add(1, outcome, objectClass, backend, to: shard)
        recorded.sentBytes.add(entry.bytes, outcome, objectClass, backend, to: shard)
        if entry.savedBytes > 0 { recorded.savedBytes.add(entry.savedBytes, objectClass, backend, to: shard) }
        if let first = entry.upstreamFirstByte { recorded.firstByte.observe(first.nanoseconds, backend, in: shard) }
        if !entry.parts.isEmpty {
            for (outcome, count) in entry.parts {
                recorded.parts.add(Int64(count), Self.place(outcome), objectClass, to: shard)
            }
        }
        if let end = entry.unfinished {
            recorded.unfinished.add(1, end == .clientGone ? 0 : 1, to: shard)
        }
    }

    func record(_ report: FillReport, in shard: MetricsShard) {
        let objectClass = Self.place(ofClass: report.objectClass)
        let backend = place(of: report.backend)
        let result = FillReport.Result.allCases.firstIndex(of: report.result) ?? 0
        if report.isDerived {
            recorded.derivations.add(1, objectClass, result, to: shard)
            recorded.derivationDuration.observe(report.duration.nanoseconds, objectClass, in: shard)
            recorded.derivedBytes.add(report.bytes, objectClass, to: shard)
        } else {
            recorded.fills.add(1, objectClass, backend, result, to: shard)
            recorded.fillDuration.observe(report.duration.nanoseconds, objectClass, backend, in: shard)
            recorded.fillBytes.add(report.bytes, objectClass, backend, to: shard)
        }
    }

    /// The sums over all loops so far; any thread.
    func series(of block: MetricsBlock) -> [(labels: [String], cells: [Int64])] { block.series(shards) }

    // MARK: Places of words

    private static func place(_ outcome: CacheOutcome) -> Int {
        switch outcome {
        case .hit: 0
        case .miss: 1
        case .follow: 2
        case .derived: 3
        case .stale: 4
        case .bypass: 5
        }
    }

    private static func place(ofClass word: String) -> Int { classes.firstIndex(of: word) ?? classes.count - 1 }

    private func place(of backend: String?) -> Int {
        backend.flatMap { backends.firstIndex(of: $0) } ?? backends.count - 1
    }

    private static func place(ofMethod method: String) -> Int { method == "GET" ? 0 : method == "HEAD" ? 1 : 2 }

    private static func place(of status: Int) -> Int { (2...5).contains(status / 100) ? status / 100 - 1 : 0 }
}

/// The families that are counted as things happen, and their cells.
struct RecordedMetrics: Sendable {
    let requests: MetricsBlock
    let duration: MetricsBlock
    let unfinished: MetricsBlock
    let answers: MetricsBlock
    let parts: MetricsBlock
    let sentBytes: MetricsBlock
    let savedBytes: MetricsBlock
    let firstByte: MetricsBlock
    let fills: MetricsBlock
    let fillDuration: MetricsBlock
    let fillBytes: MetricsBlock
    let derivations: MetricsBlock
    let derivationDuration: MetricsBlock
    let derivedBytes: MetricsBlock

    init(backends: [String], classes: [String], in layout: inout MetricsLayout) {
        let outcomes = CacheOutcome.allCases.map(\.rawValue) + [Metrics.none]
        let statuses = [Metrics.none, "2xx", "3xx", "4xx", "5xx"]
        let results = FillReport.Result.allCases.map(\.rawValue)
        let routes = RequestRoute.words
        requests = layout.add(
            .counter(
                "wadogate_requests_total", [.route, .method, .status], "Requests that have ended."),
            routes, ["GET", "HEAD", "other"], statuses)
        duration = layout.add(
            .histogram(
                "wadogate_request_duration_seconds", [.route, .outcome], .durations,
                "From a request's head to the last byte of its answer in the kernel: a slow client makes it long."),
            routes, outcomes)
        unfinished = layout.add(
            .counter(
                "wadogate_requests_unfinished_total", [.reason],
                "Answers that did not reach their end: client_gone, or cut_short by a failure after the status was sent."
            ),
            ["client_gone", "cut_short"])
        answers = layout.add(
            .counter(
                "wadogate_answers_total", [.outcome, .objectClass, .backend],
                "Requests that have ended, by the part that the cache took in their answer."),
            outcomes, classes, backends)
        parts = layout.add(
            .counter(
                "wadogate_answer_parts_total", [.outcome, .objectClass],
                "Objects of answers that are made of several (lists of frames, series, studies), each by its own outcome."
            ),
            outcomes, classes)
        sentBytes = layout.add(
            .counter(
                "wadogate_sent_bytes_total", [.outcome, .objectClass, .backend], "Body bytes sent to clients."),
            outcomes, classes, backends)
        savedBytes = layout.add(
            .counter(
                "wadogate_saved_bytes_total", [.objectClass, .backend],
                """
                Body bytes sent to clients for which their request asked no backend: of stored objects, of objects that another \
                request was fetching, or made from a stored instance.
                """),
            classes, backends)
        firstByte = layout.add(
            .histogram(
                "wadogate_upstream_first_byte_seconds", [.backend], .durations,
                "From a request's head until what it waited for from a backend began to come, where it waited for one."),
            backends)
        fills = layout.add(
            .counter(
                "wadogate_fills_total", [.objectClass, .backend, .result],
                """
                Fetches of objects that have ended: complete; unchanged, when the backend said that what is stored still \
                holds; refused, when it answered and has no such object; \
                failed, for all else.
                """),
            classes, backends, results)
        fillDuration = layout.add(
            .histogram(
                "wadogate_fill_duration_seconds", [.objectClass, .backend], .durations,
                "From the beginning of a fetch until its object is on disk, or has failed."),
            classes, backends)
        fillBytes = layout.add(
            .counter(
                "wadogate_fill_bytes_total", [.objectClass, .backend],
                "Bytes of objects that were fetched, those of failed fetches too."),
            classes, backends)
        derivations = layout.add(
            .counter(
                "wadogate_derivations_total", [.objectClass, .result], "Objects made from stored instances, and kept."),
            classes, results)
        derivationDuration = layout.add(
            .histogram(
                "wadogate_derivation_duration_seconds", [.objectClass], .durations,
                "From the beginning of a derivation until its object is on disk, or has failed."),
            classes)
        derivedBytes = layout.add(
            .counter("wadogate_derived_bytes_total", [.objectClass], "Bytes of objects made from stored instances."),
            classes)
    }
}
