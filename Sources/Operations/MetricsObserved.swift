// What can be asked at any time: the cache, the backends, the process. One row a metric: what it is, and where it is read.
import CachePolicy
package import DiskCache
package import Gateway
package import Upstream

/// Everything that is looked at for one page.
package struct MetricsObservation: Sendable {
    package var cache = CacheStatistics()
    package var cacheMaxBytes: Int64 = 0
    /// Of all walks since the start.
    package var scrubbed = ScrubCount()
    /// The walk that is under way, or the last one.
    package var scrub = ScrubStatus()
    package var cacheFree: (bytes: Int64?, inodes: Int64?) = (nil, nil)
    package var backends: [(backend: String, counters: BackendCounters)] = []
    package var fillsRunning = 0
    package var negativeHits: Int64 = 0
    /// By reason; the page fills it in.
    var epochsRaised: [String: Int64] = [:]
    package var prefetch = PrefetchCounters()
    /// Open connections of clients.
    package var connections = 0
    package var process = ProcessFigures()
    package var version: String

    package init(version: String) { self.version = version }

    /// With what a worker looks at: the cache, and the process as it is now.
    package func completed(by cache: DiskCache) -> MetricsObservation {
        var whole = self
        whole.cache = cache.statistics()
        (whole.cacheMaxBytes, whole.cacheFree) = (cache.maxSize, cache.freeSpace())
        (whole.scrubbed, whole.scrub) = (cache.scrubTotal, cache.scrubStatus)
        whole.process = .now()
        return whole
    }
}

/// A family whose numbers are read when a page is asked for.
struct ObservedMetric: Sendable {
    enum Reading {
        case number(Double)
        /// The buckets' own counts, that of what is above them all, and the sum.
        case histogram([Int64])
    }
    typealias Sample = (labels: [String], reading: Reading)

    let family: MetricsFamily
    let read: @Sendable (MetricsObservation) -> [Sample]

    /// One number for each combination of labels.
    init(_ family: MetricsFamily, series: @escaping @Sendable (MetricsObservation) -> [([String], Double)]) {
        self.family = family
        read = { series($0).map { ($0.0, .number($0.1)) } }
    }

    /// One without labels; nil: not known at present, so that nothing is said.
    init(_ family: MetricsFamily, value: @escaping @Sendable (MetricsObservation) -> Double?) {
        self.family = family
        read = { value($0).map { [([], .number($0))] } ?? [] }
    }

    init(_ family: MetricsFamily, cells: @escaping @Sendable (MetricsObservation) -> [Int64]) {
        self.family = family
        read = { [([], .histogram(cells($0)))] }
    }

    /// In the order of the page.
    static let all = cache + freshness + prefetching + removals + scrubs + backends + process

    private static let cache: [ObservedMetric] = [
        ObservedMetric(.gauge("wadogate_fills_running", [], "Fetches and derivations under way.")) {
            Double($0.fillsRunning)
        },
        ObservedMetric(
            .gauge("wadogate_cache_bytes", [], "Bytes that stored objects take on disk, whole pages, headers included.")
        ) { Double($0.cache.bytes) },
        ObservedMetric(.gauge("wadogate_cache_max_bytes", [], "Bytes that they may take: cache.max_size.")) {
            Double($0.cacheMaxBytes)
        },
        ObservedMetric(.gauge("wadogate_cache_objects", [], "Stored objects.")) { Double($0.cache.objects) },
        ObservedMetric(.gauge("wadogate_cache_series", [], "Series of which something is stored.")) {
            Double($0.cache.series)
        },
        amounts(.gauge("wadogate_cache_class_bytes", [.objectClass], "Bytes on disk by class."), \.byClass) {
            $0.bytes
        },
        amounts(.gauge("wadogate_cache_class_objects", [.objectClass], "Stored objects by class."), \.byClass) {
            $0.objects
        },
        amounts(
            .gauge("wadogate_cache_backend_bytes", [.backend], "Bytes on disk by the backend they came from."),
            \.byBackend
        ) { $0.bytes },
        amounts(
            .gauge("wadogate_cache_backend_objects", [.backend], "Stored objects by the backend they came from."),
            \.byBackend
        ) { $0.objects },
        ObservedMetric(.gauge("wadogate_cache_pinned_bytes", [], "Bytes on disk of series that are pinned.")) {
            Double($0.cache.pinnedBytes)
        },
        ObservedMetric(
            .gauge("wadogate_cache_reserved_bytes", [], "Bytes that fills hold on disk and have not written yet.")
        ) { Double($0.cache.reserved) },
        ObservedMetric(
            .counter(
                "wadogate_cache_passed_through_total", [],
                "Bodies that were not kept, for their size or the disk's sake, and passed through to their clients.")
        ) { Double($0.cache.passedThrough) },
        ObservedMetric(.gauge("wadogate_cache_passing_bytes", [], "Bytes of such bodies in memory.")) {
            Double($0.cache.passing)
        },
        ObservedMetric(.gauge("wadogate_cache_free_bytes", [], "Room on the cache's file system.")) {
            $0.cacheFree.bytes.map { Double($0) }
        },
        ObservedMetric(.gauge("wadogate_cache_free_inodes", [], "Files that the cache's file system has room for.")) {
            $0.cacheFree.inodes.map { Double($0) }
        },
        ObservedMetric(.gauge("wadogate_cache_open_objects", [], "Stored objects whose file is kept open.")) {
            Double($0.cache.descriptors)
        },
        ObservedMetric(
            .gauge(
                "wadogate_cache_waiting", [],
                "1 while another process holds the cache's folder: nothing is shared nor stored until it lets go.")
        ) { $0.cache.isWaiting ? 1 : 0 },
    ]

