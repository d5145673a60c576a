// What the tests stand on: loops, workers, a clock that stands still, a log that can be read, and a temporary folder.
import CLinux
import DICOM
import EventLoop
import FHIR
import Glibc
import HTTP
import StudyDirectory
import Synchronization
import Testing
import Upstream

/// A directory with its surroundings; everything ends with it.
final class Bed: Sendable {
    let directory: StudyDirectory
    let loops: EventLoopGroup
    private let workers = WorkerPool(threads: 2)
    private let ending: Ending

    /// Stops the loops last, when the properties above are gone.
    private final class Ending: Sendable {
        let loops: EventLoopGroup
        let workers: WorkerPool
        init(_ loops: EventLoopGroup, _ workers: WorkerPool) {
            self.loops = loops
            self.workers = workers
        }
        deinit {
            loops.stop()
            workers.stop()
        }
    }

    private final class Shared: Sendable {
        let clock = Mutex(ContinuousClock.now)
        let lines = Mutex<[String]>([])
        let changes = Mutex<[StudyChange]>([])
    }

    private let shared: Shared

    /// - Parameter tune: changes the settings of each source.
    init(
        _ kinds: [SourceSettings.Kind], backends: [Backend] = [], loops count: Int = 1,
        limits: DirectoryLimits = DirectoryLimits(), tune: (inout SourceSettings) -> Void = { _ in }
    ) async throws {
        let shared = Shared()
        self.shared = shared
        loops = try EventLoopGroup(count: count)
        ending = Ending(loops, workers)
        let settings = kinds.map { kind in
            var settings = SourceSettings(kind: kind)
            tune(&settings)
            return settings
        }
        let own = kinds.compactMap { kind in if case .fhir(_, let backend) = kind { backend } else { nil } }
        directory = await StudyDirectory(
            sources: settings, upstream: try Upstream(loops: loops, workers: workers, backends: own + backends),
            loops: loops, workers: workers, limits: limits, now: { shared.clock.withLock { $0 } },
            log: { line in shared.lines.withLock { $0.append(line) } },
            onChange: { change in shared.changes.withLock { $0.append(change) } })
    }

    /// A FHIR source before a scripted server.
    static func fhir(_ server: ScriptedServer, name: String = "hospital") throws -> SourceSettings.Kind {
        let url = try #require(HTTPURL("http://127.0.0.1:\(server.port)/fhir"))
        var backend = Backend(name: name, match: url)
        backend.role = .directory
        return .fhir(url: url, backend: backend)
    }

    var log: [String] { shared.lines.withLock { $0 } }

    /// "STUDY source" for each change of which the directory told.
    var changes: [String] { shared.changes.withLock { $0.map { "\($0.study) \($0.source)" } } }
    var changesOfFiles: Int { shared.changes.withLock { $0.count(where: \.isOfFiles) } }

    func advance(by duration: Duration) { shared.clock.withLock { $0 += duration } }

    func resolve(_ study: String = studyUID, on index: Int = 0) async -> Result<Resolution, DirectoryError> {
        guard let study = UID(study) else { return .failure(.notFound) }
        let loop = loops.loops[index]
        return await withCheckedContinuation { continuation in
            loop.spawn {
                do throws(DirectoryError) {
                    continuation.resume(returning: .success(try await self.directory.resolve(study, on: loop)))
                } catch {
                    continuation.resume(returning: .failure(error))
                }
            }
        }
    }

    func record(_ study: String = studyUID) async throws -> StudyRecord { try await resolve(study).get().record }

    /// The error of a look-up; nil when it found something.
    func failure(_ study: String = studyUID) async -> DirectoryError? {
        if case .failure(let error) = await resolve(study) { error } else { nil }
    }
}

/// A folder that goes with the test.
final class TemporaryFolder: Sendable {
    let path: String

    init() throws {
        var template = Array("/tmp/wadogate-directory-XXXXXX".utf8CString)
        // mkdtemp changes the array in place, within its length.
        let made = unsafe template.withUnsafeMutableBufferPointer { buffer in
            unsafe buffer.baseAddress.flatMap { unsafe mkdtemp($0) }.map { unsafe String(cString: $0) }
        }
        path = try #require(made)
    }

    deinit { remove("") }

    /// Writes a file that was last changed `secondsAgo`, through a rename as careful writers do.
    func write(_ name: String, _ bytes: [UInt8], secondsAgo: Int = 60) throws {
        let temporary = "\(path)/.writing"
        let descriptor = try system("open") { unsafe clinux_open(temporary, O_WRONLY | O_CREAT | O_TRUNC, 0o600) }
        // The array outlives the call.
        let written = unsafe bytes.withUnsafeBytes { unsafe Glibc.write(descriptor, $0.baseAddress, $0.count) }
        try #require(written == bytes.count)
        var time = timespec()
        unsafe _ = clock_gettime(CLOCK_REALTIME, &time)
        time.tv_sec -= secondsAgo
        let times = [time, time]
        try #require(unsafe futimens(descriptor, times) == 0)
        close(descriptor)
        try #require(unsafe rename(temporary, "\(path)/\(name)") == 0)
    }

    /// Puts another file in the place of one, with its times.
    func replaceKeepingTimes(_ name: String, _ bytes: [UInt8]) throws {
        var status = stat()
        try #require(unsafe stat("\(path)/\(name)", &status) == 0)
        try write(".other", bytes)
        let times = [status.st_atim, status.st_mtim]
        try #require(unsafe utimensat(AT_FDCWD, "\(path)/.other", times, 0) == 0)
        try #require(unsafe rename("\(path)/.other", "\(path)/\(name)") == 0)
    }

    func write(_ name: String, _ text: String, secondsAgo: Int = 60) throws {
        try write(name, Array(text.utf8), secondsAgo: secondsAgo)
    }

    func makeFolder(_ name: String) { unsafe _ = mkdir("\(path)/\(name)", 0o700) }
    func link(_ name: String, to target: String) { unsafe _ = symlink(target, "\(path)/\(name)") }

    /// Removes a file, or a folder with all that is in it; "" means the folder itself.
    func remove(_ name: String) { Self.removeAll(name.isEmpty ? path : "\(path)/\(name)") }

    private static func removeAll(_ path: String) {
        if unsafe unlink(path) == 0 { return }
        guard let stream = unsafe opendir(path) else { return }
        // readdir's entry is read before the next call, and the stream is open until the end of the loop.
        while let entry = unsafe readdir(stream) {
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                unsafe pointer.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
            }
            if name != ".", name != ".." { removeAll("\(path)/\(name)") }
        }
        unsafe _ = closedir(stream)
        unsafe _ = rmdir(path)
    }
}
