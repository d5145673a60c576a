// What each series takes and when it was last used: gathered in memory, written to SQLite in batches in the background.
// Knows nothing of objects' bytes. When the database fails it says so, starts a new one, and serving never notices.
import CachePolicy
import DICOM
import EventLoop
import Synchronization

/// The numbers by which the cache evicts.
///
/// Two locks: `store` is held during SQLite's work, in the background only; `state` for moments, by anyone, and nests in it.
final class Accounting: Sendable {
    struct State {
        /// The sums over the table's rows.
        var committed = AccountingTotals()
        /// What a batch that is being written adds to them.
        var inFlight = AccountingTotals()
        var pending = AccountingTotals()
        var changes: [SeriesKey: SeriesChange] = [:]
        var forgotten: [Forgotten] = []
        var settled: [SeriesKey: TreeSize] = [:]
        var isScheduled = false
        var isUrgent = false
        var isClosed = false
        /// The series that a scan is looking at, and whether it changed meanwhile.
        var watched: SeriesKey?
        var watchedChanged = false
    }

    /// Changed series after which a batch is written without waiting for its second.
    private static let batchLimit = 256
    /// Series of which mere use is remembered within a batch.
    private static let useLimit = 4096

    let state = Mutex(State())
    let store: Mutex<StoreBox>
    /// The number of the batch being gathered; an object notes its use once in each.
    private let batch = Atomic<UInt64>(1)
    let directory: CacheDirectory
    let background: BackgroundWork
    private let timer: EventLoop
    let log: @Sendable (String) -> Void
    private let clock: @Sendable () -> Int64

    /// Holds the store; the lock around it is what makes it usable from every thread.
    struct StoreBox: @unchecked Sendable {
        // Unchecked: the store is touched with the lock held only, and never handed out.
        var store: AccountingStore?
        var isScanning = false
        var isTrusted = false
    }

    init(
        directory: CacheDirectory, background: BackgroundWork, timer: EventLoop,
        log: @escaping @Sendable (String) -> Void,
        clock: @escaping @Sendable () -> Int64
    ) {
        self.directory = directory
        self.background = background
        self.timer = timer
        self.log = log
        self.clock = clock
        store = Mutex(StoreBox())
    }

    /// Opens the database; if it does not tell the truth, a scan begins in the background.
    func start() {
        let isTrusted = store.withLock { box in
            openStore(&box)
            return box.isTrusted
        }
        if !isTrusted { startScan() }
    }

    // MARK: What happened (any thread)

    var totals: AccountingTotals {
        state.withLock { state in
            AccountingTotals(
                bytes: state.committed.bytes + state.inFlight.bytes + state.pending.bytes,
                objects: state.committed.objects + state.inFlight.objects + state.pending.objects,
                series: state.committed.series)
        }
    }

    /// An object was served. Costs one atomic load, but for the first time in each batch.
    func noteUse(of object: StoredObject) {
        let batch = batch.load(ordering: .relaxed)
        guard object.notedBatch.load(ordering: .relaxed) != batch else { return }
        object.notedBatch.store(batch, ordering: .relaxed)
        let now = clock()
        note { state in
            let key = object.key.seriesKey
            guard state.changes[key] != nil || state.changes.count < Self.useLimit else { return }
            state.changes[key, default: SeriesChange()].lastAccess = now
        }
    }

    /// An object got its place.
    func notePublished(_ object: StoredObject) {
        let size = ObjectLayout.fileSize(bodyOffset: object.bodyOffset, length: object.length)
        note(object.key.seriesKey, bytes: ObjectLayout.chargedSize(fileSize: size), objects: 1, lastAccess: clock())
    }

    /// Files of a series are gone.
    func noteRemoved(_ series: SeriesKey, _ size: TreeSize) {
        if size.objects > 0 { note(series, bytes: -size.bytes, objects: -size.objects, lastAccess: nil) }
    }

    /// Nothing is left of a study, or of one series.
    func noteForgotten(tenant: String, study: UID, series: UID?) {
        let entry = Forgotten(tenant: tenant, study: study, series: series)
        note { state in
            for (key, change) in state.changes where entry.covers(key) {
                state.pending.bytes -= change.bytes
                state.pending.objects -= change.objects
                state.changes[key] = nil
            }
            for key in state.settled.keys where entry.covers(key) { state.settled[key] = nil }
            if let watched = state.watched, entry.covers(watched) { state.watchedChanged = true }
            state.forgotten.append(entry)
        }
    }

