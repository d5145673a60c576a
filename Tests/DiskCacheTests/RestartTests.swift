// What a process finds that another one left, in good order or not.
import CachePolicy
import DICOM
import DiskCache
import Foundation
import Synchronization
import Testing

@Suite struct RestartTests {
    @Test func aProcessThatDiedLeavesNothingTornAndNoTemporaryFile() async throws {
        let bed = try CacheBed()
        for usesUnnamedFiles in [true, false] {
            var cache: DiskCache? = try bed.cache { $0.usesUnnamedFiles = usesUnnamedFiles }
            try await cache?.store(body(100), try key(instance: 1))
            var writer = try await cache?.filler(try key(instance: 2))
            try await writer?.begin(description, expectedLength: 1 << 21)
            try await writer?.append(body(1 << 20))
            cache = nil
            writer = nil
            // What a kill leaves where files have names, and what it leaves of an eviction.
            let files = FileManager.default
            try Data([1, 2, 3]).write(to: URL(fileURLWithPath: bed.path + "/fills/torn"))
            try files.createDirectory(atPath: bed.path + "/trash/a/b", withIntermediateDirectories: true)
            try Data([1]).write(to: URL(fileURLWithPath: bed.path + "/trash/a/b/c"))

            let next = try await bed.cacheAfterCrash { $0.usesUnnamedFiles = usesUnnamedFiles }
            await next.settle()
            #expect(bed.files("fills") == [])
            #expect(try files.contentsOfDirectory(atPath: bed.path + "/trash") == [])
            #expect(bed.files("objects").count == 1)
            #expect(try await next.hit(try key(instance: 1)).bytes() == body(100))
            #expect(await next.peek(try key(instance: 2)) == nil)
            #expect(next.statistics().bytes == 8192 && next.statistics().objects == 1)
            #expect(await next.purge(study: try uid("1.2.1"), series: nil) == 8192)
            await next.close()
        }
    }

    static let losses = ["deleted", "garbage", "truncated", "emptied", "a folder", "a link"]

    @Test(arguments: losses) func lostAccountingIsRebuilt(how: String) async throws {
        let bed = try CacheBed()
        let first = try bed.cache()
        for series in 1...4 {
            bed.time.wrappingAdd(10, ordering: .relaxed)
            for instance in 1...3 {
                try await first.store(body(100 * series), try key(series: series, instance: instance))
            }
        }
        let before = first.statistics()
        await first.close()
        try spoil(bed.path + "/accounting.sqlite", how)

        let second = try bed.cache()
        // Served before, while and after it is rebuilt.
        #expect(try await second.hit(try key()).bytes() == body(100))
        await second.settle()
        #expect(second.statistics().bytes == before.bytes)
        #expect(second.statistics().objects == 12 && second.statistics().series == 4)
        await second.close()
        let third = try bed.cache()
        #expect(third.statistics().bytes == before.bytes)
        await third.close()
    }

    private func spoil(_ file: String, _ how: String) throws {
        let files = FileManager.default
        let whole = try Data(contentsOf: URL(fileURLWithPath: file))
        try files.removeItem(atPath: file)
        switch how {
        case "garbage": try Data(body(8192)).write(to: URL(fileURLWithPath: file))
        case "truncated": try whole[..<5000].write(to: URL(fileURLWithPath: file))
        case "emptied": try Data().write(to: URL(fileURLWithPath: file))
        case "a folder": try files.createDirectory(atPath: file, withIntermediateDirectories: false)
        case "a link": try files.createSymbolicLink(atPath: file, withDestinationPath: "/etc/passwd")
        default: break
        }
    }

    @Test func whatWasReadLastIsRememberedAcrossACrash() async throws {
        let bed = try CacheBed()
        var cache: DiskCache? = try bed.cache()
        for series in 1...3 {
            bed.time.wrappingAdd(1_000_000, ordering: .relaxed)
            try await cache?.store(body(100), try key(series: series))
        }
        await cache?.settle()
        bed.time.wrappingAdd(1_000_000, ordering: .relaxed)
        _ = try await cache?.hit(try key(series: 1))
        await cache?.settle()
        cache = nil

        let next = try await bed.cacheAfterCrash { $0.maxSize = 3 * 8192 }
        await next.settle()
        try await next.store(body(100), try key(series: 4))
        await next.settle()
        #expect(await next.peek(try key(series: 1)) != nil)
        #expect(await next.peek(try key(series: 2)) == nil)
        await next.close()
    }

    @Test func whatIsStoredWhileTheAccountingIsRebuiltIsCountedOnce() async throws {
        let bed = try CacheBed()
        for round in 1...2 {
            // Series enough for the scan to take its time, and fills in some of them at the same time.
            for series in 1...150 {
                let file = bed.file(of: try key(study: round, series: series))
                try FileManager.default.createDirectory(
                    atPath: (file as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
                try Data([1]).write(to: URL(fileURLWithPath: file))
            }
            let cache = try bed.cache()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for series in stride(from: 1, through: 150, by: 10) {
                    group.addTask {
                        try await cache.store(body(10), try key(study: round, series: series, instance: 2))
                    }
                }
                try await group.waitForAll()
            }
            await cache.settle()
            #expect(cache.statistics().objects == Int64(bed.files("objects").count))
            #expect(cache.statistics().series == Int64(150 * round))
            await cache.close()
            try FileManager.default.removeItem(atPath: bed.path + "/accounting.sqlite")
        }
    }

    @Test func foreignFilesInTheTreeDisturbNobody() async throws {
        let bed = try CacheBed()
        let first = try bed.cache()
        try await first.store(body(100), try key())
        await first.close()
        let files = FileManager.default
        let objects = bed.path + "/objects"
        try Data([1]).write(to: URL(fileURLWithPath: objects + "/stray"))
        try files.createDirectory(atPath: objects + "/_/zz/1/2/3", withIntermediateDirectories: true)
        try files.createDirectory(atPath: objects + "/_/00/00/1.2.3/1.2.4/x", withIntermediateDirectories: true)
        try files.createSymbolicLink(atPath: objects + "/_/00/00/1.2.9", withDestinationPath: "/")
        try files.removeItem(atPath: bed.path + "/accounting.sqlite")
        let second = try bed.cache()
        await second.settle()
        #expect(second.statistics().objects == 1 && second.statistics().series == 1)
        await second.close()
    }

    @Test func aTenantWithAStrangeNameIsFoundAgain() async throws {
        let bed = try CacheBed()
        var key = try key()
        key.tenant = "Klinik für Radiologie"
        let first = try bed.cache()
        try await first.store(body(100), key)
        await first.close()
        try FileManager.default.removeItem(atPath: bed.path + "/accounting.sqlite")
        let second = try bed.cache()
        await second.settle()
        #expect(second.statistics().objects == 1)
        #expect(await second.purge(study: key.study, series: nil, tenant: key.tenant) == 8192)
        await second.close()
        #expect(try bed.cache().statistics().objects == 0)
    }

    @Test func aFolderThatCanNotBeUsedIsSaid() async throws {
        let bed = try CacheBed()
        try Data([1]).write(to: URL(fileURLWithPath: bed.path))
        let error = #expect(throws: CacheDirectoryError.self) { try bed.cache() }
        #expect(error?.description.contains(bed.path) == true)
    }
}