    private static let freshness: [ObservedMetric] = [
        ObservedMetric(
            .counter(
                "wadogate_epochs_raised_total", [.reason],
                "Studies whose stored headers and pictures counted as old from then on: subject, status, version or metadata changed."
            )
        ) { observation -> [([String], Double)] in
            observation.epochsRaised.sorted { $0.key < $1.key }.map { ([$0.key], Double($0.value)) }
        },
        ObservedMetric(
            .counter(
                "wadogate_negative_hits_total", [],
                "Questions that a backend was spared, since it had said a moment ago that there is no such object.")
        ) { Double($0.negativeHits) },
    ]

    private static let prefetching: [ObservedMetric] = [
        ObservedMetric(.counter("wadogate_prefetch_begun_total", [], "Series of which the rest was to follow.")) {
            Double($0.prefetch.begun)
        },
        ObservedMetric(.counter("wadogate_prefetch_completed_total", [], "Of these, those that came whole.")) {
            Double($0.prefetch.completed)
        },
        ObservedMetric(
            .counter(
                "wadogate_prefetch_stopped_total", [],
                "Of these, those that ended early: an archive failed, or the series was removed.")
        ) { Double($0.prefetch.stopped) },
        ObservedMetric(.counter("wadogate_prefetch_bytes_total", [], "Bytes fetched for them.")) {
            Double($0.prefetch.bytes)
        },
    ]

    private static let removals: [ObservedMetric] = [
        ObservedMetric(.counter("wadogate_cache_evicted_series_total", [], "Whole series evicted to make room.")) {
            Double($0.cache.evictedSeries)
        },
        ObservedMetric(
            .counter(
                "wadogate_cache_evicted_bytes_total", [], "Bytes on disk of what was evicted, parts of series too.")
        ) { Double($0.cache.evictedBytes) },
        ObservedMetric(
            .histogram(
                "wadogate_cache_evicted_idle_seconds", [], MetricsBuckets(bounds: IdleAges.bounds, scale: 1),
                "How long evicted series had not been used: short when the cache is too small.")
        ) { $0.cache.evictedAges.counts + [$0.cache.evictedAges.sum] },
        ObservedMetric(.counter("wadogate_cache_purges_total", [], "Purges, by operators and for changed files.")) {
            Double($0.cache.purges)
        },
        ObservedMetric(.counter("wadogate_cache_purged_bytes_total", [], "Bytes on disk of what was purged.")) {
            Double($0.cache.purgedBytes)
        },
        ObservedMetric(
            .counter(
                "wadogate_cache_damaged_total", [],
                "Stored objects dropped because their bytes were not those that had been stored.")
        ) { Double($0.cache.damaged) },
        ObservedMetric(
            .counter(
                "wadogate_cache_failed_publishes_total", [],
                "Objects that came whole, or were about to, and could not be stored.")
        ) { Double($0.cache.failedPublishes) },
    ]

    private static let scrubs: [ObservedMetric] = [
        ObservedMetric(
            .counter("wadogate_scrubbed_objects_total", [], "Stored objects read whole and found as they were stored.")
        ) { Double($0.scrubbed.objects) },
        ObservedMetric(.counter("wadogate_scrubbed_bytes_total", [], "Bytes of objects read to verify them.")) {
            Double($0.scrubbed.bytes)
        },
        ObservedMetric(
            .counter("wadogate_scrub_damaged_total", [], "Objects found damaged by walks over the cache, and dropped.")
        ) { Double($0.scrubbed.damaged) },
        ObservedMetric(
            .gauge(
                "wadogate_scrub_foreign_files", [],
                "Files met on this or the last walk that the cache did not put there.")
        ) { $0.scrub.started == nil ? nil : Double($0.scrub.count.foreign) },
        ObservedMetric(
            .gauge(
                "wadogate_scrub_started_time_seconds", [], "When this or the last walk began, in seconds since 1970.")
        ) { $0.scrub.started.map { Double($0) } },
        ObservedMetric(
            .gauge(
                "wadogate_scrub_progress_ratio", [],
                "How much of the cache this walk has read, by places and not by bytes; 1 when it has ended.")
        ) { $0.scrub.progress },
    ]

    private static func amounts(
        _ family: MetricsFamily, _ amounts: @escaping @Sendable (CacheStatistics) -> [String: StoredAmount],
        _ read: @escaping @Sendable (StoredAmount) -> Int64
    ) -> ObservedMetric {
        ObservedMetric(family) { observation -> [([String], Double)] in
            amounts(observation.cache).sorted { $0.key < $1.key }.map { ([$0.key], Double(read($0.value))) }
        }
    }

    private static func perBackend(
        _ family: MetricsFamily, _ read: @escaping @Sendable (BackendCounters) -> Double
    ) -> ObservedMetric {
        ObservedMetric(family) { observation -> [([String], Double)] in
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
        ) { observation -> [([String], Double)] in
            observation.backends.flatMap { name, counters in
                (2...5).map { ([name, "\($0)xx"], Double(counters.statuses[$0])) }
            }
        },
        ObservedMetric(
            .counter(
                "wadogate_backend_failures_total", [.backend, .reason],
                "Requests to a backend or directory that failed without a whole answer.")
        ) { observation -> [([String], Double)] in
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
        ) { observation -> [([String], Double)] in
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
            observation -> [([String], Double)] in [([observation.version], 1)]
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

extension ScrubStatus {
    /// From 0 to 1, by the two levels of folders below the tenant's, which are walked in order; nil when no walk began.
    var progress: Double? {
        if finished != nil { return 1 }
        guard started != nil else { return nil }
        let place = (position ?? "").split(separator: "/").dropFirst().prefix(2).compactMap { UInt8($0, radix: 16) }
        return place.count == 2 ? (Double(place[0]) * 256 + Double(place[1])) / 65_536 : 0
    }
}
