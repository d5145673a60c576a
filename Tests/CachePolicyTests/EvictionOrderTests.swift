import CachePolicy
import DICOM
import Testing

@Suite struct EvictionOrderTests {
    private func usage(_ name: Int, bytes: Int64, at time: Int64, pinned: Bool = false) throws -> SeriesUsage {
        let series = SeriesKey(study: try uid("1.2"), series: try uid("1.2.\(name)"))
        return SeriesUsage(series: series, bytes: bytes, lastAccess: time, isPinned: pinned)
    }

    private func names(_ victims: [SeriesUsage]) -> [String] { victims.map { $0.series.series.string } }

    @Test func theOldestGoFirstAndNoMoreThanNeeded() throws {
        let all = [
            try usage(1, bytes: 10, at: 30), try usage(2, bytes: 10, at: 10), try usage(3, bytes: 10, at: 20),
        ]
        #expect(names(EvictionOrder.victims(among: all, toFree: 0)) == [])
        #expect(names(EvictionOrder.victims(among: all, toFree: 1)) == ["1.2.2"])
        #expect(names(EvictionOrder.victims(among: all, toFree: 10)) == ["1.2.2"])
        #expect(names(EvictionOrder.victims(among: all, toFree: 11)) == ["1.2.2", "1.2.3"])
        #expect(names(EvictionOrder.victims(among: all, toFree: 99)) == ["1.2.2", "1.2.3", "1.2.1"])
    }

    @Test func pinnedSeriesStay() throws {
        let all = [try usage(1, bytes: 10, at: 1, pinned: true), try usage(2, bytes: 10, at: 2)]
        #expect(names(EvictionOrder.victims(among: all, toFree: 99)) == ["1.2.2"])
    }

    @Test func amongEquallyOldOnesTheLargestGoesFirst() throws {
        let all = [try usage(1, bytes: 10, at: 1), try usage(2, bytes: 90, at: 1), try usage(3, bytes: 50, at: 1)]
        #expect(names(EvictionOrder.victims(among: all, toFree: 100)) == ["1.2.2", "1.2.3"])
    }

    @Test(
        arguments: [
            (1000, 1000, nil, 0, 0), (1001, 1000, nil, 0, 51), (2000, 1000, nil, 0, 1050), (10, 1000, 500, 100, 0),
            (10, 1000, 40, 100, 60), (2000, 1000, 0, 5000, 5000), (.max, .max, nil, 0, 0),
        ] as [(Int64, Int64, Int64?, Int64, Int64)])
    func roomIsMadeDownToTheLowWaterMark(used: Int64, maxSize: Int64, free: Int64?, minFree: Int64, bytes: Int64) {
        #expect(
            EvictionOrder.bytesToFree(used: used, maxSize: maxSize, free: free, minFree: minFree) == bytes)
    }
}
