// The scrubber: reads the whole cache now and then, at a pace that nobody notices, so that decay is found before a client
// finds it. When, how fast and from where; what is done with an object is DiskCache's.
import CLinux
import CachePolicy
import EventLoop
import Glibc
import Synchronization

/// Walks over the tree on a thread of its own, with the lowest I/O priority.
///
/// After a run that ended badly the first walk reads only what was stored by suspect runs, and of all else the header: it is
/// short, and afterwards nothing has to be read whole when it is opened. Then, once a day, everything is read. Where a walk
/// is stands in the file `scrub`, so that restarts don't keep the end of a large tree from ever being read.
final class Scrubber: Sendable {
    /// Seconds between the beginnings of two walks.
    private static let period: Int64 = 24 * 3600
    /// How often the position is written.
    private static let saveInterval = Duration.seconds(5)

    private let directory: CacheDirectory
    /// Bytes a second; 0 turns it off.
    private let rate: Int64
    private let stopped: StopSignal
    private let clock: @Sendable () -> Int64
    private let pool = WorkerPool(threads: 1)
    private let current = Mutex(ScrubStatus())

    init(
        directory: CacheDirectory, rate: Int64, stopped: StopSignal, clock: @escaping @Sendable () -> Int64
    ) {
        self.directory = directory
        self.rate = rate
        self.stopped = stopped
        self.clock = clock
    }

    deinit { pool.stop() }

    var status: ScrubStatus { current.withLock { $0 } }

    /// Begins, with what an earlier process left. Once, and not before the folder is this process's.
    ///
    /// - Parameter cache: nil when it is gone. It is asked for with each object, since a walk must not keep it.
    func start(of cache: @escaping @Sendable () -> DiskCache?) {
        if rate <= 0 { return }
        if let saved = savedStatus() { current.withLock { $0 = saved } }
        pool.submit { [self] in
            clinux_lower_io_priority()
            readSuspects(of: cache)
            while waitUntilDue() { readEverything(of: cache) }
        }
    }

    /// Suspends until the walk under way has noticed that it is to end.
    func finish() async { await pool.run {} }

    // MARK: Walks

    private func readSuspects(of cache: () -> DiskCache?) {
        guard cache()?.hasSuspects == true else { return }
        var pace = Pace(rate: rate, stopped: stopped)
        var unreadable: Int64 = 0
        let isWhole = directory.walk { found in
            // What is foreign is told by the walk over everything.
            if case .foreign = found { return !stopped.isSet }
            guard let cache = cache() else { return false }
            let count = cache.look(
                at: found, isMeant: { cache.isSuspect($0.run) }, mayGoOn: { pace.mayGoOn(after: $0) })
            unreadable += count.unreadable
            return !stopped.isSet
        }
        if isWhole, unreadable == 0, !stopped.isSet { cache()?.suspectsWereRead() }
    }

    private func readEverything(of cache: () -> DiskCache?) {
        var pace = Pace(rate: rate, stopped: stopped)
        let cursor = beginOrResume()
        var nextSave = ContinuousClock.now + Self.saveInterval
        let isWhole = directory.walk(after: cursor) { found in
            guard let cache = cache() else { return false }
            let count = cache.look(at: found, isMeant: { _ in true }, mayGoOn: { pace.mayGoOn(after: $0) })
            // What was broken off is read again next time.
            if stopped.isSet { return false }
            current.withLock { status in
                status.count += count
                if case .object(_, _, let path) = found { status.position = path.joined(separator: "/") }
            }
            if ContinuousClock.now >= nextSave {
                save()
                nextSave = ContinuousClock.now + Self.saveInterval
            }
            return pace.mayGoOn(after: 0)
        }
        if isWhole, !stopped.isSet {
            current.withLock { status in
                status.finished = clock() / 1000
                status.position = nil
            }
        }
        save()
    }

    /// Answers behind which object the walk begins.
    private func beginOrResume() -> [String] {
        current.withLock { status in
            if status.started == nil || status.finished != nil {
                status = ScrubStatus()
                status.started = clock() / 1000
            }
            return status.position?.split(separator: "/").map(String.init) ?? []
        }
    }

    /// False when the cache is closed. A clock that was set back makes the walk due: rather one too many.
    private func waitUntilDue() -> Bool {
        while !stopped.isSet {
            let status = self.status
            guard let started = status.started, status.finished != nil else { return true }
            let now = clock() / 1000
            if now < started || now >= started + Self.period { return true }
            stopped.wait(for: .seconds(min(started + Self.period - now, 3600)))
        }
        return false
    }

    // MARK: The file

    private func savedStatus() -> ScrubStatus? {
        guard let file = try? directory.root.makeFile(FileName(Self.fileName)),
            let bytes = try? file.read(at: 0, count: 4096)
        else { return nil }
        return ScrubStatus(String(decoding: bytes, as: UTF8.self))
    }

    /// What can't be written costs a walk from an earlier place.
    private func save() {
        let text = Array(status.text.utf8)
        guard let file = try? directory.root.makeFile(FileName(Self.fileName)) else { return }
        try? file.write(text, at: 0)
        ftruncate(file.number, off_t(text.count))
    }

    private static let fileName = "scrub"
}

/// Spreads reading over time: never more than the rate over any long while, and no saving up of what was not used.
struct Pace {
    private let rate: Int64
    private let stopped: StopSignal
    private var next = ContinuousClock.now

    /// - Parameter rate: bytes a second, above 0.
    init(rate: Int64, stopped: StopSignal) {
        self.rate = rate
        self.stopped = stopped
    }

    /// Waits until so many bytes that were read have had their time; false when there is to be an end.
    mutating func mayGoOn(after bytes: Int) -> Bool {
        let now = ContinuousClock.now
        next = max(next, now) + .nanoseconds(Int64(Double(bytes) / Double(rate) * 1e9))
        // Many small objects are waited for together.
        if next - now > .milliseconds(20) { stopped.wait(for: next - now) }
        return !stopped.isSet
    }
}

/// Tells threads that wait that there is to be an end; once and for all.
final class StopSignal: Sendable {
    private let event: Int32
    private let flag = Atomic<Bool>(false)

    init() throws(SystemError) { event = try system("eventfd") { eventfd(0, Int32(EFD_CLOEXEC)) } }

    deinit { close(event) }

    var isSet: Bool { flag.load(ordering: .acquiring) }

    func set() {
        flag.store(true, ordering: .releasing)
        _ = eventfd_write(event, 1)
    }

    /// Blocks for so long, or until it is set.
    func wait(for duration: Duration) {
        let (seconds, attoseconds) = duration.components
        let milliseconds = Int32(clamping: seconds * 1000 + attoseconds / 1_000_000_000_000_000 + 1)
        var descriptor = pollfd(fd: event, events: Int16(POLLIN), revents: 0)
        // One descriptor, which lives as long as this object.
        unsafe _ = poll(&descriptor, 1, milliseconds)
    }
}
