// Which fills may still be published. Pure; DiskCache keeps one behind its lock.

/// The generations of the series that are being filled.
///
/// A fill remembers its series' generation when it begins and is published only if that is still the present one. Only
/// series with a fill under way are held, so that memory follows the fills and not the cache; a series that comes back
/// gets a number that was never used before.
package struct SeriesGenerations: Sendable {
    private struct Entry {
        var generation: UInt64
        var fills: Int
    }

    private var entries: [SeriesKey: Entry] = [:]
    private var lastGeneration: UInt64 = 0

    package init() {}

    /// A fill begins. Answers the generation under which it may be published.
    package mutating func fillBegan(_ series: SeriesKey) -> UInt64 {
        if let entry = entries[series] {
            entries[series] = Entry(generation: entry.generation, fills: entry.fills + 1)
            return entry.generation
        }
        lastGeneration += 1
        entries[series] = Entry(generation: lastGeneration, fills: 1)
        return lastGeneration
    }

    /// A fill ended, whichever way.
    package mutating func fillEnded(_ series: SeriesKey) {
        guard let entry = entries[series] else { return }
        entries[series] = entry.fills > 1 ? Entry(generation: entry.generation, fills: entry.fills - 1) : nil
    }

    /// Whether what began under `generation` may be published.
    package func isCurrent(_ generation: UInt64, of series: SeriesKey) -> Bool {
        entries[series]?.generation == generation
    }

    /// No fill of these series that is under way may be published any more. Answers them. O(series being filled).
    @discardableResult
    package mutating func raise(where matches: (SeriesKey) -> Bool) -> [SeriesKey] {
        let raised = entries.keys.filter(matches)
        for series in raised {
            lastGeneration += 1
            entries[series]?.generation = lastGeneration
        }
        return raised
    }

    /// How many series are being filled.
    package var count: Int { entries.count }
}
