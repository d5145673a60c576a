// The scrubber at work in the background: when it walks, where it begins, how fast it is; and what a bad end costs.
import CachePolicy
import DICOM
import Foundation
import Glibc
import Synchronization
import Testing

@testable import DiskCache

@Suite struct ScrubberTests {
    private let day: Int64 = 24 * 3600 * 1000

    /// Fills a bed with three objects, in the order in which they are walked, and closes the cache.
    private func filledBed(length: Int = 1000) async throws -> (CacheBed, [ObjectKey]) {
        let bed = try CacheBed()
        let keys = try (1...3).map { try key(instance: $0) }
        let cache = try bed.cache()
        for key in keys { try await cache.store(body(length), key) }
        await cache.close()
        return (bed, keys)
    }

    private func until(_ condition: () -> Bool) async { while !condition() { await Task.yield() } }

    @Test func everythingIsReadOnceADay() async throws {
        let (bed, keys) = try await filledBed()
        let cache = try bed.cache { $0.scrub = 1 << 30 }
        await until { cache.scrubStatus.finished != nil }
        #expect(cache.scrubStatus.count.objects == 3 && cache.scrubStatus.count.damaged == 0)
        await cache.close()

        try VerificationTests.flip(bed.file(of: keys[1]), at: 4100)
        bed.time.wrappingAdd(day - 2000, ordering: .relaxed)
        let early = try bed.cache { $0.scrub = 1 << 30 }
        #expect(early.scrubStatus.count.objects == 3 && early.scrubStatus.finished != nil)
        await early.close()
        #expect(early.scrubTotal == ScrubCount())

        bed.time.wrappingAdd(2000, ordering: .relaxed)
        let due = try bed.cache { $0.scrub = 1 << 30 }
        await until { due.scrubTotal.objects == 2 && due.scrubStatus.finished != nil }
        #expect(due.scrubStatus.count.damaged == 1 && due.statistics().damaged == 1)
        await due.close()
    }

    @Test func aClockThatWasSetBackMakesAWalkDue() async throws {
        let (bed, _) = try await filledBed()
        let first = try bed.cache { $0.scrub = 1 << 30 }
        await until { first.scrubStatus.finished != nil }
        await first.close()
        bed.time.wrappingAdd(-100 * day, ordering: .relaxed)
        let second = try bed.cache { $0.scrub = 1 << 30 }
        await until { second.scrubTotal.objects == 3 }
        await second.close()
    }

    @Test func aWalkGoesOnWhereTheLastProcessEnded() async throws {
        let (bed, _) = try await filledBed(length: 1 << 20)
        // Each object takes a quarter of a second.
        let first = try bed.cache { $0.scrub = 4 << 20 }
        await until { first.scrubStatus.count.objects > 0 }
        await first.close()
        let done = first.scrubStatus.count.objects
        #expect((1...2).contains(done) && first.scrubStatus.finished == nil)
        let second = try bed.cache { $0.scrub = 1 << 30 }
        await until { second.scrubStatus.finished != nil }
        #expect(second.scrubStatus.count.objects == 3)
        #expect(second.scrubTotal.objects == 3 - done)
        await second.close()
    }

    @Test(arguments: ["", "started", "started 1\ncounted 1 2\nat -\n", "started x\ncounted 1 2 3 4 5\nat -\n"])
    func aLostPositionIsABeginning(text: String) async throws {
        let (bed, _) = try await filledBed()
        try Data(text.utf8).write(to: URL(fileURLWithPath: bed.path + "/scrub"))
        let cache = try bed.cache { $0.scrub = 1 << 30 }
        await until { cache.scrubTotal.objects == 3 }
        await cache.close()
    }

    @Test func itReadsNoFasterThanItMay() async throws {
        let (bed, _) = try await filledBed(length: 1 << 20)
        let begin = ContinuousClock.now
        let cache = try bed.cache { $0.scrub = 8 << 20 }
        await until { cache.scrubStatus.finished != nil }
        #expect(ContinuousClock.now - begin > .milliseconds(300))
        await cache.close()
    }

