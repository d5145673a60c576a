// Whatever happens to the files: never a wrong byte, never a trap, and the next fill makes it whole.
import CachePolicy
import DICOM
import Foundation
import Synchronization
import Testing

@testable import DiskCache

@Suite struct DamageTests {
    /// An object whose file is changed by each test, and a second one by which its descriptor is pushed out.
    private struct Victim {
        let bed: CacheBed
        let cache: DiskCache
        let key: ObjectKey
        let other: ObjectKey
        let body: [UInt8]
        let file: String
        let pristine: Data

        init(length: Int = (1 << 20) + 100) async throws {
            bed = try CacheBed()
            cache = try bed.cache { $0.maxDescriptors = 1 }
            key = try DiskCacheTests.key(instance: 1)
            other = try DiskCacheTests.key(instance: 2)
            body = DiskCacheTests.body(length)
            file = bed.file(of: key)
            try await cache.store(body, key)
            try await cache.store([1], other)
            pristine = try Data(contentsOf: URL(fileURLWithPath: file))
        }

        /// Opens it anew; nil when that is refused or damage is found in its bytes.
        func served() async throws -> [UInt8]? {
            _ = await cache.peek(other)
            guard let object = await cache.peek(key) else { return nil }
            do throws(CacheError) {
                return try await object.read(at: 0, length: Int(object.length))
            } catch {
                guard error.isDamaged else { throw error }
                return nil
            }
        }

        func write(_ data: Data) throws { try data.write(to: URL(fileURLWithPath: file)) }
    }

    @Test func everyByteOfTheHeaderCounts() async throws {
        let victim = try await Victim(length: 100)
        let headerLength = Int(victim.pristine[12]) | Int(victim.pristine[13]) << 8
        #expect((100...1000).contains(headerLength))
        for offset in 0..<headerLength {
            var damaged = victim.pristine
            damaged[offset] ^= 1 << UInt8(offset % 8)
            try victim.write(damaged)
            #expect(try await victim.served() == nil, "byte \(offset)")
            #expect(!FileManager.default.fileExists(atPath: victim.file))
        }
        #expect(victim.cache.statistics().damaged == Int64(headerLength))
        try victim.write(victim.pristine)
        #expect(try await victim.served() == victim.body)
        await victim.cache.close()
    }

    @Test func everyByteOfTheBodyAndTheTrailerCounts() async throws {
        let victim = try await Victim()
        let bodyEnd = 4096 + victim.body.count
        var random = SystemRandomNumberGenerator()
        let bodyOffsets = (0..<30).map { _ in Int.random(in: 4096..<bodyEnd, using: &random) }
        for offset in bodyOffsets + [4096, bodyEnd - 1] + Array(bodyEnd..<victim.pristine.count) {
            var damaged = victim.pristine
            damaged[offset] ^= 0x10
            try victim.write(damaged)
            #expect(try await victim.served() == nil, "byte \(offset)")
            #expect(!FileManager.default.fileExists(atPath: victim.file))
        }
        await victim.cache.close()
    }

    /// The validator comes from the trailer: it must not be wrong even before a byte is read.
    @Test func aDamagedTrailerIsSeenWhenTheFileIsOpened() async throws {
        let victim = try await Victim()
        var damaged = victim.pristine
        damaged[damaged.count - 1] ^= 1
        try victim.write(damaged)
        _ = await victim.cache.peek(victim.other)
        #expect(await victim.cache.peek(victim.key) == nil)
        await victim.cache.close()
    }

