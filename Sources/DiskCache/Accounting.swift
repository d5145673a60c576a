// What each series takes and when it was last used: gathered in memory, written to SQLite in batches in the background.
// Knows nothing of objects' bytes. When the database fails it says so, starts a new one, and serving never notices.
import CachePolicy
import DICOM
import EventLoop
import Synchronization

/// The numbers by which the cache evicts.
///
/// Three locks: `settling` is held while a series' files are counted, `store` during SQLite's work, both in the background
/// only; `state` for moments, by anyone. They nest in this order.
final class Accounting: Sendable {
    struct State {
        /// The sums over the tables' rows.
        var committed = AccountingTotals()
        /// What a batch that is being written adds to them.
        var inFlight = PartSums()
        var pending = PartSums()
        var batch = AccountingBatch()
        var isScheduled = false
        var isUrgent = false
        var isClosed = false
        /// The series whose files are being counted, and whether it changed meanwhile.
        var watched: SeriesKey?
        var watchedChanged = false
        var clock = SteadyClock()
        /// Studies whose subject was told lately.
        var subjects = DescriptorCache<StudyKey, String>(capacity: Accounting.subjectLimit)
        var pins: Set<Pin> = []
        var pinnedBytes: Int64 = 0
        var scanWaiters: [CheckedContinuation<Void, Never>] = []
    }

    /// Changed series after which a batch is written without waiting for its second.
    private static let batchLimit = 256
    /// Series of which mere use is remembered within a batch.
    private static let useLimit = 4096
    /// Studies whose subject is remembered from its being told until the study's first series is stored.
    private static let subjectLimit = 16384

    let state = Mutex(State())
    let store: Mutex<StoreBox>
    let settling = Mutex<Void>(())
    /// The number of the batch being gathered; an object notes its use once in each.
    let batch = Atomic<UInt64>(1)
    let directory: CacheDirectory
    let background: BackgroundWork
    private let timer: EventLoop
    let log: @Sendable (String) -> Void
    private let clock: @Sendable () -> Int64
    let maxSize: Int64

    /// Holds the store; the lock around it is what makes it usable from every thread.
    struct StoreBox: @unchecked Sendable {
        // Unchecked: the store is touched with the lock held only, and never handed out.
        var store: AccountingStore?
        var isScanning = false
        var isTrusted = false
    }

    init(
        directory: CacheDirectory, background: BackgroundWork, timer: EventLoop, maxSize: Int64,
        log: @escaping @Sendable (String) -> Void,
        clock: @escaping @Sendable () -> Int64
    ) {
        self.directory = directory
        self.background = background
        self.timer = timer
        self.maxSize = maxSize
        self.log = log
        self.clock = clock
        store = Mutex(StoreBox())
    }

    /// Milliseconds since 1970, never going back.
    var now: Int64 {
        let wall = clock()
        return state.withLock { $0.clock.time(at: wall) }
    }

    // MARK: What happened (any thread)

    var totals: AccountingTotals {
        state.withLock { state in
            var totals = state.committed
            totals.sums.add(state.inFlight)
            totals.sums.add(state.pending)
            return totals
        }
    }

    /// An object was served. Costs one atomic load, but for the first time in each batch.
    func noteUse(of object: StoredObject) {
        let batch = batch.load(ordering: .relaxed)
        guard object.notedBatch.load(ordering: .relaxed) != batch else { return }
        object.notedBatch.store(batch, ordering: .relaxed)
        let now = now
        note { state in
            let key = object.key.seriesKey
            guard state.batch.changes[key] != nil || state.batch.changes.count < Self.useLimit else { return }
            state.batch.changes[key, default: SeriesChange()].lastAccess = now
        }
    }

    /// An object got its place.
    func notePublished(_ object: StoredObject) {
        let size = ObjectLayout.fileSize(bodyOffset: object.bodyOffset, length: object.length)
        var sums = PartSums()
        sums.add(
            StoredAmount(bytes: ObjectLayout.chargedSize(fileSize: size), objects: 1),
            to: PartName(objectClass: object.key.object.word, backend: object.description.backend))
        note(object.key.seriesKey, sums, lastAccess: now)
    }

    /// Files of a series are gone. One that did not tell where it came from has the series counted anew.
    func noteRemoved(_ series: SeriesKey, _ contents: TreeContents) {
        if contents.isGuessed { return background.submit { [weak self] in self?.recount(series) } }
        var sums = PartSums()
        sums.subtract(contents.sums)
        if contents.sums.total.objects > 0 { note(series, sums, lastAccess: nil) }
    }

    /// Nothing is left of a study, or of one series.
    func noteForgotten(tenant: String, study: UID, series: UID?, wasEvicted: Bool = false) {
        let entry = Forgotten(tenant: tenant, study: study, series: series, wasEvicted: wasEvicted)
        note { state in
            for (key, change) in state.batch.changes where entry.covers(key) {
                state.pending.subtract(change.sums)
                state.batch.changes[key] = nil
            }
            for key in state.batch.settled.keys where entry.covers(key) { state.batch.settled[key] = nil }
            if let watched = state.watched, entry.covers(watched) { state.watchedChanged = true }
            state.batch.forgotten.append(entry)
        }
    }

    /// Whose a study is.
    func noteSubject(_ subject: String, of study: StudyKey) {
        let isNews = state.withLock { state in
            if state.subjects.value(for: study) == subject { return false }
            _ = state.subjects.insert(subject, for: study)
            return true
        }
        if isNews { note { $0.batch.subjects[study] = subject } }
    }

    private func note(_ key: SeriesKey, _ sums: PartSums, lastAccess: Int64?) {
        note { state in
            var change = state.batch.changes[key] ?? SeriesChange()
            change.sums.add(sums)
            change.lastAccess = lastAccess ?? change.lastAccess
            state.batch.changes[key] = change
            state.pending.add(sums)
            if state.watched == key { state.watchedChanged = true }
        }
    }

    func note(_ change: (inout State) -> Void) {
        let (mustSchedule, isUrgent) = state.withLock { state -> (Bool, Bool) in
            if state.isClosed { return (false, false) }
            change(&state)
            let isFull = state.batch.count >= Self.batchLimit
            defer {
                state.isScheduled = true
                state.isUrgent = state.isUrgent || isFull
            }
            return (!state.isScheduled, isFull && !state.isUrgent)
        }
        if isUrgent {
            background.submit { [weak self] in self?.flush() }
        } else if mustSchedule {
            scheduleFlush()
        }
    }

    func scheduleFlush() {
        timer.execute { [weak self, timer] in
            timer.schedule(after: .seconds(1)) {
                guard let self else { return }
                self.background.submit { self.flush() }
            }
        }
    }

    /// The cache is gone without having been closed: the next one will scan.
    func abandon() { state.withLock { $0.isClosed = true } }

    static let fileName = "accounting.sqlite"
}
