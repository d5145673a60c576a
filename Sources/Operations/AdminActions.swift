// What the admin listener can have the process do, as closures: the routes know neither gateway nor cache.
package import CachePolicy
package import DICOM
package import DiskCache
package import EventLoop
package import Gateway
package import StudyDirectory

/// What an admin call can ask of the process.
package struct AdminActions: Sendable {
    /// Answers what the gateway's explanation holds.
    package var explain: @Sendable (UID, UID?, EventLoop) async -> Result<JSONValue, DirectoryError>
    /// Target and Accept of a request.
    package var explainRequest: @Sendable (String, String, EventLoop) async -> Result<JSONValue, ExplainError>
    /// Answers what is known of the backends' abilities.
    package var abilities: @Sendable () -> JSONValue
    /// Answers what is counted, for a scraper's Accept.
    package var metrics: @Sendable (String) async -> MetricsPage
    package var cache: AdminCacheActions
    package var warm:
        @Sendable ([WarmTarget], WarmSettings, EventLoop, AdminWarmReport) async throws(AdminClientGone) -> Void

    package init(
        explain: @escaping @Sendable (UID, UID?, EventLoop) async -> Result<JSONValue, DirectoryError>,
        explainRequest: @escaping @Sendable (String, String, EventLoop) async -> Result<JSONValue, ExplainError>,
        abilities: @escaping @Sendable () -> JSONValue,
        metrics: @escaping @Sendable (String) async -> MetricsPage, cache: AdminCacheActions,
        warm:
            @escaping @Sendable (
                [WarmTarget], WarmSettings, EventLoop, AdminWarmReport
            ) async throws(AdminClientGone) -> Void
    ) {
        self.explain = explain
        self.explainRequest = explainRequest
        self.abilities = abilities
        self.metrics = metrics
        self.cache = cache
        self.warm = warm
    }
}

/// Told of each item as it goes on.
package typealias AdminWarmReport = (WarmItem) async throws(AdminClientGone) -> Void

/// What an admin call can ask of the cache; each as `DiskCache` has it.
package struct AdminCacheActions: Sendable {
    package var statistics: @Sendable () -> CacheStatistics
    package var list: @Sendable (CacheSelection, SeriesKey?, Int) async -> [SeriesEntry]
    package var contents: @Sendable (SeriesKey, Int) async -> [ObjectEntry]
    package var purge: @Sendable (CacheSelection, Bool) async -> PurgeResult
    package var pins: @Sendable () -> Set<Pin>
    package var pin: @Sendable (Pin) async throws(CacheError) -> Void
    package var unpin: @Sendable (Pin) async throws(CacheError) -> Void
    package var verify: @Sendable (CacheSelection, @escaping @Sendable (ScrubStatus) -> Void) async -> ScrubStatus
    package var scrub: @Sendable () -> ScrubStatus

    package init(
        statistics: @escaping @Sendable () -> CacheStatistics,
        list: @escaping @Sendable (CacheSelection, SeriesKey?, Int) async -> [SeriesEntry],
        contents: @escaping @Sendable (SeriesKey, Int) async -> [ObjectEntry],
        purge: @escaping @Sendable (CacheSelection, Bool) async -> PurgeResult,
        pins: @escaping @Sendable () -> Set<Pin>, pin: @escaping @Sendable (Pin) async throws(CacheError) -> Void,
        unpin: @escaping @Sendable (Pin) async throws(CacheError) -> Void,
        verify: @escaping @Sendable (CacheSelection, @escaping @Sendable (ScrubStatus) -> Void) async -> ScrubStatus,
        scrub: @escaping @Sendable () -> ScrubStatus
    ) {
        self.statistics = statistics
        self.list = list
        self.contents = contents
        self.purge = purge
        self.pins = pins
        self.pin = pin
        self.unpin = unpin
        self.verify = verify
        self.scrub = scrub
    }

    package init(_ cache: DiskCache) {
        self.init(
            statistics: { cache.statistics() },
            list: { await cache.list($0, after: $1, limit: $2) },
            contents: { await cache.contents(of: $0, limit: $1) },
            purge: { await cache.purge($0, dryRun: $1) },
            pins: { cache.pins() },
            pin: { pin throws(CacheError) in try await cache.pin(pin) },
            unpin: { pin throws(CacheError) in try await cache.unpin(pin) },
            verify: { await cache.verify($0, progress: $1) }, scrub: { cache.scrubStatus })
    }
}

/// Where the process stands.
package enum AdminPhase: Sendable {
    /// Sources and cache are being opened.
    case starting
    case ready(AdminActions)
    /// No new work is taken.
    case draining
}
