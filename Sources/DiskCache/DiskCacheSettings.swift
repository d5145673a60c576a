// What an operator may tune, and what there is to see. Values only.

package import CachePolicy

/// The settings of the disk cache.
package struct DiskCacheSettings: Sendable {
    /// The cache's folder; made when it is missing.
    package var path: String
    /// Bytes that all objects may take on disk.
    package var maxSize: Int64
    /// Bytes that one object's body may have.
    package var maxObject: Int64
    /// Bytes that shall stay free on the disk.
    package var minFree: Int64
    /// Files that the file system shall be able to hold beside those that there are.
    package var minFreeInodes: Int64 = 10_000
    /// Charged bytes above which a series is evicted by instance.
    package var evictionUnit: Int64 = 4 << 30
    /// What the objects of a class may take at most, in percent of ``maxSize``, by ``ObjectClass/word``.
    package var classShares: [String: Int64] = [:]
    /// What the objects of a backend may take at most, in percent of ``maxSize``, by its configured name.
    package var backendShares: [String: Int64] = [:]
    /// Whether a fill goes on when its last listener has left.
    package var keepFilling = KeepFilling.always
    /// How many objects keep their descriptor open. At least 1.
    package var maxDescriptors = 1024
    /// Bytes that the scrubber reads a second; 0 turns it off.
    package var scrub: Int64 = 20 << 20
    /// Whether the cache begins without its folder while another process has it, instead of being refused.
    package var waitsForLock = false
    /// Files without a name until they are published (O_TMPFILE), where the file system has them.
    package var usesUnnamedFiles = true

    /// For tests: the error that a call on a fill's file shall end with.
    var fault: FillFileFault?

    package init(path: String, maxSize: Int64 = 200 << 30, maxObject: Int64 = 8 << 30, minFree: Int64 = 10 << 30) {
        self.path = path
        self.maxSize = maxSize
        self.maxObject = maxObject
        self.minFree = minFree
    }
}

/// The cache in numbers, as of now.
package struct CacheStatistics: Sendable {
    /// Bytes on disk, whole pages, headers included.
    package var bytes: Int64 = 0
    package var objects: Int64 = 0
    package var series: Int64 = 0
    /// Fills under way that others may follow.
    package var fills: Int = 0
    /// Objects whose descriptor is open.
    package var descriptors: Int = 0
    /// Since the start.
    package var evictedSeries: Int64 = 0
    /// Charged bytes of what was evicted, whole series and parts. Since the start.
    package var evictedBytes: Int64 = 0
    /// How long the series that was evicted last had not been used; nil when none was.
    package var lastEvictedAge: Duration?
    /// How long those that were evicted had not been used. Since the start.
    package var evictedAges = IdleAges()
    /// Purges, by operators and for changed files. Since the start.
    package var purges: Int64 = 0
    /// Charged bytes of what was purged. Since the start.
    package var purgedBytes: Int64 = 0
    /// Charged bytes of the series that are pinned.
    package var pinnedBytes: Int64 = 0
    /// By the word of the class.
    package var byClass: [String: StoredAmount] = [:]
    /// By the backend's configured name; empty for what the files don't tell.
    package var byBackend: [String: StoredAmount] = [:]
    /// Since the start.
    package var damaged: Int64 = 0
    /// Objects that arrived whole, or were about to, and could not be stored. Since the start.
    package var failedPublishes: Int64 = 0
    /// Whether another process still has the folder: nothing is shared nor stored until it lets go.
    package var isWaiting = false
    /// Bodies that were not kept, for their size or the disk's sake, and passed through to their clients. Since the start.
    package var passedThrough: Int64 = 0
    /// Bytes of such bodies in memory, now.
    package var passing: Int = 0
    /// Bytes that fills under way hold on the disk and have not written yet.
    package var reserved: Int64 = 0

    package init() {}
}

/// How long evicted series had not been used, by steps: whether the cache is too small shows in them.
package struct IdleAges: Sendable, Hashable {
    /// The upper bound of each step, in seconds: a minute to a quarter of a year.
    package static let bounds: [Int64] = [60, 600, 3600, 21_600, 86_400, 259_200, 604_800, 2_592_000, 7_776_000]

    /// One for each bound, and one for what is above them all.
    package private(set) var counts = Array(repeating: Int64(0), count: bounds.count + 1)
    /// Seconds.
    package private(set) var sum: Int64 = 0

    package init() {}

    /// - Parameter age: milliseconds.
    mutating func add(_ age: Int64) {
        let seconds = age / 1000
        counts[Self.bounds.firstIndex { seconds <= $0 } ?? Self.bounds.count] += 1
        sum += seconds
    }
}
