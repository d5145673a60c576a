// Which series go when space is needed. Pure: the numbers come from the accounting, whose rows hold all the state.

/// Where a series stands in the order of eviction: five columns of its row, and nothing in memory.
///
/// The order is S3-FIFO's (Yang et al., SOSP 2023) on whole series of any size: what is new stands on trial in a small
/// queue, what has been visited again moves on to the main one, and what was dropped during its trial is remembered for a
/// while, so that it skips the trial when it comes back. One export of a thousand studies passes through the trial and
/// leaves the main queue alone. Two things differ here. Uses that follow each other at once are one visit, since a viewer
/// asks for a series hundreds of times while it is open, and a second look says nothing of tomorrow: ``visitGap`` must pass,
/// or so much must have been stored that the cache is another one (``visitPercent``). And each queue is ordered by last use,
/// so that what is being read is never at its head.
///
/// Chosen by `make bench` (cases `eviction-…`: 30 studies by Zipf, room for ten; with exports, and with studies that age) over
/// plain LRU, over LRU by object as nginx has it, which is the same, and over a segmented LRU: that is as good against exports
/// while its protected part is large, but clings to what was popular once; where studies age as well, it is hardly better
/// than LRU then. Requests answered, in percent, chosen, LRU and segmented LRU with 80 % protected: 72, 68, 72; with exports
/// 65, 59, 65; with studies that age 78, 73, 74; with both 68, 62, 62.
package struct SeriesStanding: Hashable, Sendable {
    package enum Queue: Int64, Sendable { case trial = 0, main = 1 }

    package var queue: Queue
    /// Visits since it entered its queue, beyond the first, that still count; at most ``visitLimit``.
    package var visits: Int64
    /// Milliseconds since 1970 of its last use, or of its having been spared: its place in the queue.
    package var position: Int64
    /// Milliseconds since 1970; never goes back.
    package var lastAccess: Int64
    /// How many bytes the cache had ever stored at its last use.
    package var stored: Int64

    package init(queue: Queue, visits: Int64, position: Int64, lastAccess: Int64, stored: Int64 = 0) {
        self.queue = queue
        self.visits = visits
        self.position = position
        self.lastAccess = lastAccess
        self.stored = stored
    }

    /// Of a series that is new here.
    ///
    /// - Parameter isRemembered: it was here on trial not long ago.
    package init(newAt time: Int64, isRemembered: Bool = false) {
        self.init(queue: isRemembered ? .main : .trial, visits: 0, position: time, lastAccess: time)
    }

    /// Milliseconds without use after which the next use is another visit.
    package static let visitGap: Int64 = 5 * 60 * 1000
    /// Bytes stored since the last use, in percent of the size limit, after which the next one is another visit.
    package static let visitPercent: Int64 = 5
    package static let visitLimit: Int64 = 3

    /// It was used. A time before the last one changes nothing.
    ///
    /// - Parameters:
    ///   - stored: bytes that the cache has ever stored, those of this use not counted.
    ///   - maxSize: the cache's limit in bytes.
    package mutating func used(at time: Int64, stored: Int64 = 0, maxSize: Int64 = .max) {
        guard time > lastAccess else { return }
        if time - lastAccess >= Self.visitGap
            || stored &- self.stored > EvictionOrder.part(Self.visitPercent, of: maxSize)
        {
            visits = min(visits + 1, Self.visitLimit)
        }
        lastAccess = time
        position = max(position, time)
        self.stored = stored
    }

    /// It stands at the head of its queue and room is needed. False when its visits spare it: it has moved then, to
    /// `position`, and one of them is spent.
    package mutating func mustGo(else position: Int64) -> Bool {
        guard visits > 0 else { return true }
        visits = queue == .trial ? 0 : visits - 1
        queue = .main
        self.position = position
        return false
    }
}

/// What is missing.
package struct SpaceNeeded: Hashable, Sendable {
    /// Charged bytes.
    package var bytes: Int64
    /// Files.
    package var inodes: Int64

    package init(bytes: Int64 = 0, inodes: Int64 = 0) {
        self.bytes = bytes
        self.inodes = inodes
    }

    package var isMet: Bool { bytes <= 0 && inodes <= 0 }

    /// So much has gone.
    package mutating func freed(bytes: Int64, inodes: Int64) {
        self.bytes &-= bytes
        self.inodes &-= inodes
    }
}

/// How much goes, and from which queue.
package enum EvictionOrder {
    /// The fraction of the size limit, in percent, down to which an eviction makes room, so that the next fill does not
    /// begin another.
    package static let lowWaterPercent: Int64 = 95
    /// What the trial may take of the size limit, in percent, before series go from there and not from the main queue.
    static let trialPercent: Int64 = 25
    /// How much of what went during its trial is remembered, in percent of the size limit.
    package static let rememberedPercent: Int64 = 30
    /// How many of them.
    package static let rememberedLimit: Int64 = 100_000

    /// How many bytes must go; 0 when there is room enough.
    ///
    /// - Parameters:
    ///   - used: charged bytes of all series.
    ///   - maxSize: the cache's limit in bytes.
    ///   - free: free bytes of the disk; nil when unknown.
    ///   - minFree: bytes that shall stay free on the disk.
    package static func bytesToFree(used: Int64, maxSize: Int64, free: Int64?, minFree: Int64) -> Int64 {
        let overDisk = free.map { max(0, minFree - $0) } ?? 0
        return max(excess(of: used, over: maxSize), overDisk)
    }

    /// How many bytes must go of what may take `limit`; 0 when that holds.
    package static func excess(of used: Int64, over limit: Int64) -> Int64 {
        used > limit ? used - part(lowWaterPercent, of: limit) : 0
    }

    /// So many percent of some bytes, without overflow.
    package static func part(_ percent: Int64, of bytes: Int64) -> Int64 {
        bytes / 100 * percent + bytes % 100 * percent / 100
    }

    /// The queue whose head is to be looked at next.
    ///
    /// - Parameters:
    ///   - trial: charged bytes of the series on trial.
    ///   - maxSize: the cache's limit in bytes.
    package static func next(trial: Int64, maxSize: Int64) -> SeriesStanding.Queue {
        trial > part(trialPercent, of: maxSize) ? .trial : .main
    }
}