    private func note(_ key: SeriesKey, bytes: Int64, objects: Int64, lastAccess: Int64?) {
        note { state in
            var change = state.changes[key] ?? SeriesChange()
            change.bytes += bytes
            change.objects += objects
            change.lastAccess = lastAccess ?? change.lastAccess
            state.changes[key] = change
            state.pending.bytes += bytes
            state.pending.objects += objects
            if state.watched == key { state.watchedChanged = true }
        }
    }

    func note(_ change: (inout State) -> Void) {
        let (mustSchedule, isUrgent) = state.withLock { state -> (Bool, Bool) in
            if state.isClosed { return (false, false) }
            change(&state)
            let isFull = state.changes.count + state.forgotten.count + state.settled.count >= Self.batchLimit
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

    private func scheduleFlush() {
        timer.execute { [weak self, timer] in
            timer.schedule(after: .seconds(1)) {
                guard let self else { return }
                self.background.submit { self.flush() }
            }
        }
    }

    // MARK: Writing (in the background)

    /// Writes what has gathered.
    func flush() {
        let mustScan = store.withLock { flush(&$0) }
        if mustScan { startScan() }
    }

    /// True when the database had to be given up and a new one must be filled by a scan.
    private func flush(_ box: inout StoreBox) -> Bool {
        let (changes, forgotten, settled) = state.withLock { state in
            defer {
                state.inFlight = state.pending
                state.pending = AccountingTotals()
                state.changes = [:]
                state.forgotten = []
                state.settled = [:]
                state.isScheduled = false
                state.isUrgent = false
            }
            return (state.changes, state.forgotten, state.settled)
        }
        batch.wrappingAdd(1, ordering: .relaxed)
        defer { commit(box) }
        if changes.isEmpty, forgotten.isEmpty, settled.isEmpty { return false }
        do throws(SQLiteError) {
            try box.store?.apply(forgotten: forgotten, settled: settled, changes: changes, now: clock())
            return box.store == nil
        } catch {
            replaceStore(&box, because: error)
            return true
        }
    }

    func commit(_ box: borrowing StoreBox) {
        let totals = box.store?.totals ?? AccountingTotals()
        state.withLock { state in
            state.committed = totals
            state.inFlight = AccountingTotals()
        }
    }

    /// The series that were not used for longest.
    func leastRecentlyUsed(limit: Int) -> [SeriesUsage] {
        flush()
        return store.withLock { box in
            do throws(SQLiteError) {
                return try box.store?.leastRecentlyUsed(limit: limit) ?? []
            } catch {
                log("cache accounting: \(error)")
                return []
            }
        }
    }

    // MARK: Opening and closing

    /// Writes the last batch and says that the table tells the truth. In the background.
    func close() {
        state.withLock { $0.isClosed = true }
        store.withLock { box in
            let hasFailed = flush(&box)
            do throws(SQLiteError) {
                if !hasFailed, !box.isScanning, box.isTrusted { try box.store?.close() }
            } catch {
                log("cache accounting: \(error)")
            }
            box.store = nil
        }
    }

    /// The cache is gone without having been closed: the next one will scan.
    func abandon() { state.withLock { $0.isClosed = true } }

    private func openStore(_ box: inout StoreBox) {
        do throws(SQLiteError) {
            let store = try makeStore()
            box.isTrusted = store.wasClosed
            box.store = store
            commit(box)
        } catch {
            replaceStore(&box, because: error)
        }
    }

    private func makeStore() throws(SQLiteError) -> AccountingStore {
        // Made here first, since SQLite would let the umask decide who may read it.
        _ = try? directory.root.makeFile(FileName(Self.fileName))
        return try AccountingStore(path: directory.path + "/" + Self.fileName)
    }

    /// A new database in place of one that failed; in memory when the disk won't have it.
    private func replaceStore(_ box: inout StoreBox, because error: SQLiteError) {
        log("cache accounting: \(error); it is rebuilt from the files")
        box.isTrusted = false
        box.store = nil
        for suffix in ["", "-wal", "-shm"] { directory.removeRootEntry(FileName(Self.fileName + suffix)) }
        do throws(SQLiteError) {
            box.store = try makeStore()
        } catch {
            log("cache accounting: \(error); it is kept in memory")
            box.store = try? AccountingStore(path: ":memory:")
        }
        commit(box)
    }

    static let fileName = "accounting.sqlite"
}