    @Test func itIsOffWhenItIsTurnedOff() async throws {
        let (bed, keys) = try await filledBed()
        try VerificationTests.flip(bed.file(of: keys[0]), at: 4100)
        let cache = try bed.cache()
        await cache.close()
        #expect(cache.scrubStatus == ScrubStatus() && FileManager.default.fileExists(atPath: bed.file(of: keys[0])))
    }

    // MARK: After a bad end

    /// A bed in which a process that was killed has stored three objects of three blocks.
    private func crashedBed() async throws -> (CacheBed, [ObjectKey]) {
        let bed = try CacheBed()
        let keys = try (1...3).map { try key(instance: $0) }
        let good = try bed.cache()
        #expect(await good.verify().finished != nil)
        await good.close()
        var cache: DiskCache? = try bed.cache()
        for key in keys { try await cache?.store(body(3 << 20), key) }
        cache = nil
        return (bed, keys)
    }

    @Test func whatAKilledProcessStoredIsReadWholeBeforeItIsServed() async throws {
        let (bed, keys) = try await crashedBed()
        try VerificationTests.flip(bed.file(of: keys[0]), at: -100)
        // Whatever the clock says by now.
        bed.time.wrappingAdd(-1000 * day, ordering: .relaxed)
        let cache = try await bed.cacheAfterCrash()
        #expect(cache.openCached(keys[0]) == nil)
        #expect(await cache.peek(keys[0]) == nil)
        #expect(cache.statistics().damaged == 1)
        guard case .fill = try await cache.open(keys[0]) else { throw Unexpected(what: "no licence to fill") }
        // Many at once are answered by one that was read once.
        await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<8 { group.addTask { (await cache.peek(keys[1]))?.isVerified(0..<(3 << 20)) == true } }
            for await isWhole in group { #expect(isWhole) }
        }
        #expect(cache.openCached(keys[1]) != nil)
        await cache.close()
    }

    /// The same damage, found by the block's checksum, since the run that stored it ended well.
    @Test func afterAGoodEndOnlyWhatIsTouchedIsRead() async throws {
        let (bed, keys) = try await filledBed(length: 3 << 20)
        try VerificationTests.flip(bed.file(of: keys[0]), at: -100)
        let cache = try bed.cache()
        let object = try #require(await cache.peek(keys[0]))
        #expect(try await object.read(at: 0, length: 100) == Array(body(3 << 20)[..<100]))
        #expect(!object.isVerified(0..<object.length))
        await cache.close()
    }

    @Test func whatIsSuspectStaysSoUntilItWasRead() async throws {
        let (bed, keys) = try await crashedBed()
        // A good end of a process that has read nothing proves nothing.
        let idle = try await bed.cacheAfterCrash()
        await idle.close()
        let second = try bed.cache()
        #expect(try #require(await second.peek(keys[0])).isVerified(0..<(3 << 20)))
        #expect(await second.verify(CacheSelection(study: keys[0].study)).count.objects == 3)
        await second.close()
        let third = try bed.cache()
        #expect(third.hasSuspects, "a part is not the whole")
        #expect(await third.verify().count.objects == 3)
        #expect(!third.hasSuspects)
        await third.close()
        let fourth = try bed.cache()
        #expect(!fourth.hasSuspects)
        #expect(try #require(await fourth.peek(keys[0])).isVerified(0..<10) == false)
        await fourth.close()
    }

    @Test func theScrubberReadsWhatIsSuspectFirst() async throws {
        let (bed, keys) = try await crashedBed()
        try VerificationTests.flip(bed.file(of: keys[2]), at: 5000)
        let cache = try await bed.cacheAfterCrash { $0.scrub = 1 << 30 }
        await until { !cache.hasSuspects }
        #expect(cache.statistics().damaged == 1)
        #expect(!FileManager.default.fileExists(atPath: bed.file(of: keys[2])))
        await cache.close()
    }

    @Test func aLedgerThatIsLostMakesEverythingSuspect() async throws {
        let (bed, keys) = try await filledBed()
        try FileManager.default.removeItem(atPath: bed.path + "/runs")
        let cache = try bed.cache()
        #expect(cache.hasSuspects)
        #expect(try await cache.hit(keys[0]).bytes() == body(1000))
        await cache.close()
    }
}
