import DiskCache
import EventLoop
import Foundation
import Gateway
import Testing

@testable import Operations

/// What is counted, and how it is written down.
@Suite struct MetricsTests {
    private let metrics = Metrics(backends: ["pacs", "vna", "pacs"], loops: 2)
    private let shard: MetricsShard

    init() { shard = metrics.shards[0] }

    private func entry(
        _ outcome: CacheOutcome?, _ objectClass: String? = "frame", backend: String? = "pacs", status: Int = 200,
        bytes: Int64 = 10
    ) -> RequestLogEntry {
        var entry = RequestLogEntry()
        (entry.method, entry.status, entry.cache, entry.objectClass) = ("GET", status, outcome, objectClass)
        (entry.backend, entry.bytes, entry.duration) = (backend, bytes, .microseconds(300))
        return entry
    }

    private func lines(_ accept: String = "*/*") -> [Substring] {
        metrics.page(of: MetricsObservation(version: "1"), accept: accept).text.split(separator: "\n")
    }

    private func samples(_ prefix: String) -> [Substring] { lines().filter { $0.hasPrefix(prefix) } }

    // MARK: Requests

    @Test func aRequestIsCountedUnderItsOutcomeClassAndBackend() {
        metrics.record(entry(.hit), in: shard)
        metrics.record(entry(.hit), in: shard)
        metrics.record(entry(.miss, "instance", backend: "vna"), in: shard)
        #expect(
            samples("wadogate_answers_total") == [
                #"wadogate_answers_total{outcome="hit",class="frame",backend="pacs"} 2"#,
                #"wadogate_answers_total{outcome="miss",class="instance",backend="vna"} 1"#,
            ])
        #expect(
            samples("wadogate_sent_bytes_total") == [
                #"wadogate_sent_bytes_total{outcome="hit",class="frame",backend="pacs"} 20"#,
                #"wadogate_sent_bytes_total{outcome="miss",class="instance",backend="vna"} 10"#,
            ])
    }

    @Test(arguments: [
        (200, "2xx"), (206, "2xx"), (304, "3xx"), (404, "4xx"), (499, "4xx"), (503, "5xx"), (0, "none"), (999, "none"),
        (-1, "none"),
    ])
    func aStatusIsCountedByItsHundred(status: Int, word: String) {
        metrics.record(entry(nil, nil, status: status), in: shard)
        #expect(
            samples("wadogate_requests_total") == [
                #"wadogate_requests_total{route="(unknown)",method="GET",status="\#(word)"} 1"#
            ])
    }

    @Test func whatNobodyConfiguredIsCountedTogether() {
        for name in ["evil\"\n", "1.2.3", nil] { metrics.record(entry(.hit, "nonsense", backend: name), in: shard) }
        #expect(
            samples("wadogate_answers_total") == [
                #"wadogate_answers_total{outcome="hit",class="none",backend="none"} 3"#
            ])
    }

    @Test func partsAndUnfinishedAnswersAreCounted() {
        var whole = entry(.miss)
        whole.parts = [.hit: 3, .miss: 2]
        metrics.record(whole, in: shard)
        var gone = entry(.miss)
        gone.unfinished = .clientGone
        metrics.record(gone, in: shard)
        #expect(
            samples("wadogate_answer_parts_total") == [
                #"wadogate_answer_parts_total{outcome="hit",class="frame"} 3"#,
                #"wadogate_answer_parts_total{outcome="miss",class="frame"} 2"#,
            ])
        #expect(
            samples("wadogate_requests_unfinished_total") == [
                #"wadogate_requests_unfinished_total{reason="client_gone"} 1"#,
                #"wadogate_requests_unfinished_total{reason="cut_short"} 0"#,
            ])
    }

    @Test func loopsAreSummed() {
        metrics.record(entry(.hit), in: metrics.shards[0])
        metrics.record(entry(.hit), in: metrics.shards[1])
        #expect(samples("wadogate_answers_total").map { $0.hasSuffix(" 2") } == [true])
    }

    // MARK: Fills

    @Test func aFillIsCountedByItsEnd() {
        var report = FillReport(objectClass: "frame", backend: "pacs", result: .complete)
        (report.bytes, report.duration) = (1000, .milliseconds(20))
        metrics.record(report, in: shard)
        report.result = .failed
        metrics.record(report, in: shard)
        report.isDerived = true
        metrics.record(report, in: shard)
        #expect(
            samples("wadogate_fills_total") == [
                #"wadogate_fills_total{class="frame",backend="pacs",result="complete"} 1"#,
                #"wadogate_fills_total{class="frame",backend="pacs",result="failed"} 1"#,
            ])
        #expect(samples("wadogate_fill_bytes_total").last?.hasSuffix(" 2000") == true)
        #expect(
            samples("wadogate_derivations_total") == [#"wadogate_derivations_total{class="frame",result="failed"} 1"#])
        #expect(samples("wadogate_fill_duration_seconds_sum").map { $0.split(separator: " ")[1] } == ["0.04"])
    }

    // MARK: The format

    @Test(arguments: [
        (99_999, 0), (100_000, 0), (100_001, 1), (1_000_000_000, 12), (300_000_000_001, 19), (-5, 0),
    ])
    func aDurationFallsIntoTheFirstBucketThatTakesIt(nanoseconds: Int64, place: Int) {
        #expect(MetricsBuckets.durations.place(of: nanoseconds) == place)
    }

    @Test func bucketsAddUp() {
        for microseconds in [50, 300, 300, 400_000_000] {
            var slow = entry(.hit)
            slow.duration = .microseconds(microseconds)
            metrics.record(slow, in: shard)
        }
        let name = "wadogate_request_duration_seconds"
        let labels = #"route="(unknown)",outcome="hit""#
        let all = samples(name)
        #expect(all.first == #"\#(name)_bucket{\#(labels),le="0.0001"} 1"#)
        #expect(all.contains(#"\#(name)_bucket{\#(labels),le="0.0005"} 3"#))
        #expect(all.contains(#"\#(name)_bucket{\#(labels),le="300"} 3"#))
        #expect(all.contains(#"\#(name)_bucket{\#(labels),le="+Inf"} 4"#))
        #expect(all.contains(#"\#(name)_count{\#(labels)} 4"#))
        #expect(all.contains(#"\#(name)_sum{\#(labels)} 400.00065"#))
    }

    @Test(arguments: [
        ("a\\b", #"a\\b"#), ("say \"x\"", #"say \"x\""#), ("one\ntwo", #"one\ntwo"#), ("größe", "größe"), ("", ""),
    ])
    func labelValuesAreEscaped(value: String, escaped: String) {
        var text = MetricsText(.prometheus)
        text.sample(.gauge("x", [.backend], ""), [value], "1")
        #expect(text.text == "x{backend=\"\(escaped)\"} 1\n")
    }

    @Test(arguments: [
        (0.0, "0"), (3.0, "3"), (0.5, "0.5"), (-2.0, "-2"), (1e15, "1000000000000000"), (1e300, "1e+300"),
        (0.00025, "0.00025"),
    ])
    func wholeNumbersStandWithoutAPoint(value: Double, text: String) {
        #expect(MetricsText.number(value) == text)
    }

    @Test func openMetricsNamesCountersWithoutTheirSuffix() {
        metrics.record(entry(.hit), in: shard)
        let page = lines("application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5")
        #expect(page.contains("# TYPE wadogate_answers counter"))
        #expect(page.contains(#"wadogate_answers_total{outcome="hit",class="frame",backend="pacs"} 1"#))
        #expect(page.last == "# EOF")
        #expect(!lines().contains("# EOF"))
    }

    // MARK: The table

    private var families: [MetricsFamily] { metrics.blocks.map(\.family) + ObservedMetric.all.map(\.family) }

    @Test func namesAreThoseOfTheFormat() {
        let names = families.map(\.name)
        #expect(Set(names).count == names.count)
        for family in families {
            #expect(family.name.wholeMatch(of: /wadogate_[a-z_]+/) != nil, "\(family.name)")
            #expect((family.kind == .counter) == family.name.hasSuffix("_total"), "\(family.name)")
            #expect(family.help.hasSuffix("."), "\(family.name)")
            if family.kind == .histogram { #expect(family.name.contains(/_(seconds|bytes)$/), "\(family.name)") }
            let known = Set(MetricsLabel.all.map(\.name))
            for label in family.labels { #expect(known.contains(label.name), "\(label.name)") }
        }
    }

    @Test func theReferenceIsWhatTheTablePrints() throws {
        let file = URL(filePath: #filePath).appending(path: "../../../docs/metrics.md").standardized
        let text = try String(contentsOf: file, encoding: .utf8)
        let table = Metrics.reference()
        #expect(text.contains(table), "write its table anew: wadogate help metrics")
    }

    @Test(
        arguments: [
            (nil, nil, nil, nil), (5, nil, nil, 0), (5, nil, "_/80/00/1.2", 0.5), (5, nil, "_/ff", 0), (5, nil, "x", 0),
            (5, 9, nil, 1),
        ] as [(Int64?, Int64?, String?, Double?)])
    func theScrubbersWayIsToldByItsPlace(started: Int64?, finished: Int64?, position: String?, progress: Double?) {
        var status = ScrubStatus()
        (status.started, status.finished, status.position) = (started, finished, position)
        #expect(status.progress == progress)
    }

    @Test func everyRouteHasItsOwnWord() {
        #expect(Set(RequestRoute.words).count == RequestRoute.words.count)
    }
}
