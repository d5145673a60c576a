// Making room: what is missing, and what goes for it. The order is CachePolicy's, the numbers are the accounting's.
import CachePolicy
import DICOM
import EventLoop
import Synchronization

extension DiskCache {
    /// Starts an eviction, unless there is room. In the background, since it asks the disk.
    ///
    /// One at a time. Its goal is set at its beginning, so that what is stored meanwhile asks for another behind it: nothing
    /// may ever come after it to notice that there is too much.
    func makeRoomIfNeeded() {
        guard !needed.isMet || !overShares.isEmpty,
            counters.evictionsAsked.wrappingAdd(1, ordering: .acquiringAndReleasing).oldValue == 0
        else { return }
        background.submit {
            var asked = 0
            repeat {
                asked = self.counters.evictionsAsked.load(ordering: .acquiring)
                self.evict()
            } while !self.counters.evictionsAsked.compareExchange(
                expected: asked, desired: 0, ordering: .acquiringAndReleasing
            ).exchanged
        }
    }

    /// What is reserved and not written yet counts as free: a backend's mere announcement evicts nobody.
    private var needed: SpaceNeeded {
        let free = settings.minFree > 0 || settings.minFreeInodes > 0 ? directory.freeSpace() : nil
        let bytes = EvictionOrder.bytesToFree(
            used: accounting.totals.sums.total.bytes, maxSize: settings.maxSize,
            free: free?.bytes.map { $0.addingClamped(reserved.bytes) }, minFree: settings.minFree)
        return SpaceNeeded(
            bytes: bytes, inodes: max(0, free?.inodes.map { settings.minFreeInodes.addingClamped(-$0) } ?? 0))
    }

    /// The classes and backends that take more than their share, and by how much.
    private var overShares: [(selection: CacheSelection, bytes: Int64)] {
        if settings.classShares.isEmpty, settings.backendShares.isEmpty { return [] }
        let sums = accounting.totals.sums
        let classes = settings.classShares.map { word, percent in
            (CacheSelection(objectClass: word), percent, sums.amount { $0.objectClass == word })
        }
        let backends = settings.backendShares.map { name, percent in
            (CacheSelection(backend: name), percent, sums.amount { $0.backend == name })
        }
        return (classes + backends).compactMap { selection, percent, amount in
            let excess = EvictionOrder.excess(
                of: amount.bytes, over: EvictionOrder.part(percent, of: settings.maxSize))
            return excess > 0 ? (selection, excess) : nil
        }
    }

    /// Drops series until there is room. Bytes of a file that someone still reads come back when it is closed, so the
    /// goal is set once.
    private func evict() {
        // What was removed counts until the accounting has written it.
        accounting.flush()
        for (selection, bytes) in overShares { evict(bytes, of: selection) }
        accounting.flush()
        var needed = needed
        while !needed.isMet {
            let before = needed
            let victims = accounting.victims(needed: needed, unit: settings.evictionUnit)
            for victim in victims { evict(victim, &needed) }
            if needed == before { break }
        }
    }

    private func evict(_ victim: Victim, _ needed: inout SpaceNeeded) {
        let key = victim.key
        let age = max(0, accounting.now - victim.lastAccess)
        counters.lastEvictedAge.store(age, ordering: .relaxed)
        counters.evictedAges.withLock { $0.add(age) }
        if victim.amount.bytes > settings.evictionUnit, evictInstances(of: key, &needed) { return }
        remove(tenant: key.tenant, study: key.study, series: key.series, wasEvicted: true)
        counters.evictedSeries.wrappingAdd(1, ordering: .relaxed)
        counters.evictedBytes.wrappingAdd(victim.amount.bytes, ordering: .relaxed)
        needed.freed(bytes: victim.amount.bytes, inodes: victim.amount.objects)
    }

    /// A class that takes more than its share loses the objects of whole series, a backend whole series.
    private func evict(_ bytes: Int64, of selection: CacheSelection) {
        for victim in accounting.holders(of: selection, toFree: bytes) {
            if selection.objectClass != nil {
                let gone = removeParts(of: victim.key, coveredBy: selection)
                counters.evictedBytes.wrappingAdd(gone.bytes, ordering: .relaxed)
            } else {
                var needed = SpaceNeeded(bytes: victim.amount.bytes)
                evict(victim, &needed)
            }
        }
    }

    // MARK: Large series

    /// Drops instances of a series until there is room, first those that were not used for longest.
    ///
    /// No table knows single objects. The time of an instance's last use is the newest time of last access or change among
    /// its files, which the cache sets itself, once an hour at most, when it opens one (see ``Descriptor/touch(_:now:)``): a file system
    /// that is mounted without such times does not matter. An instance of which a descriptor is open counts as used now.
    ///
    /// - Returns: false when there was none to drop.
    private func evictInstances(of key: SeriesKey, _ needed: inout SpaceNeeded) -> Bool {
        let inUse = index.withLock { $0.instancesInUse(of: key) }
        let instances = directory.instances(of: key).sorted {
            (inUse.contains($0.instance) ? 1 : 0, $0.lastUse) < (inUse.contains($1.instance) ? 1 : 0, $1.lastUse)
        }
        var hasFreed = false
        for (instance, _) in instances where !needed.isMet {
            hasFreed = true
            let gone = removeInstance(instance, of: key)
            counters.evictedBytes.wrappingAdd(gone.bytes, ordering: .relaxed)
            needed.freed(bytes: gone.bytes, inodes: gone.objects)
        }
        return hasFreed
    }
}

extension Int64 {
    fileprivate func addingClamped(_ other: Int64) -> Int64 {
        let (sum, overflows) = addingReportingOverflow(other)
        return overflows ? (other > 0 ? .max : .min) : sum
    }
}
