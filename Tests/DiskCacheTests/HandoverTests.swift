// Two processes and one folder: one owns it, the other is refused or waits, and at no time do both store.
import CachePolicy
import DICOM
import Foundation
import Glibc
import Synchronization
import Testing

@testable import DiskCache

@Suite struct HandoverTests {
    private func until(_ condition: () -> Bool) async { while !condition() { await Task.yield() } }

    @Test func aSecondOneIsRefusedAndTold() async throws {
        let bed = try CacheBed()
        let cache = try bed.cache()
        let error = #expect(throws: CacheDirectoryError.self) { try bed.cache() }
        let text = try #require(error?.description)
        for part in [bed.path, "another process", "\(getpid())", "since 20", "cache.path", "--take-over"] {
            #expect(text.contains(part), "\(part): \(text)")
        }
        await cache.close()
        await (try bed.cache()).close()
    }

    @Test func aLockFileThatSaysNothingIsStillALock() async throws {
        let bed = try CacheBed()
        let cache = try bed.cache()
        for text in ["", "pid x", String(repeating: "pid 1 ", count: 1000)] {
            try Data(text.utf8).write(to: URL(fileURLWithPath: bed.path + "/lock"), options: [])
            #expect(throws: CacheDirectoryError.self) { try bed.cache() }
        }
        await cache.close()
    }

    @Test func oneThatWaitsPassesThroughUntilTheFolderIsFree() async throws {
        let bed = try CacheBed()
        let old = try bed.cache()
        try await old.store(body(100), try key(instance: 1))
        let new = try bed.cache { $0.waitsForLock = true }
        #expect(new.statistics().isWaiting)
        // Neither read from the folder nor stored there nor shared.
        #expect(await new.peek(try key(instance: 1)) == nil)
        let writer = try await new.filler(try key(instance: 2))
        _ = try await new.filler(try key(instance: 2))
        try await writer.begin(description, expectedLength: 100)
        try await writer.append(body(100))
        try await writer.commit()
        #expect(try await writer.object().bytes() == body(100))
        #expect(bed.files("objects").count == 1)
        // The old one works on.
        try await old.store(body(200), try key(instance: 3))

        await old.close()
        await until { !new.statistics().isWaiting }
        #expect(try await new.hit(try key(instance: 1)).bytes() == body(100))
        #expect(try await new.hit(try key(instance: 3)).bytes() == body(200))
        try await new.store(body(300), try key(instance: 2))
        await new.settle()
        #expect(new.statistics().objects == 3)
        #expect(throws: CacheDirectoryError.self) { try bed.cache() }
        await new.close()
    }

    @Test func oneThatDrainsNeedsNoWord() async throws {
        let bed = try CacheBed()
        let old = try bed.cache()
        old.directory.lock.sayDraining()
        let new = try bed.cache()
        #expect(new.statistics().isWaiting)
        await old.close()
        await until { !new.statistics().isWaiting }
        await new.close()
    }

    @Test func ofTwoThatWaitOneGetsIt() async throws {
        let bed = try CacheBed()
        let old = try bed.cache()
        let waiting = [try bed.cache { $0.waitsForLock = true }, try bed.cache { $0.waitsForLock = true }]
        await old.close()
        await until { waiting.contains { !$0.statistics().isWaiting } }
        let owner = try #require(waiting.first { !$0.statistics().isWaiting })
        let other = try #require(waiting.first { $0 !== owner })
        #expect(other.statistics().isWaiting)
        await owner.close()
        await until { !other.statistics().isWaiting }
        await other.close()
    }

    @Test func oneThatGoesWhileItWaitsLeavesTheFolderAlone() async throws {
        let bed = try CacheBed()
        let old = try bed.cache()
        try await old.store(body(100), try key())
        let new = try bed.cache { $0.waitsForLock = true }
        await new.close()
        #expect(throws: CacheDirectoryError.self) { try bed.cache() }
        await old.close()
        let next = try bed.cache()
        #expect(try await next.hit(try key()).bytes() == body(100))
        await next.close()
    }

    /// What has to go must not be served by the one that could not remove it yet.
    @Test func aPurgeWhileItWaitsIsDoneWhenItCan() async throws {
        let bed = try CacheBed()
        let old = try bed.cache()
        for study in 1...2 { try await old.store(body(100), try key(study: study)) }
        let new = try bed.cache { $0.waitsForLock = true }
        _ = await new.purge(study: try uid("1.2.1"), series: nil)
        await old.close()
        await until { !new.statistics().isWaiting }
        await new.settle()
        let left = (await new.peek(try key(study: 1)), await new.peek(try key(study: 2)))
        #expect(left.0 == nil && left.1 != nil)
        await new.close()
    }

    @Test func aFillUnderWayReachesItsReadersAndIsNotStored() async throws {
        let bed = try CacheBed()
        let old = try bed.cache()
        let writer = try await old.filler(try key())
        try await writer.begin(description, expectedLength: 200)
        try await writer.append(body(100))
        let follower = try await old.follower(try key())
        await old.close()
        let new = try bed.cache()
        try await new.store(body(200), try key())
        try await writer.append(Array(body(200)[100...]))
        try await writer.commit()
        #expect(try await follower.bytes() == body(200))
        #expect(try await new.hit(try key()).bytes() == body(200))
        #expect(bed.files("objects").count == 1)
        await new.close()
    }

    /// A commit and a close at the same time: it is stored or not, and the next one finds it whole or not at all.
    @Test func whatIsWholeWhenItClosesIsStored() async throws {
        let bed = try CacheBed()
        var stored = 0
        for round in 1...30 {
            let cache = try bed.cache()
            let key = try key(instance: round)
            let writer = try await cache.filler(key)
            try await writer.begin(description, expectedLength: 100)
            try await writer.append(body(100))
            async let committed: Void = writer.commit()
            await cache.close()
            try await committed
            let next = try bed.cache()
            let object = await next.peek(key)
            #expect(try await object?.bytes() ?? body(100) == body(100))
            stored += object == nil ? 0 : 1
            #expect(!next.isSuspect(next.ledger.withLock { $0.run - 1 }))
            await next.close()
        }
        #expect(bed.files("objects").count == stored)
    }
}
