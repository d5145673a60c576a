import CachePolicy
import DICOM
import Testing

@Suite struct EvictionOrderTests {
    private let gap = SeriesStanding.visitGap

    @Test func usesThatFollowEachOtherAreOneVisit() {
        var standing = SeriesStanding(newAt: 1000)
        for step in 1...500 { standing.used(at: 1000 + Int64(step) * (gap - 1)) }
        #expect(standing.visits == 0)
        standing.used(at: standing.lastAccess + gap)
        #expect(standing.visits == 1)
    }

    @Test func onABusyCacheTheNextUseIsAnotherVisitSooner() {
        var standing = SeriesStanding(newAt: 0)
        standing.used(at: 1, stored: 50, maxSize: 1000)
        #expect(standing.visits == 0)
        standing.used(at: 2, stored: 101, maxSize: 1000)
        #expect(standing.visits == 1)
    }

    @Test func visitsCountUpToALimit() {
        var standing = SeriesStanding(newAt: 0)
        for step in 1...10 { standing.used(at: Int64(step) * gap) }
        #expect(standing.visits == SeriesStanding.visitLimit)
    }

    @Test func aTimeBeforeTheLastOneChangesNothing() {
        var standing = SeriesStanding(newAt: 10 * gap)
        let before = standing
        standing.used(at: gap)
        #expect(standing == before)
    }

    @Test func whatWasVisitedOnceGoesAtTheEndOfItsTrial() {
        var standing = SeriesStanding(newAt: 0)
        let mustGo = standing.mustGo(else: 5)
        #expect(mustGo && standing.queue == .trial)
    }

    @Test func whatWasVisitedAgainMovesToTheMainQueueAndStartsAnew() {
        var standing = SeriesStanding(newAt: 0)
        standing.used(at: gap)
        standing.used(at: 2 * gap)
        let first = standing.mustGo(else: 7 * gap)
        #expect(!first)
        #expect(standing == SeriesStanding(queue: .main, visits: 0, position: 7 * gap, lastAccess: 2 * gap))
        let second = standing.mustGo(else: 8 * gap)
        #expect(second)
    }

    @Test func eachVisitSparesOnceInTheMainQueue() {
        var standing = SeriesStanding(newAt: 0, isRemembered: true)
        #expect(standing.queue == .main)
        for step in 1...2 { standing.used(at: Int64(step) * gap) }
        let outcomes = (0..<3).map { standing.mustGo(else: 10 * gap + $0) }
        #expect(outcomes == [false, false, true])
    }

    @Test func theTrialGivesFirstOnceItExceedsItsShare() {
        #expect(EvictionOrder.next(trial: 251, maxSize: 1000) == .trial)
        #expect(EvictionOrder.next(trial: 250, maxSize: 1000) == .main)
        #expect(EvictionOrder.next(trial: .max, maxSize: .max) == .trial)
    }

    @Test(
        arguments: [
            (1000, 1000, nil, 0, 0), (1001, 1000, nil, 0, 51), (2000, 1000, nil, 0, 1050), (10, 1000, 500, 100, 0),
            (10, 1000, 40, 100, 60), (2000, 1000, 0, 5000, 5000), (.max, .max, nil, 0, 0), (99, 98, nil, 0, 6),
        ] as [(Int64, Int64, Int64?, Int64, Int64)])
    func roomIsMadeDownToTheLowWaterMark(used: Int64, maxSize: Int64, free: Int64?, minFree: Int64, bytes: Int64) {
        #expect(
            EvictionOrder.bytesToFree(used: used, maxSize: maxSize, free: free, minFree: minFree) == bytes)
    }
}