    @Test func aDamagedBlockDoesNotKeepTheOthersFromBeingServed() async throws {
        let victim = try await Victim()
        var damaged = victim.pristine
        damaged[damaged.count - 20] ^= 1
        try victim.write(damaged)
        _ = await victim.cache.peek(victim.other)
        let object = try #require(await victim.cache.peek(victim.key))
        #expect(try await object.read(at: 0, length: 1000) == Array(victim.body[..<1000]))
        let error = await #expect(throws: CacheError.self) {
            try await object.verify(object.length - 1..<object.length)
        }
        #expect(error?.isDamaged == true)
        // Told once, and gone: the caller's next question is answered by a licence to fill.
        try await victim.cache.store(victim.body, victim.key)
        #expect(try await victim.served() == victim.body)
        #expect(victim.cache.statistics().damaged == 1)
        await victim.cache.close()
    }

    @Test func filesOfTheWrongSizeAreDropped() async throws {
        let victim = try await Victim()
        let sizes = [0, 1, 47, 48, 300, 4095, 4096, 5000, victim.pristine.count - 16, victim.pristine.count - 1]
        for size in sizes {
            try victim.write(victim.pristine[..<size])
            #expect(try await victim.served() == nil, "\(size) bytes")
        }
        try victim.write(victim.pristine + Data([0]))
        #expect(try await victim.served() == nil)
        await victim.cache.close()
    }

    @Test func aFileThatShrinksWhileItIsOpenIsNoticed() async throws {
        let victim = try await Victim()
        try victim.write(victim.pristine)
        _ = await victim.cache.peek(victim.other)
        let object = try #require(await victim.cache.peek(victim.key))
        try FileHandle(forWritingTo: URL(fileURLWithPath: victim.file)).truncate(atOffset: 10_000)
        await #expect(throws: CacheError.self) { try await object.bytes() }
        object.reportDamage()
        await victim.cache.settle()
        #expect(victim.cache.openCached(victim.key) == nil)
        await victim.cache.close()
    }

    @Test func anotherObjectsFileIsNotServed() async throws {
        let victim = try await Victim()
        try FileManager.default.removeItem(atPath: victim.file)
        try FileManager.default.copyItem(atPath: victim.bed.file(of: victim.other), toPath: victim.file)
        #expect(try await victim.served() == nil)
        #expect(try await victim.cache.hit(victim.other).bytes() == [1])
        await victim.cache.close()
    }

    @Test(arguments: ["link", "dangling link", "folder", "pipe"])
    func whatIsNoFileIsPutAside(kind: String) async throws {
        let victim = try await Victim()
        let files = FileManager.default
        try files.removeItem(atPath: victim.file)
        let outside = victim.bed.path + "/outside"
        try victim.pristine.write(to: URL(fileURLWithPath: outside))
        switch kind {
        case "link": try files.createSymbolicLink(atPath: victim.file, withDestinationPath: outside)
        case "dangling link": try files.createSymbolicLink(atPath: victim.file, withDestinationPath: "/nowhere")
        case "folder":
            let deep = victim.file + String(repeating: "/d", count: 100)
            try files.createDirectory(atPath: deep, withIntermediateDirectories: true)
        default:
            // The path lives for the call.
            let made = unsafe mkfifo(victim.file, 0o600)
            #expect(made == 0)
        }
        #expect(try await victim.served() == nil)
        try await victim.cache.store(victim.body, victim.key)
        #expect(try await victim.served() == victim.body)
        #expect(files.contents(atPath: outside) == victim.pristine)
        #expect(try files.contentsOfDirectory(atPath: victim.bed.path + "/trash") == [])
        await victim.cache.close()
    }

    @Test(arguments: ["link", "file"])
    func whatIsNoFolderIsPutAside(kind: String) async throws {
        let victim = try await Victim()
        let files = FileManager.default
        let study = victim.bed.path + "/objects/" + ObjectPath(tenant: "_", study: victim.key.study).string
        let outside = victim.bed.path + "/outside"
        try files.moveItem(atPath: study, toPath: outside)
        if kind == "link" {
            try files.createSymbolicLink(atPath: study, withDestinationPath: outside)
        } else {
            try Data([1]).write(to: URL(fileURLWithPath: study))
        }
        let second = try DiskCacheTests.key(instance: 3)
        #expect(await victim.cache.peek(second) == nil)
        try await victim.cache.store(victim.body, second)
        #expect(try await victim.cache.hit(second).bytes() == victim.body)
        #expect(try files.contentsOfDirectory(atPath: outside).count == 1)
        await victim.cache.close()
    }

    @Test(arguments: [["objects"], ["fills"], ["trash"], ["objects", "fills", "trash"]], [true, false])
    func foldersThatWereRemovedAreMadeAnew(folders: [String], usesUnnamedFiles: Bool) async throws {
        let bed = try CacheBed()
        let cache = try bed.cache { $0.usesUnnamedFiles = usesUnnamedFiles }
        try await cache.store(body(100), key(instance: 1))
        for folder in folders { try FileManager.default.removeItem(atPath: bed.path + "/" + folder) }
        for instance in 2...3 {
            try await cache.store(body(200), key(instance: instance))
            #expect(FileManager.default.fileExists(atPath: bed.file(of: try key(instance: instance))))
        }
        #expect(cache.statistics().failedPublishes == 0)
        _ = await cache.purge(study: try uid("1.2.1"), series: nil)
        #expect(bed.files("objects") == [])
        await cache.close()
        let later = try bed.cache()
        #expect(await later.peek(try key(instance: 2)) == nil)
        await later.close()
    }

    @Test func whatCannotBeStoredIsServedAndSaidOnce() async throws {
        let bed = try CacheBed()
        let cache = try bed.cache()
        var writers: [FillWriter] = []
        for instance in 1...3 { writers.append(try await cache.filler(key(instance: instance))) }
        let fill = try await cache.follower(key(instance: 1))
        // A file where a folder must be: the way to the object can't be made.
        let study = bed.path + "/objects/" + ObjectPath(tenant: "_", study: try uid("1.2.1")).string
        try FileManager.default.createDirectory(
            atPath: URL(fileURLWithPath: study).deletingLastPathComponent().path, withIntermediateDirectories: true)
        try Data([1]).write(to: URL(fileURLWithPath: study))
        for writer in writers {
            try await writer.begin(description, expectedLength: 100)
            try await writer.append(body(100))
            try await writer.commit()
        }
        #expect(try await fill.bytes() == body(100))
        #expect(try await fill.object().bytes() == body(100))
        #expect(cache.statistics().failedPublishes == 3)
        #expect(cache.statistics().fills == 0)
        #expect(bed.lines.withLock { $0.filter { $0.contains("could not be stored") }.count } == 1)
        // The next look-up finds what is in the way.
        try await cache.store(body(100), key(instance: 1))
        #expect(try await cache.hit(key(instance: 1)).bytes() == body(100))
        await cache.close()
    }

    @Test func failuresAreCountedAndSaidOnceInAWhile() {
        let lines = Mutex<[String]>([])
        let failures = PublishFailures { line in lines.withLock { $0.append(line) } }
        let start = ContinuousClock.now
        for second in [0, 1, 9, 10, 11, 20] { failures.note("EIO", now: start + .seconds(second)) }
        #expect(failures.count == 6)
        #expect(
            lines.withLock { $0 } == [
                "cache: an object could not be stored: EIO",
                "cache: an object could not be stored: EIO; 2 more since the last line",
                "cache: an object could not be stored: EIO; 1 more since the last line",
            ])
    }

    @Test func whatAnOperatorRemovesIsFetchedAnew() async throws {
        let victim = try await Victim()
        try FileManager.default.removeItem(atPath: victim.bed.path + "/objects/_")
        #expect(try await victim.served() == nil)
        try await victim.cache.store(victim.body, victim.key)
        #expect(try await victim.served() == victim.body)
        await victim.cache.close()
    }
}
