// Whether a study was purged while a whole answer of it is on its way. Evictions do not count: they only make room.
package import DICOM
import Synchronization

/// Watches one study as long as it lives.
package final class StudyWatch: Sendable {
    private let cache: DiskCache
    private let study: UID
    private let purges: UInt64

    fileprivate init(of study: UID, in cache: DiskCache) {
        self.cache = cache
        self.study = study
        purges = cache.index.withLock { $0.beginWatch(of: study) }
    }

    deinit { cache.index.withLock { $0.endWatch(of: study) } }

    /// Whether nothing of the study was purged since the watch began.
    package var isIntact: Bool { cache.index.withLock { $0.isIntact(study, since: purges) } }
}

extension DiskCache {
    package func watch(_ study: UID) -> StudyWatch { StudyWatch(of: study, in: self) }
}
