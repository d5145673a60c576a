// Which series go first when space is needed. A pure function: the numbers come from the accounting.

/// What the accounting knows of a series when space is needed.
package struct SeriesUsage: Hashable, Sendable {
    package var series: SeriesKey
    /// Charged bytes on disk.
    package var bytes: Int64
    /// Seconds since 1970.
    package var lastAccess: Int64
    package var isPinned: Bool

    package init(series: SeriesKey, bytes: Int64, lastAccess: Int64, isPinned: Bool = false) {
        self.series = series
        self.bytes = bytes
        self.lastAccess = lastAccess
        self.isPinned = isPinned
    }
}

/// Least recently used series first, whole series only, pinned ones never.
package enum EvictionOrder {
    /// The fraction of the size limit, in percent, down to which an eviction makes room, so that the next fill does not
    /// begin another.
    package static let lowWaterPercent: Int64 = 95

    /// How many bytes must go; 0 when there is room enough.
    ///
    /// - Parameters:
    ///   - used: charged bytes of all series.
    ///   - maxSize: the cache's limit in bytes.
    ///   - free: free bytes of the disk; nil when unknown.
    ///   - minFree: bytes that shall stay free on the disk.
    package static func bytesToFree(used: Int64, maxSize: Int64, free: Int64?, minFree: Int64) -> Int64 {
        let overSize = used > maxSize ? used - maxSize / 100 * lowWaterPercent : 0
        let overDisk = free.map { max(0, minFree - $0) } ?? 0
        return max(overSize, overDisk)
    }

    /// The series to drop, in order, until `bytes` are free or nothing is left that may go. O(n log n).
    package static func victims(among usages: [SeriesUsage], toFree bytes: Int64) -> [SeriesUsage] {
        var missing = bytes
        var victims: [SeriesUsage] = []
        for usage in usages.filter({ !$0.isPinned }).sorted(by: precedes) {
            if missing <= 0 { break }
            victims.append(usage)
            missing -= usage.bytes
        }
        return victims
    }

    /// Of two equally old ones the larger goes first, since fewer series are lost then; UIDs make the order total.
    private static func precedes(_ left: SeriesUsage, _ right: SeriesUsage) -> Bool {
        if left.lastAccess != right.lastAccess { return left.lastAccess < right.lastAccess }
        if left.bytes != right.bytes { return left.bytes > right.bytes }
        if left.series.study != right.series.study { return left.series.study < right.series.study }
        if left.series.series != right.series.series { return left.series.series < right.series.series }
        return left.series.tenant < right.series.tenant
    }
}
