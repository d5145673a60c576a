// Whether a series has been purged or evicted since somebody began something with it.
package import CachePolicy
import Synchronization

/// Notices the first removal of its series; ends with its last reference.
package final class SeriesWatch: Sendable {
    private let series: SeriesKey
    private let generation: UInt64
    private let cache: DiskCache

    fileprivate init(_ series: SeriesKey, _ cache: DiskCache) {
        self.series = series
        self.cache = cache
        generation = cache.index.withLock { $0.beginWatch(of: series) }
    }

    deinit { cache.index.withLock { $0.endWatch(of: series) } }

    /// False from the first purge or eviction of the series on.
    package var isUntouched: Bool { cache.index.withLock { $0.isCurrent(generation, of: series) } }
}

extension DiskCache {
    package func watch(_ series: SeriesKey) -> SeriesWatch { SeriesWatch(series, self) }
}
