// The cache's front: what there is for a key. Files are CacheDirectory's, numbers Accounting's, rules CachePolicy's.
// Knows no HTTP and no backend.
import CLinux
package import CachePolicy
package import EventLoop
import Glibc
import Synchronization

/// Objects on disk by key, each filled once however many ask for it.
///
/// The file system is the index: an object's place follows from its key. What is in memory is bounded by the descriptor
/// limit, the fills under way and the accounting's batch.
///
/// Locks, in the order in which they may nest: `publishing` (never on a loop, held during a link or a rename), `index`
/// (anyone, for moments). The accounting's own lock nests in both.
package final class DiskCache: Sendable {
    let settings: DiskCacheSettings
    let workers: WorkerPool
    let background = BackgroundWork()
    let directory: CacheDirectory
    let accounting: Accounting
    /// Tells the accounting when its second is over; serves no descriptor.
    let timer: EventLoop
    let log: @Sendable (String) -> Void
    let clock: @Sendable () -> Int64
    let index: Mutex<CacheIndex>
    /// Makes checking a generation and linking one step, and raising it and renaming another.
    let publishing = Mutex<Void>(())
    /// Makes changing the pins and writing them one step.
    let pinning = Mutex<Void>(())
    let counters = Counters()
    let failures: PublishFailures
    let reserved = ReservedSpace()
    let ledger = Mutex(RunLedger.unrecorded)
    let scrubber: Scrubber
    let scrubCount = Mutex(ScrubCount())
    let stopped: StopSignal
    /// Two, since reading whole objects is the disk's work and not theirs.
    let suspectReaders = WorkerPool(threads: 2)
    /// What passes through.
    let windows = WindowBudget()
    /// Whether a fill goes on when its last listener has left.
    package var keepFilling: KeepFilling { settings.keepFilling }
    /// Bytes that one body may have.
    var bodyLimit: Int64 { min(settings.maxObject, ObjectLayout.bodyLimit) }

    struct Counters: ~Copyable, Sendable {
        let evictedSeries = Atomic<Int64>(0)
        let evictedBytes = Atomic<Int64>(0)
        let purges = Atomic<Int64>(0)
        let purgedBytes = Atomic<Int64>(0)
        let evictedAges = Mutex(IdleAges())
        /// Milliseconds; negative when nothing was evicted yet.
        let lastEvictedAge = Atomic<Int64>(-1)
        let damaged = Atomic<Int64>(0)
        let passedThrough = Atomic<Int64>(0)
        /// Since the eviction under way began; 0 without one.
        let evictionsAsked = Atomic<Int>(0)
        let pinsAreUnread = Atomic<Bool>(false)
    }

    /// Opens or makes the folder and takes its lock; what a crash left is deleted. Blocks: at start-up only.
    ///
    /// Where the lock's holder is about to let go, or ``DiskCacheSettings/waitsForLock`` says so, the cache begins without
    /// it: nothing is shared nor stored until the folder is free.
    ///
    /// - Parameters:
    ///   - workers: run look-ups and reads; what takes longer has threads of its own.
    ///   - log: one line for the operator; any thread.
    ///   - clock: milliseconds since 1970: within a second, too, the one used longest ago goes first.
    /// - Throws: ``CacheDirectoryError`` when the folder can't be used or another process uses it.
    package init(
        settings: DiskCacheSettings, workers: WorkerPool, log: @escaping @Sendable (String) -> Void,
        clock: @escaping @Sendable () -> Int64 = DiskCache.millisecondsSince1970
    ) throws(CacheDirectoryError) {
        self.settings = settings
        self.workers = workers
        self.log = log
        self.clock = clock
        failures = PublishFailures(log: log)
        directory = try CacheDirectory(
            path: settings.path, usesUnnamedFiles: settings.usesUnnamedFiles, fault: settings.fault)
        index = Mutex(CacheIndex(maxDescriptors: settings.maxDescriptors))
        let isOwner = try directory.takeLock(orWait: settings.waitsForLock, now: clock() / 1000)
        do throws(SystemError) {
            timer = try EventLoop(index: 1000)
            stopped = try StopSignal()
        } catch {
            throw CacheDirectoryError(description: "cache folder \(settings.path): \(error)")
        }
        accounting = Accounting(
            directory: directory, background: background, timer: timer, maxSize: settings.maxSize, log: log,
            clock: clock)
        scrubber = Scrubber(directory: directory, rate: settings.scrub, stopped: stopped, clock: clock)
        timer.start()
        if isOwner { own() } else { waitForLock() }
    }

    /// The wall clock.
    package static let millisecondsSince1970: @Sendable () -> Int64 = {
        var now = timespec()
        unsafe clock_gettime(CLOCK_REALTIME, &now)
        return Int64(now.tv_sec) * 1000 + Int64(now.tv_nsec) / 1_000_000
    }

    deinit {
        stopped.set()
        accounting.abandon()
        timer.stop()
        suspectReaders.stop()
    }

    /// Suspends until evictions, deletions and scans that are under way have ended and the numbers are written.
    package func settle() async {
        await background.idle()
        await background.run { self.accounting.flush() }
    }

    // MARK: Looking up

    /// An object whose descriptor is open; never suspends, never touches the disk.
    package func openCached(_ key: ObjectKey) -> StoredObject? {
        guard let object = index.withLock({ $0.object(for: key) }), !object.isSuspect else { return nil }
        accounting.noteUse(of: object)
        return object
    }

    /// What there is for a key: an object, a fill under way, or the licence (and duty) to fill it.
    ///
    /// - Parameters:
    ///   - epoch: the study's, for an object that depends on it: a fill that began for an older one is not followed.
    ///   - isAcceptable: asked with what is stored beside an object; it takes no lock. One that is not acceptable
    ///     (of an older epoch, or expired) counts as none; the fill replaces it when it is published, in one step.
    /// - Throws: nothing at present: whatever is wrong with the disk is a miss.
    package func open(
        _ key: ObjectKey, epoch: Int64 = 0,
        accepting isAcceptable: @Sendable (ObjectDescription) -> Bool = { _ in true }
    ) async throws(CacheError) -> Opening {
        var mustReplace = false
        switch index.withLock({ $0.glance(key, since: epoch) }) {
        case .object(let object) where !object.isSuspect && isAcceptable(object.description):
            accounting.noteUse(of: object)
            return .hit(object)
        case .object(let object) where !object.isSuspect: mustReplace = true
        case .fill(let follower): return .follow(follower)
        case .nothing, .object:
            if let object = await openStored(key) {
                if isAcceptable(object.description) { return .hit(object) }
                mustReplace = true
            }
        }
        let (new, follower) = Fill.begun(
            for: key, limit: bodyLimit, epoch: epoch, keepFilling: settings.keepFilling, cache: self)
        // Asked again: a fill may have begun, or ended in an object, while the disk was looked at.
        let opening = index.withLock { index -> Opening in
            if let follower = index.follower(of: key, since: epoch) { return .follow(follower) }
            // One for an epoch that has passed may be published before this one.
            if index.isFilling(key) { mustReplace = true }
            if let object = index.object(for: key), !object.isSuspect {
                if isAcceptable(object.description) { return .hit(object) }
                mustReplace = true
            }
            let generation = index.isClosed ? nil : index.register(new)
            return .fill(
                FillWriter(fill: new, generation: generation, replaces: mustReplace, cache: self), follower)
        }
        if case .hit(let object) = opening { accounting.noteUse(of: object) }
        return opening
    }

    /// An object if it is there; never starts a fill.
    package func peek(_ key: ObjectKey) async -> StoredObject? {
        if let object = openCached(key) { return object }
        return await openStored(key)
    }

    /// A fill under way, if there is one; never starts one.
    /// - Parameter epoch: a fill for an earlier one is not followed.
    package func following(_ key: ObjectKey, epoch: Int64) -> Follower? {
        index.withLock { $0.follower(of: key, since: epoch) }
    }

    /// How many of these things have no object on the disk in any of their forms. Asks for names alone: what lies there may
    /// still turn out to be of no use.
    package func missing(_ things: [[ObjectKey]]) async -> Int {
        // What another process holds is of no use.
        if index.withLock({ $0.isClosed }) { return things.count }
        return await workers.run { [directory] in
            things.count { forms in !forms.contains { directory.holdsObject(ObjectPath($0)) } }
        }
    }

    /// A fill that is never published nor shared: a spool for what may not be cached. It ends with its last listener.
    package func privateFill(_ key: ObjectKey) -> (FillWriter, Follower) {
        let (fill, follower) = Fill.begun(
            for: key, limit: bodyLimit, epoch: 0, keepFilling: .never, cache: self)
        return (FillWriter(fill: fill, generation: nil, replaces: false, cache: self), follower)
    }

    // MARK: Numbers

    /// Bytes that all objects may take on disk.
    package var maxSize: Int64 { settings.maxSize }

    /// Bytes and files that the cache's file system has room for; nil when it does not tell. Asks the disk.
    package func freeSpace() -> (bytes: Int64?, inodes: Int64?) {
        let free = directory.freeSpace()
        return (free.bytes, free.inodes)
    }

    /// The cache in numbers; cheap.
    package func statistics() -> CacheStatistics {
        var statistics = CacheStatistics()
        let totals = accounting.totals
        statistics.bytes = totals.sums.total.bytes
        statistics.objects = totals.sums.total.objects
        statistics.byClass = totals.sums.sums(by: \.objectClass)
        statistics.byBackend = totals.sums.sums(by: \.backend)
        statistics.pinnedBytes = accounting.state.withLock { $0.pinnedBytes }
        statistics.series = totals.series
        (statistics.fills, statistics.descriptors) = index.withLock { ($0.fillCount, $0.descriptorCount) }
        statistics.evictedSeries = counters.evictedSeries.load(ordering: .relaxed)
        statistics.evictedBytes = counters.evictedBytes.load(ordering: .relaxed)
        statistics.evictedAges = counters.evictedAges.withLock { $0 }
        statistics.purges = counters.purges.load(ordering: .relaxed)
        statistics.purgedBytes = counters.purgedBytes.load(ordering: .relaxed)
        let age = counters.lastEvictedAge.load(ordering: .relaxed)
        statistics.lastEvictedAge = age < 0 ? nil : .milliseconds(age)
        statistics.damaged = counters.damaged.load(ordering: .relaxed)
        statistics.failedPublishes = failures.count
        statistics.passedThrough = counters.passedThrough.load(ordering: .relaxed)
        statistics.passing = windows.inUse
        statistics.reserved = reserved.bytes
        statistics.isWaiting = index.withLock { $0.isWaiting }
        return statistics
    }
}

/// What a look-up answers.
package enum Opening: Sendable {
    case hit(StoredObject)
    case follow(Follower)
    /// The licence, and a listener of one's own. Who only fills lets go of it once the writer has started.
    case fill(FillWriter, Follower)
}
