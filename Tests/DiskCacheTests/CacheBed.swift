// A folder, workers and loops for each test of the cache, and what the tests say in one line.
import CachePolicy
import DICOM
import DiskCache
import EventLoop
import Foundation
import Synchronization

/// A cache in a folder of its own, gone with the bed.
final class CacheBed: Sendable {
    let path: String
    let workers = WorkerPool(threads: 3)
    let loops: EventLoopGroup
    let lines = Mutex<[String]>([])
    /// Milliseconds since 1970, moved by the tests; it begins now, since files bear the machine's own times.
    let time = Atomic<Int64>(Int64(Date().timeIntervalSince1970 * 1000))

    init(loops count: Int = 2) throws {
        path = NSTemporaryDirectory() + "wadogate-cache-" + UUID().uuidString
        loops = try EventLoopGroup(count: count)
    }

    deinit {
        loops.stop()
        workers.stop()
        try? FileManager.default.removeItem(atPath: path)
    }

    func settings(_ change: (inout DiskCacheSettings) -> Void = { _ in }) -> DiskCacheSettings {
        var settings = DiskCacheSettings(path: path, maxSize: 1 << 30, maxObject: 64 << 20, minFree: 0)
        settings.minFreeInodes = 0
        settings.scrub = 0
        change(&settings)
        return settings
    }

    func cache(_ change: (inout DiskCacheSettings) -> Void = { _ in }) throws(CacheDirectoryError) -> DiskCache {
        try DiskCache(
            settings: settings(change), workers: workers,
            log: { [weak self] line in self?.lines.withLock { $0.append(line) } },
            clock: { [weak self] in self?.time.load(ordering: .relaxed) ?? 0 })
    }

    /// The next process's cache, once the last holder of a cache that was let go unclosed has given the lock back.
    func cacheAfterCrash(_ change: (inout DiskCacheSettings) -> Void = { _ in }) async throws -> DiskCache {
        while true {
            do throws(CacheDirectoryError) {
                return try cache(change)
            } catch {
                guard error.description.contains("another process") else { throw error }
                await Task.yield()
            }
        }
    }

    /// Runs an async function on one of the loops and hands its outcome back.
    func on<Value: Sendable>(
        _ loop: Int, _ body: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        let loop = loops.loops[loop % loops.loops.count]
        return try await withCheckedThrowingContinuation { continuation in
            loop.spawn {
                let result: Result<Value, any Error>
                do { result = .success(try await body()) } catch { result = .failure(error) }
                continuation.resume(with: result)
            }
        }
    }

    /// The regular files below a folder of the cache, as relative paths.
    func files(_ folder: String) -> [String] {
        let root = path + "/" + folder
        let names = FileManager.default.enumerator(atPath: root)?.compactMap { $0 as? String } ?? []
        return names.filter { name in
            let type = try? FileManager.default.attributesOfItem(atPath: root + "/" + name)[.type] as? FileAttributeType
            return type == .typeRegular
        }
    }

    /// The file of an object.
    func file(of key: ObjectKey) -> String { path + "/objects/" + ObjectPath(key).string }
}

struct NoUID: Error {}

func uid(_ text: String) throws -> UID {
    guard let uid = UID(text) else { throw NoUID() }
    return uid
}

func key(study: Int = 1, series: Int = 1, instance: Int = 1, _ object: ObjectClass = .instance(syntax: "stored")) throws
    -> ObjectKey
{
    ObjectKey(
        study: try uid("1.2.\(study)"), series: try uid("1.2.\(study).\(series)"),
        instance: try uid("1.2.\(study).\(series).\(instance)"), object: object)
}

let description = ObjectDescription(mediaType: "application/dicom", backend: "pacs")

/// Bytes that differ from any other seed's, and in each of their pages.
func body(_ count: Int, seed: UInt64 = 1) -> [UInt8] {
    var state = seed &* 0x9e37_79b9_7f4a_7c15 | 1
    var page = (0..<4096).map { _ in
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return UInt8(truncatingIfNeeded: state >> 32)
    }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(count + 4096)
    while bytes.count < count {
        bytes += page
        page[bytes.count / 4096 % 4096] &+= 1
    }
    return Array(bytes[..<count])
}

struct Unexpected: Error { let what: String }

extension DiskCache {
    /// The licence to fill; anything else is an error.
    func filler(_ key: ObjectKey) async throws -> FillWriter {
        guard case .fill(let writer, let own) = try await open(key) else {
            throw Unexpected(what: "no licence to fill")
        }
        // A fill that has started goes on when nobody listens.
        writer.start()
        own.leave()
        return writer
    }

    func follower(_ key: ObjectKey) async throws -> Follower {
        guard case .follow(let follower) = try await open(key) else { throw Unexpected(what: "no fill to follow") }
        return follower
    }

    func hit(_ key: ObjectKey) async throws -> StoredObject {
        guard case .hit(let object) = try await open(key) else { throw Unexpected(what: "no hit") }
        return object
    }

    /// Fills and publishes an object.
    func store(
        _ body: [UInt8], _ key: ObjectKey, _ description: ObjectDescription = DiskCacheTests.description
    ) async throws {
        let writer = try await filler(key)
        try await writer.begin(description, expectedLength: Int64(body.count))
        try await writer.append(body)
        try await writer.commit()
    }
}

extension StoredObject {
    /// The whole body, checked.
    func bytes() async throws -> [UInt8] { try await read(at: 0, length: Int(length)) }
}

extension FillWriter {
    /// What it has filled, as a listener that comes now gets it.
    func object() async throws -> StoredObject {
        guard let late = fill.join() else { throw Unexpected(what: "the fill has failed") }
        return try await late.object()
    }
}

extension Follower {
    /// Follows to the end as a connection does: reads what is in the file while it grows.
    func bytes() async throws -> [UInt8] {
        var bytes: [UInt8] = []
        while let piece = try await next() { bytes += try piece.bytes() }
        return bytes
    }
}

extension Follower.Piece {
    func bytes() throws -> [UInt8] {
        switch self {
        case .file(let descriptor, let offset, let length):
            var bytes = [UInt8](repeating: 0, count: Int(length))
            // The buffer has room for what is asked for.
            let got = unsafe pread(descriptor, &bytes, bytes.count, Int(offset))
            guard got == bytes.count else { throw Unexpected(what: "the file is shorter than was said") }
            return bytes
        case .bytes(let bytes): return bytes
        }
    }
}
