// Making room, and forgetting on demand: both raise generations, rename to the trash and delete afterwards.
import CachePolicy
package import DICOM
import EventLoop
import Synchronization

extension DiskCache {
    /// Raises the generation of every series of the study (or of one series) and removes what was stored. What is being
    /// filled now will not be published. Answers the bytes freed.
    package func purge(study: UID, series: UID?, tenant: String = "_") async -> Int64 {
        await background.run { self.remove(tenant: tenant, study: study, series: series).bytes }
    }

    /// In the background.
    @discardableResult
    func remove(tenant: String, study: UID, series: UID?) -> TreeSize {
        let path =
            series.map { ObjectPath(SeriesKey(tenant: tenant, study: study, series: $0)) }
            ?? ObjectPath(tenant: tenant, study: study)
        let matches = { @Sendable (key: SeriesKey) in
            key.tenant == tenant && key.study == study && (series == nil || key.series == series)
        }
        let (name, dropped) = publishing.withLock { _ in
            if index.withLock({ $0.isClosed }) { return (nil as FileName?, [] as [StoredObject]) }
            var dropped = index.withLock { $0.forget(where: matches) }
            let name = directory.moveToTrash(path)
            // What was opened between the two steps saw the old file.
            dropped += index.withLock { $0.forgetObjects(where: matches) }
            accounting.noteForgotten(tenant: tenant, study: study, series: series)
            return (name, dropped)
        }
        withExtendedLifetime(dropped) {}
        return name.map { directory.deleteTrash($0) } ?? TreeSize()
    }

    // MARK: Making room

    /// Starts an eviction, unless there is room or one is under way. In the background, since it asks the disk.
    func makeRoomIfNeeded() {
        guard bytesToFree > 0, !counters.isEvicting.exchange(true, ordering: .acquiringAndReleasing) else { return }
        background.submit {
            self.evict()
            self.counters.isEvicting.store(false, ordering: .releasing)
        }
    }

    /// What is reserved and not written yet counts as free: a backend's mere announcement evicts nobody.
    private var bytesToFree: Int64 {
        EvictionOrder.bytesToFree(
            used: accounting.totals.bytes, maxSize: settings.maxSize,
            free: settings.minFree > 0 ? directory.freeBytes().map { $0 + reserved.bytes } : nil,
            minFree: settings.minFree)
    }

    /// Drops series until there is room. Bytes of a file that someone still reads come back when it is closed, so the
    /// goal is set once.
    private func evict() {
        // What was removed counts until the accounting has written it.
        accounting.flush()
        var missing = bytesToFree
        while missing > 0 {
            let victims = EvictionOrder.victims(among: accounting.leastRecentlyUsed(limit: 256), toFree: missing)
            if victims.isEmpty { break }
            for victim in victims {
                let key = victim.series
                remove(tenant: key.tenant, study: key.study, series: key.series)
                counters.evictedSeries.wrappingAdd(1, ordering: .relaxed)
                missing -= victim.bytes
            }
        }
    }
}
