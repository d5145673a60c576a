// What a metric is: its name, type, labels and text. Values only; knows nothing of where the numbers come from.

/// One family of time series.
struct MetricsFamily: Sendable {
    enum Kind: String, Sendable { case counter, gauge, histogram }

    /// With unit and, for a counter, `_total`: "wadogate_fill_bytes_total".
    let name: String
    let kind: Kind
    let labels: [MetricsLabel]
    /// One sentence, for the exposition and the reference.
    let help: String
    /// Of a histogram.
    let buckets: MetricsBuckets?

    static func counter(_ name: String, _ labels: [MetricsLabel] = [], _ help: String) -> MetricsFamily {
        MetricsFamily(name: name, kind: .counter, labels: labels, help: help, buckets: nil)
    }

    static func gauge(_ name: String, _ labels: [MetricsLabel] = [], _ help: String) -> MetricsFamily {
        MetricsFamily(name: name, kind: .gauge, labels: labels, help: help, buckets: nil)
    }

    static func histogram(
        _ name: String, _ labels: [MetricsLabel] = [], _ buckets: MetricsBuckets, _ help: String
    ) -> MetricsFamily {
        MetricsFamily(name: name, kind: .histogram, labels: labels, help: help, buckets: buckets)
    }

    /// Whether a combination of labels stands on the page before anything was counted under it. One label has few values;
    /// of several, most combinations never occur.
    var showsZeros: Bool { labels.count <= 1 }
}

/// A label, and what it can say. None ever says anything that comes with a request: only words of the program and names of
/// the configuration, so that the number of series is known beforehand.
struct MetricsLabel: Sendable {
    let name: String
    /// For the reference.
    let meaning: String

    static let route = MetricsLabel(name: "route", meaning: "the kind of resource asked for, as in the log")
    static let method = MetricsLabel(name: "method", meaning: "`GET`, `HEAD`, `other`")
    static let status = MetricsLabel(
        name: "status", meaning: "`2xx`, `3xx`, `4xx`, `5xx`; `none` when no status was sent or came")
    static let outcome = MetricsLabel(
        name: "outcome",
        meaning:
            "as in `X-Cache`: `hit`, `miss`, `follow`, `derived`, `stale`, `bypass`; `none` for answers without that field"
    )
    static let objectClass = MetricsLabel(
        name: "class",
        meaning:
            "what is stored or sent: `instance`, `frame`, `bulk`, `metadata`, `rendered`, `thumbnail`, `frame-index`, `members`; `foreign` for files that the cache did not put there; `none`"
    )
    static let backend = MetricsLabel(
        name: "backend", meaning: "the configured name of a backend, archive or directory; `none`")
    static let reason = MetricsLabel(name: "reason", meaning: "one of a few words")
    static let result = MetricsLabel(name: "result", meaning: "how it ended, one of a few words")
    static let state = MetricsLabel(name: "state", meaning: "one of a few words")
    static let version = MetricsLabel(name: "version", meaning: "the program's version")

    static let all = [route, method, status, outcome, objectClass, backend, reason, result, state, version]
}

/// The upper bounds of a histogram.
struct MetricsBuckets: Sendable {
    /// Ascending, in whole units of what is observed.
    let bounds: [Int64]
    /// How many of those make one unit of the metric: 1,000,000,000 where nanoseconds are observed and seconds shown.
    let scale: Double

    /// The first bucket that takes the value; the number of bounds when none does.
    func place(of value: Int64) -> Int {
        var place = 0
        while place < bounds.count, value > bounds[place] { place += 1 }
        return place
    }

    /// Nanoseconds observed, seconds shown. A hit takes a tenth of a millisecond, a large fill a minute.
    static let durations = MetricsBuckets(
        bounds: [
            100_000, 250_000, 500_000, 1_000_000, 2_500_000, 5_000_000, 10_000_000, 25_000_000, 50_000_000, 100_000_000,
            250_000_000, 500_000_000, 1_000_000_000, 2_500_000_000, 5_000_000_000, 10_000_000_000, 30_000_000_000,
            60_000_000_000, 300_000_000_000,
        ], scale: 1e9)
}

extension Duration {
    /// Whole nanoseconds.
    var nanoseconds: Int64 {
        let parts = components
        return parts.seconds &* 1_000_000_000 &+ parts.attoseconds / 1_000_000_000
    }
}
