// Purge and eviction, against fills and readers that are under way.
import CachePolicy
import DICOM
import DiskCache
import Foundation
import Synchronization
import Testing

@Suite struct RemovalTests {
    @Test func aPurgeDuringAFillKeepsItFromBeingPublished() async throws {
        let bed = try CacheBed()
        for usesUnnamedFiles in [true, false] {
            let cache = try bed.cache { $0.usesUnnamedFiles = usesUnnamedFiles }
            let key = try key()
            let writer = try await cache.filler(key)
            try await writer.begin(description, expectedLength: 10)
            try await writer.append(body(10))
            #expect(await cache.purge(study: key.study, series: nil) == 0)
            // Who asks after the purge gets a fill of its own, and not the old one's bytes.
            let second = try await cache.filler(key)
            try await writer.commit()
            #expect(try await writer.object().bytes() == body(10))
            #expect(bed.files("objects") == [] && bed.files("fills") == [])
            try await second.begin(description, expectedLength: 5)
            try await second.append(body(5, seed: 2))
            try await second.commit()
            #expect(try await cache.hit(key).bytes() == body(5, seed: 2))
            #expect(await cache.purge(study: key.study, series: key.series) == 8192)
            #expect(cache.statistics().fills == 0)
            await cache.close()
        }
    }

    @Test func aPurgeReachesItsSeriesOnly() async throws {
        let bed = try CacheBed()
        let cache = try bed.cache()
        for series in 1...3 { try await cache.store(body(10), try key(series: series)) }
        try await cache.store(body(10), try key(study: 2))
        let open = try await cache.hit(try key(series: 2))
        #expect(await cache.purge(study: try uid("1.2.1"), series: try uid("1.2.1.2")) == 8192)
        #expect(cache.openCached(try key(series: 2)) == nil)
        #expect(await cache.peek(try key(series: 2)) == nil)
        #expect(await cache.peek(try key(series: 1)) != nil)
        // Who was reading goes on reading.
        #expect(try await open.bytes() == body(10))
        #expect(await cache.purge(study: try uid("1.2.1"), series: nil) == 2 * 8192)
        #expect(await cache.peek(try key(series: 1)) == nil)
        #expect(await cache.peek(try key(study: 2)) != nil)
        #expect(await cache.purge(study: try uid("9.9"), series: nil) == 0)
        await cache.close()
        #expect(try bed.cache().statistics().bytes == 8192)
    }

    /// Whichever comes first, commit or purge: nothing of before the purge is there after both.
    @Test func commitsAndLookUpsRacingAPurgeBringNothingBack() async throws {
        let bed = try CacheBed()
        // One descriptor, so that the look-ups must go to the disk.
        let cache = try bed.cache { $0.maxDescriptors = 1 }
        for round in 0..<60 {
            let key = try key(study: round)
            let other = try DiskCacheTests.key(study: round, instance: 2)
            try await cache.store(body(10), other)
            let writer = try await cache.filler(key)
            try await cache.store([1], try DiskCacheTests.key(study: 1000 + round))
            try await writer.begin(description, expectedLength: 10)
            try await writer.append(body(10))
            await withTaskGroup(of: Void.self) { group in
                group.addTask { try? await bed.on(0) { try await writer.commit() } }
                for _ in 0..<4 {
                    group.addTask { try? await bed.on(1) { _ = await cache.peek(other) } }
                }
                group.addTask { _ = await cache.purge(study: key.study, series: nil) }
            }
            #expect(cache.openCached(key) == nil && cache.openCached(other) == nil)
            let found = (await cache.peek(key), await cache.peek(other))
            #expect(found.0 == nil && found.1 == nil)
        }
        #expect(bed.files("objects").count == 60 && bed.files("trash") == [])
        await cache.close()
    }

    @Test func theLeastRecentlyUsedSeriesGoFirstAndWhole() async throws {
        let bed = try CacheBed()
        // Room for ten objects of 8 KiB.
        let cache = try bed.cache { $0.maxSize = 10 * 8192 }
        for series in 1...5 {
            bed.time.wrappingAdd(10, ordering: .relaxed)
            for instance in 1...2 { try await cache.store(body(1000), try key(series: series, instance: instance)) }
        }
        #expect(cache.statistics().bytes == 10 * 8192)
        bed.time.wrappingAdd(10, ordering: .relaxed)
        await cache.settle()
        _ = try await cache.hit(try key(series: 1, instance: 1))
        bed.time.wrappingAdd(10, ordering: .relaxed)
        try await cache.store(body(1000), try key(series: 6))
        await cache.settle()
        // Series 1 was read lately; 2 is the oldest and goes with both of its instances.
        let left = try await (1...6).asyncMap { await cache.peek(try key(series: $0)) != nil }
        #expect(left == [true, false, true, true, true, true])
        #expect(await cache.peek(try key(series: 2, instance: 2)) == nil)
        #expect(cache.statistics().evictedSeries == 1)
        #expect(bed.files("trash") == [])
        await cache.close()
        let next = try bed.cache()
        #expect(next.statistics().bytes == 9 * 8192)
        #expect(next.statistics().series == 5)
        await next.close()
    }

    @Test func aDiskThatIsTooFullIsRelieved() async throws {
        let bed = try CacheBed()
        let cache = try bed.cache { $0.minFree = .max }
        try await cache.store(body(10), try key(series: 1))
        await cache.settle()
        #expect(bed.files("objects") == [])
        // Nothing left to drop is no error.
        try await cache.store(body(10), try key(series: 2))
        await cache.close()
    }

    @Test func aSeriesThatIsBeingFilledMayGoAndItsFillEndsUnpublished() async throws {
        let bed = try CacheBed()
        let cache = try bed.cache { $0.maxSize = 12_000 }
        let writer = try await cache.filler(try key(series: 1, instance: 2))
        try await writer.begin(description, expectedLength: 10)
        try await cache.store(body(10), try key(series: 1, instance: 1))
        bed.time.wrappingAdd(1, ordering: .relaxed)
        try await cache.store(body(10), try key(series: 2))
        await cache.settle()
        #expect(cache.statistics().evictedSeries == 1)
        try await writer.append(body(10))
        try await writer.commit()
        #expect(try await writer.object().bytes() == body(10))
        #expect(bed.files("objects").count == 1)
        await cache.close()
    }
}
