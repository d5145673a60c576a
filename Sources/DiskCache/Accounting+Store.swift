// The accounting's database: batches into it, answers out of it, and another one when it fails. In the background only.
import CachePolicy
import DICOM
import EventLoop
import Synchronization

extension Accounting {
    /// Opens the database; if it does not tell the truth, a scan begins in the background.
    func start() {
        let isTrusted = store.withLock { box in
            openStore(&box)
            return box.isTrusted
        }
        if !isTrusted { startScan() }
    }

    // MARK: Writing

    /// Writes what has gathered.
    func flush() {
        let mustScan = store.withLock { flush(&$0) }
        if mustScan { startScan() }
    }

    /// True when the database had to be given up and a new one must be filled by a scan.
    private func flush(_ box: inout StoreBox) -> Bool {
        let (batch, subjects) = state.withLock { state in
            defer {
                state.inFlight.add(state.pending)
                state.pending = PartSums()
                state.batch = AccountingBatch()
                state.isScheduled = false
                state.isUrgent = false
            }
            var batch = state.batch
            // A series that begins makes its study one whose subject is kept.
            for key in Array(batch.changes.keys) + Array(batch.settled.keys) {
                let study = StudyKey(tenant: key.tenant, study: key.study)
                if let subject = state.subjects.value(for: study) { batch.subjects[study] = subject }
            }
            return (batch, state.batch.subjects)
        }
        self.batch.wrappingAdd(1, ordering: .relaxed)
        if batch.isEmpty {
            commit(box)
            return false
        }
        do throws(SQLiteError) {
            try box.store?.apply(batch, now: now)
            commit(box)
            return box.store == nil
        } catch {
            if error.isFull {
                // The tables are as they were. What gathered waits until the evictions, which go on, have made room.
                putBack(batch, subjects)
                return false
            }
            replaceStore(&box, because: error)
            return true
        }
    }

    /// The batch could not be written now.
    private func putBack(_ batch: AccountingBatch, _ subjects: [StudyKey: String]) {
        state.withLock { state in
            let newer = state.batch
            state.batch = batch
            state.batch.subjects = subjects
            for entry in newer.forgotten {
                for key in state.batch.changes.keys where entry.covers(key) { state.batch.changes[key] = nil }
                for key in state.batch.settled.keys where entry.covers(key) { state.batch.settled[key] = nil }
            }
            state.batch.forgotten += newer.forgotten
            for (key, contents) in newer.settled {
                state.batch.settled[key] = contents
                state.batch.changes[key] = nil
            }
            for (key, change) in newer.changes {
                var sum = state.batch.changes[key] ?? SeriesChange()
                sum.sums.add(change.sums)
                sum.lastAccess = change.lastAccess ?? sum.lastAccess
                state.batch.changes[key] = sum
            }
            state.batch.subjects.merge(newer.subjects) { $1 }
            state.inFlight = PartSums()
            state.pending = state.batch.changes.values.reduce(into: PartSums()) { $0.add($1.sums) }
            state.isScheduled = true
        }
        scheduleFlush()
    }

    /// Takes the sums over as they stand in the tables.
    func commit(_ box: borrowing StoreBox) {
        let totals = box.store?.totals ?? AccountingTotals()
        let pins = state.withLock { $0.pins }
        let pinnedBytes = (try? box.store?.bytes(heldBy: pins)) ?? 0
        state.withLock { state in
            state.committed = totals
            state.inFlight = PartSums()
            state.pinnedBytes = pinnedBytes
        }
    }

    // MARK: Asking

    /// Asks the tables, after everything that happened is in them.
    func ask<Answer>(_ question: (AccountingStore) throws(SQLiteError) -> Answer) -> Answer? {
        flush()
        let (answer, mustScan) = store.withLock { box -> (Answer?, Bool) in
            do throws(SQLiteError) {
                guard let store = box.store else { return (nil, false) }
                let answer = try question(store)
                commit(box)
                return (answer, false)
            } catch {
                if error.isFull {
                    log("cache accounting: \(error)")
                    return (nil, false)
                }
                replaceStore(&box, because: error)
                return (nil, true)
            }
        }
        if mustScan { startScan() }
        return answer
    }

    // MARK: Opening and closing

    /// Writes the last batch and says that the tables tell the truth.
    func close() {
        state.withLock { $0.isClosed = true }
        store.withLock { box in
            let hasFailed = flush(&box)
            let isWritten = state.withLock { $0.batch.isEmpty }
            do throws(SQLiteError) {
                if !hasFailed, isWritten, !box.isScanning, box.isTrusted { try box.store?.close() }
            } catch {
                log("cache accounting: \(error)")
            }
            box.store = nil
        }
        endScanWaits()
    }

    private func openStore(_ box: inout StoreBox) {
        do throws(SQLiteError) {
            let store = try makeStore()
            let latest = try store.latestTime()
            state.withLock { $0.clock.advance(to: latest) }
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
        return try AccountingStore(path: directory.path + "/" + Self.fileName, maxSize: maxSize)
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
            box.store = try? AccountingStore(path: ":memory:", maxSize: maxSize)
        }
        commit(box)
    }
}
