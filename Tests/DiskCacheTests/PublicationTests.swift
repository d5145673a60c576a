import CachePolicy
import DICOM
import DiskCache
import Foundation
import Synchronization
import Testing

@Suite struct PublicationTests {
    static let lengths = [0, 1, 4095, 4096, 1 << 20, (1 << 20) + 1, (3 << 20) + 17]

    @Test(arguments: lengths, [true, false])
    func whatWasStoredComesBack(length: Int, usesUnnamedFiles: Bool) async throws {
        let bed = try CacheBed()
        let cache = try bed.cache { $0.usesUnnamedFiles = usesUnnamedFiles }
        let key = try key()
        let body = body(length)
        let writer = try await cache.filler(key)
        try await writer.begin(description, expectedLength: nil)
        for begin in stride(from: 0, to: length, by: 100_000) {
            try await writer.append(Array(body[begin..<min(begin + 100_000, length)]))
        }
        // As long as facts can be: the body must not be in their way.
        let longest = try #require(UID(String(repeating: "1", count: 64)))
        let facts = InstanceFacts(
            study: longest, series: longest, instance: longest, sopClass: longest, transferSyntax: longest, rows: .max,
            columns: .max, numberOfFrames: .max)
        writer.amend(placeholders: 3, facts: facts)
        try await writer.commit()

        let object = try await cache.hit(key)
        #expect(try await object.bytes() == body)
        #expect(object.length == Int64(length))
        #expect(object.description.placeholders == 3)
        #expect(object.description.facts == facts)
        #expect(object.description.storedAt == bed.time.load(ordering: .relaxed) / 1000)
        #expect(object.isVerified(0..<Int64(length)))
        #expect(bed.files("fills") == [] && bed.files("trash") == [])
        #expect(cache.statistics().fills == 0)
        await cache.close()
    }

    @Test(arguments: [true, false])
    func whatIsNotAcceptableIsReplacedInOneStep(usesUnnamedFiles: Bool) async throws {
        let bed = try CacheBed()
        let cache = try bed.cache { $0.usesUnnamedFiles = usesUnnamedFiles }
        let key = try key()
        try await cache.store(body(5000), key)
        let before = try await cache.hit(key)
        await cache.settle()
        let bytes = cache.statistics().bytes

        guard case .fill(let writer, let own) = try await cache.open(key, accepting: { $0.epoch == 2 }) else {
            throw Unexpected(what: "no licence to fill")
        }
        writer.start()
        own.leave()
        // While it is under way, others follow it, and who asks the disk alone sees the old one.
        _ = try await cache.follower(key)
        #expect(await cache.peek(key) === before)
        var renewed = description
        renewed.epoch = 2
        try await writer.begin(renewed, expectedLength: nil)
        try await writer.append(body(6000, seed: 2))
        try await writer.commit()

        guard case .hit(let object) = try await cache.open(key, accepting: { $0.epoch == 2 }) else {
            throw Unexpected(what: "no hit")
        }
        #expect(try await object.bytes() == body(6000, seed: 2))
        #expect(try await before.bytes() == body(5000))
        #expect(bed.files("objects").count == 1 && bed.files("fills") == [])
        await cache.settle()
        #expect(cache.statistics().objects == 1 && cache.statistics().bytes == bytes)
        await cache.close()
        let later = try bed.cache()
        #expect(try await later.hit(key).description.epoch == 2)
    }

    @Test func aLaterProcessFindsItAndChecksIt() async throws {
        let bed = try CacheBed()
        let key = try key()
        let body = body(3 << 20)
        let first = try bed.cache()
        try await first.store(body, key)
        let etag = try await first.hit(key).description.etag
        await first.close()

        let second = try bed.cache()
        let object = try await second.hit(key)
        #expect(object.description.etag == etag)
        #expect(!object.isVerified(0..<1))
        try await object.verify(0..<1)
        #expect(object.isVerified(0..<(1 << 20)))
        #expect(!object.isVerified(0..<(1 << 20 + 1)))
        #expect(try await object.bytes() == body)
        #expect(object.isVerified(0..<object.length))
        #expect(second.openCached(key) === object)
        await second.close()
    }

    @Test func rangesOutsideTheBodyAreCutOff() async throws {
        let bed = try CacheBed()
        let cache = try bed.cache()
        let key = try key()
        try await cache.store(body(100), key)
        let object = try await cache.hit(key)
        #expect(try await object.read(at: 90, length: 100) == Array(body(100)[90...]))
        #expect(try await object.read(at: 100, length: 1) == [])
        #expect(try await object.read(at: -5, length: 1) == Array(body(100)[..<1]))
        #expect(try await object.read(at: .max, length: .max) == [])
        await cache.close()
    }

    @Test func everyFileIsItsOwnersOnly() async throws {
        let bed = try CacheBed()
        for usesUnnamedFiles in [true, false] {
            let cache = try bed.cache { $0.usesUnnamedFiles = usesUnnamedFiles }
            try await cache.store(body(10), try key(series: usesUnnamedFiles ? 1 : 2, .frame(1, syntax: "stored")))
            _ = try cache.secret()
            await cache.close()
        }
        let names = FileManager.default.enumerator(atPath: bed.path)?.compactMap { $0 as? String } ?? []
        #expect(names.count > 12)
        for name in names + ["."] {
            let attributes = try FileManager.default.attributesOfItem(atPath: bed.path + "/" + name)
            let mode = try #require(attributes[.posixPermissions] as? Int)
            let isFolder = attributes[.type] as? FileAttributeType == .typeDirectory
            #expect(mode == (isFolder ? 0o700 : 0o600), "\(name)")
        }
    }

    @Test func whatStandsThereAlreadyStays() async throws {
        let bed = try CacheBed()
        let key = try key()
        let first = try bed.cache { $0.maxDescriptors = 1 }
        let writer = try await first.filler(key)
        try await writer.begin(description, expectedLength: nil)
        try await writer.append(body(10, seed: 1))
        // Put there behind the cache's back, while the fill is under way.
        let other = try CacheBed()
        let source = try other.cache()
        try await source.store(body(10, seed: 2), key)
        let target = bed.file(of: key)
        try FileManager.default.createDirectory(
            atPath: (target as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
        try FileManager.default.copyItem(atPath: other.file(of: key), toPath: target)
        try await writer.commit()
        #expect(try await writer.object().bytes() == body(10, seed: 1))
        #expect(try await first.hit(key).bytes() == body(10, seed: 2))
        await first.close()
        await source.close()
    }

    @Test func theSecretSurvives() async throws {
        let bed = try CacheBed()
        let first = try bed.cache()
        let secret = try first.secret()
        #expect(secret.count == 32 && Set(secret).count > 8)
        #expect(try first.secret() == secret)
        await first.close()
        let second = try bed.cache()
        #expect(try second.secret() == secret)
        await second.close()
    }

    @Test func aSecondProcessIsRefused() async throws {
        let bed = try CacheBed()
        let first = try bed.cache()
        let error = #expect(throws: CacheDirectoryError.self) { try bed.cache() }
        #expect(error?.description.contains("another process uses it") == true)
        await first.close()
        await (try bed.cache()).close()
    }
}
