// Reading everything on demand: what is damaged goes, what is foreign stays, and the numbers say so.
import CLinux
import CachePolicy
import DICOM
import Foundation
import Glibc
import Synchronization
import Testing

@testable import DiskCache

@Suite struct VerificationTests {
    /// Changes one byte of a file.
    static func flip(_ file: String, at offset: Int) throws {
        var data = try Data(contentsOf: URL(fileURLWithPath: file))
        data[offset < 0 ? data.count + offset : offset] ^= 0x20
        try data.write(to: URL(fileURLWithPath: file))
    }

    @Test func whatIsDamagedIsDroppedCountedAndFetchedAnew() async throws {
        let bed = try CacheBed()
        let cache = try bed.cache()
        let keys = try (1...6).map { try key(series: 1 + $0 % 2, instance: $0) }
        for key in keys { try await cache.store(body((2 << 20) + 5), key) }
        // One of them is open, and was proven when it was stored.
        _ = try await cache.hit(keys[0])
        try Self.flip(bed.file(of: keys[0]), at: 5000)
        try Self.flip(bed.file(of: keys[1]), at: 100)
        try Self.flip(bed.file(of: keys[2]), at: -1)
        try Data([1, 2, 3]).write(to: URL(fileURLWithPath: bed.file(of: keys[3])))

        let positions = Mutex<[String]>([])
        let status = await cache.verify { status in positions.withLock { $0.append(status.position ?? "") } }
        #expect(status.count.objects == 2 && status.count.damaged == 4 && status.count.foreign == 0)
        #expect(status.count.bytes >= 2 * ((2 << 20) + 5))
        #expect(status.finished != nil && status.started != nil)
        let walked = positions.withLock { $0 }
        #expect(walked.count == 6 && walked == walked.sorted())
        #expect(cache.statistics().damaged == 4 && cache.scrubTotal == status.count)
        await cache.settle()
        #expect(cache.statistics().objects == 2)
        for key in keys[..<4] { try await cache.store(body(100), key) }
        #expect(await cache.verify().count.objects == 6)
        await cache.close()
    }

    @Test func aSelectionReadsNothingElse() async throws {
        let bed = try CacheBed()
        let cache = try bed.cache()
        let keys = try [key(study: 1), key(study: 2, series: 1), key(study: 2, series: 2, instance: 1)]
        for key in keys {
            try await cache.store(body(100), key)
            try Self.flip(bed.file(of: key), at: 4100)
        }
        let ofSeries = await cache.verify(CacheSelection(study: keys[2].study, series: keys[2].series))
        #expect(ofSeries.count.damaged == 1 && ofSeries.count.objects == 0)
        #expect(await cache.verify(CacheSelection(study: keys[1].study)).count.damaged == 1)
        #expect(await cache.verify(CacheSelection(study: try uid("1.2.999"))).count == ScrubCount())
        #expect(await cache.verify(CacheSelection(objectClass: "frame")).count.damaged == 0)
        #expect(await cache.verify(CacheSelection(backend: "pacs")).count.damaged == 1)
        await cache.close()
    }

    @Test func whatTheCacheDidNotPutThereIsLeftAlone() async throws {
        let bed = try CacheBed()
        let cache = try bed.cache()
        let key = try key()
        try await cache.store(body(100), key)
        let objects = bed.path + "/objects/"
        let series = (bed.file(of: key) as NSString).deletingLastPathComponent
        var foreign = [objects + "stray", objects + "_/README", series + "/notes.txt", series + "/frames"]
        for path in foreign { try Data([1]).write(to: URL(fileURLWithPath: path)) }
        let deep = objects + "_/deep" + String(repeating: "/d", count: 300)
        try FileManager.default.createDirectory(atPath: deep, withIntermediateDirectories: true)
        let links = [
            (series + "/metadata.json", "/etc/passwd"), (series + "/frame-index", "/nowhere"), (objects + "up", ".."),
        ]
        for (path, target) in links {
            try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: target)
        }
        // The paths live for the calls. Only root can make a device; whoever can't has one file less.
        try #require(unsafe mkfifo(series + "/instance,1.2", 0o600) == 0)
        try #require(unsafe mkdir(series + "/instance,1.3", 0o700) == 0)
        let notUTF8: [UInt8] = Array((objects + "_/").utf8) + [0xff, 0xfe, 0]
        try #require(unsafe mkdir(notUTF8.map { CChar(bitPattern: $0) }, 0o700) == 0)
        let hasDevice = unsafe mknod(series + "/instance,1.4", S_IFCHR | 0o600, 0x0103) == 0
        foreign += [deep, series + "/instance,1.2", series + "/instance,1.3"] + links.map(\.0)

        let status = await cache.verify()
        #expect(status.count.foreign == Int64(4 + 1 + 3 + 3) + (hasDevice ? 1 : 0))
        #expect(status.count.objects == 1 && status.count.damaged == 0 && status.count.unreadable == 0)
        for path in foreign {
            #expect((try? FileManager.default.attributesOfItem(atPath: path)) != nil, "\(path)")
        }
        #expect(bed.lines.withLock { $0.contains { $0.contains("_/README") } })
        #expect(try await cache.hit(key).bytes() == body(100))
        await cache.close()
    }

    /// A sound object in another one's place could never be found, and would be taken for that one.
    @Test func anObjectInTheWrongPlaceIsNoObject() async throws {
        let bed = try CacheBed()
        let cache = try bed.cache()
        let keys = try [key(instance: 1), key(instance: 2)]
        for key in keys { try await cache.store(body(100), key) }
        try FileManager.default.removeItem(atPath: bed.file(of: keys[1]))
        try FileManager.default.copyItem(atPath: bed.file(of: keys[0]), toPath: bed.file(of: keys[1]))
        let status = await cache.verify()
        #expect(status.count.objects == 1 && status.count.damaged == 1)
        await cache.close()
    }

    /// Whoever wants pages that only the scrubber has read would have had to read them anyway.
    @Test func whatIsReadOnceDoesNotStayInMemory() throws {
        let bed = try CacheBed()
        let path = bed.path + "-file"
        defer { try? FileManager.default.removeItem(atPath: path) }
        try Data(body(1 << 20)).write(to: URL(fileURLWithPath: path))
        let file = Descriptor(unsafe open(path, O_RDONLY))
        var buffer = [UInt8](repeating: 0, count: 4096)
        // The buffer has room for what is asked for.
        func isInMemory() -> Bool { unsafe clinux_pread_nowait(file.number, &buffer, 4096, 8192) > 0 }
        #expect(try file.readOnce(at: 0, count: 1 << 20) == body(1 << 20))
        #expect(isInMemory(), "what was there before stays")
        fsync(file.number)
        posix_fadvise(file.number, 0, 0, POSIX_FADV_DONTNEED)
        // A file system in memory has nowhere else to keep it.
        if isInMemory() { return }
        posix_fadvise(file.number, 0, 0, POSIX_FADV_RANDOM)
        #expect(try file.readOnce(at: 0, count: 1 << 20) == body(1 << 20))
        #expect(!isInMemory())
    }
}
