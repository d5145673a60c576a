// What a cache of many objects costs: its start, its memory, a look-up, a purge. Makes the tree itself, without a gateway.
import CachePolicy
import DICOM
import DiskCache
import EventLoop
import Glibc

/// `MillionObjects make FOLDER COUNT` writes the tree; `MillionObjects measure FOLDER COUNT` opens it, measures, and closes it:
/// the first time without a database, which is then made from the files, later with one. `make bench-million` does all.
@main
enum MillionObjects {
    static func main() async throws {
        let words = CommandLine.arguments.dropFirst()
        guard words.count == 3, let count = words.last.flatMap({ Int($0) }), count >= Tree.objectsPerStudy else {
            return print("MillionObjects make|measure FOLDER COUNT, of at least \(Tree.objectsPerStudy) objects")
        }
        let tree = Tree(path: Array(words)[1], studies: count / Tree.objectsPerStudy)
        if words.first == "make" { try tree.make() } else { try await measure(tree) }
    }

    private static func measure(_ tree: Tree) async throws {
        let workers = WorkerPool(threads: 8)
        var settings = DiskCacheSettings(path: tree.path, maxSize: 1 << 40, minFree: 0)
        settings.minFreeInodes = 0
        let start = ContinuousClock.now
        let cache = try DiskCache(settings: settings, workers: workers, log: { print($0) })
        say("start ms", start.duration(to: .now))
        print("at the start: \(cache.statistics().objects) objects known, RSS \(memory("VmRSS")) MB")
        await rounds(cache, tree)
        workers.stop()
    }

    private static func rounds(_ cache: DiskCache, _ tree: Tree) async {
        let settling = ContinuousClock.now
        await cache.settle()
        say("until the numbers are right ms", settling.duration(to: .now))
        print("\(cache.statistics().objects) objects in \(cache.statistics().series) series, RSS \(memory("VmRSS")) MB")

        let keys = (0..<4000).map { _ in tree.randomKey() }
        let looking = ContinuousClock.now
        for key in keys { _ = await cache.peek(key) }
        say("look-up of a random object µs", looking.duration(to: .now) / keys.count, microseconds: true)
        let open = keys.filter { cache.openCached($0) != nil }
        let again = ContinuousClock.now
        for key in open { _ = cache.openCached(key) }
        say("look-up of an open one µs", again.duration(to: .now) / max(1, open.count), microseconds: true)

        let listing = ContinuousClock.now
        _ = await cache.list(CacheSelection(), after: nil, limit: 256)
        say("list of 256 series ms", listing.duration(to: .now))
        let purging = ContinuousClock.now
        let result = await cache.purge(CacheSelection(study: tree.randomKey().study), dryRun: false)
        say("purge of a study of \(result.objects) objects ms", purging.duration(to: .now))
        let closing = ContinuousClock.now
        await cache.close()
        say("close ms", closing.duration(to: .now))
        print("peak \(memory("VmHWM")) MB")
    }

    private static func say(_ name: String, _ time: Duration, microseconds: Bool = false) {
        let (seconds, attoseconds) = time.components
        let value = Double(seconds) + Double(attoseconds) / 1e18
        let tenths = (value * (microseconds ? 1e7 : 1e4)).rounded() / 10
        print("\(name): \(tenths)")
    }

    /// A line of /proc/self/status, in MB.
    private static func memory(_ name: String) -> Int {
        let file = unsafe open("/proc/self/status", O_RDONLY)
        // read() fills at most the room that there is.
        let status = unsafe [UInt8](unsafeUninitializedCapacity: 8192) { room, count in
            count = unsafe max(0, read(file, room.baseAddress, room.count))
        }
        close(file)
        let line = String(decoding: status, as: UTF8.self).split(separator: "\n").first { $0.hasPrefix(name) } ?? ""
        return (Int(line.filter(\.isNumber)) ?? 0) / 1024
    }
}

/// Studies of four series, ten instances each, twenty-five frames of an empty body in each instance.
private struct Tree: Sendable {
    let path: String
    let studies: Int

    static let objectsPerStudy = 4 * 10 * 25

    func key(study: Int, series: Int, instance: Int, frame: Int) -> ObjectKey? {
        let root = "1.2.826.0.1.3680043.10.\(study)"
        guard let studyUID = UID(root), let seriesUID = UID("\(root).\(series)"),
            let instanceUID = UID("\(root).\(series).\(instance)")
        else { return nil }
        return ObjectKey(
            study: studyUID, series: seriesUID, instance: instanceUID, object: .frame(frame, syntax: "stored"))
    }

    func randomKey() -> ObjectKey {
        let found = key(
            study: .random(in: 0..<studies), series: .random(in: 0..<4), instance: .random(in: 0..<10),
            frame: .random(in: 1...25))
        guard let found else { preconditionFailure("the UIDs are well formed") }
        return found
    }

    func make() throws {
        for study in 0..<studies {
            for place in 0..<(4 * 10) {
                for frame in 1...25 {
                    guard let key = key(study: study, series: place / 10, instance: place % 10, frame: frame) else {
                        continue
                    }
                    try write(key, isFirst: frame == 1)
                }
            }
        }
    }

    private func write(_ key: ObjectKey, isFirst: Bool) throws {
        let description = ObjectDescription(mediaType: "application/octet-stream", backend: "pacs")
        guard let offset = ObjectHeader.bodyOffset(for: key, description) else { return }
        let header = ObjectHeader(
            key: key, description: description, bodyOffset: offset, trailerChecksum: ContentHash.checksum([]))
        let place = ObjectPath(key)
        var folder = path + "/objects"
        if isFirst {
            unsafe _ = (mkdir(path, 0o700), mkdir(folder, 0o700))
            for name in place.directory {
                folder += "/" + name
                unsafe _ = mkdir(folder, 0o700)
            }
        }
        let file = unsafe open(path + "/objects/" + place.string, O_WRONLY | O_CREAT, 0o600)
        guard file >= 0 else { throw MakingFailed(code: errno) }
        defer { close(file) }
        let bytes = header.encoded()
        // The bytes are there, and the file is as long as its header says.
        unsafe _ = (Glibc.write(file, bytes, bytes.count), ftruncate(file, off_t(offset)))
    }
}

private struct MakingFailed: Error { let code: Int32 }
