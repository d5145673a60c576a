// What can be asked at any time: the cache, the backends, the process. One row a metric: what it is, and where it is read.
import CachePolicy
package import DiskCache
package import Upstream

/// Everything that is looked at for one page.
package struct MetricsObservation: Sendable {
    package var cache = CacheStatistics()
    package var backends: [(backend: String, counters: BackendCounters)] = []
    package var fillsRunning = 0
    /// Open connections of clients.
    package var connections = 0
    package var process = ProcessFigures()
    package var version: String

    package init(version: String) { self.version = version }

    /// With what a worker looks at: the cache, and the process as it is now.
    package func completed(by cache: DiskCache) -> MetricsObservation {
        var whole = self
        whole.cache = cache.statistics()
        whole.process = .now()
        return whole
    }
}

/// A family whose numbers are read when a page is asked for.
struct ObservedMetric: Sendable {
    typealias Sample = (labels: [String], value: Double)

    let family: MetricsFamily
    let read: @Sendable (MetricsObservation) -> [Sample]

    init(_ family: MetricsFamily, _ read: @escaping @Sendable (MetricsObservation) -> [Sample]) {
        self.family = family
        self.read = read
    }

    /// One without labels; nil: not known at present, so that nothing is said.
    init(_ family: MetricsFamily, value: @escaping @Sendable (MetricsObservation) -> Double?) {
        self.family = family
        read = { observation in value(observation).map { [([], $0)] } ?? [] }
    }

    /// In the order of the page.
    static let all = cache + backends + process

    private static let cache: [ObservedMetric] = [
        ObservedMetric(.gauge("wadogate_fills_running", [], "Fetches and derivations under way.")) {
            Double($0.fillsRunning)
        },
        ObservedMetric(
            .gauge("wadogate_cache_bytes", [], "Bytes that stored objects take on disk, whole pages, headers included.")
        ) {
            Double($0.cache.bytes)
        },
        ObservedMetric(.gauge("wadogate_cache_objects", [], "Stored objects.")) { Double($0.cache.objects) },
        ObservedMetric(.gauge("wadogate_cache_series", [], "Series of which something is stored.")) {
            Double($0.cache.series)
        },
        ObservedMetric(.gauge("wadogate_cache_open_objects", [], "Stored objects whose file is kept open.")) {
            Double($0.cache.descriptors)
        },
        ObservedMetric(
            .gauge(
                "wadogate_cache_reserved_bytes", [], "Bytes that fills under way hold on disk and have not written yet."
            )
        ) {
            Double($0.cache.reserved)
        },
        ObservedMetric(.counter("wadogate_cache_evicted_series_total", [], "Series evicted to make room.")) {
            Double($0.cache.evictedSeries)
        },
        ObservedMetric(
            .counter(
                "wadogate_cache_damaged_total", [],
                "Stored objects dropped because their bytes were not those that had been stored.")
        ) {
            Double($0.cache.damaged)
        },
        ObservedMetric(
            .counter(
                "wadogate_cache_failed_publishes_total", [],
                "Objects that came whole, or were about to, and could not be stored.")
        ) {
            Double($0.cache.failedPublishes)
        },
    ]

    private static func perBackend(
        _ family: MetricsFamily, _ read: @escaping @Sendable (BackendCounters) -> Double
    ) -> ObservedMetric {
        ObservedMetric(family) { observation in
            observation.backends.map { ([$0.backend], read($0.counters)) }
        }
    }

    private static let backends: [ObservedMetric] = [
        perBackend(
            .counter(
                "wadogate_backend_requests_total", [.backend],
                "Requests made to a backend or directory; redirects are not counted.")
        ) { Double($0.requests) },
        ObservedMetric(
            .counter(
                "wadogate_backend_answers_total", [.backend, .status],
                "Heads of answers that came from a backend or directory, those of redirects too.")
        ) { observation in
            observation.backends.flatMap { name, counters in
                (2...5).map { ([name, "\($0)xx"], Double(counters.statuses[$0])) }
            }
        },
        ObservedMetric(
            .counter(
                "wadogate_backend_failures_total", [.backend, .reason],
                "Requests to a backend or directory that failed without a whole answer.")
        ) { observation in
            observation.backends.flatMap { name, counters in
                counters.failures.map { ([name, $0.key.word], Double($0.value)) }.sorted { $0.0[1] < $1.0[1] }
            }
        },
        perBackend(
            .counter(
                "wadogate_backend_bytes_total", [.backend],
                "Body bytes that came from a backend or directory, whatever for.")
        ) { Double($0.bytes) },
        ObservedMetric(
            .gauge(
                "wadogate_backend_connections", [.backend, .state],
                "Connections to a backend or directory: active, or idle.")
        ) { observation in
            observation.backends.flatMap { name, counters in
                [([name, "active"], Double(counters.active)), ([name, "idle"], Double(counters.idle))]
            }
        },
        perBackend(
            .gauge(
                "wadogate_backend_queue", [.backend], "Requests that wait for a connection to a backend or directory.")
        ) { Double($0.queued) },
    ]

    private static let process: [ObservedMetric] = [
        ObservedMetric(.gauge("wadogate_connections", [], "Open connections of clients.")) { Double($0.connections) },
        ObservedMetric(.gauge("wadogate_build_info", [.version], "Always 1; the label tells the version.")) {
            [([$0.version], 1)]
        },
        ObservedMetric(
            .gauge("wadogate_process_start_time_seconds", [], "When the process began, in seconds since 1970.")
        ) { $0.process.startTime },
        ObservedMetric(
            .counter("wadogate_process_cpu_seconds_total", [], "Processor time of the process, user and system.")
        ) { $0.process.cpuSeconds },
        ObservedMetric(.gauge("wadogate_process_resident_memory_bytes", [], "Resident memory of the process.")) {
            $0.process.residentBytes
        },
        ObservedMetric(.gauge("wadogate_process_open_fds", [], "Open file descriptors.")) {
            $0.process.openDescriptors
        },
        ObservedMetric(.gauge("wadogate_process_max_fds", [], "The limit of open file descriptors.")) {
            $0.process.maxDescriptors
        },
    ]
}
