// Making the accounting's tables agree with the files, while both are in use: after a crash, or when they were lost.
import CachePolicy
import DICOM
import EventLoop
import Synchronization

extension Accounting {
    /// Begins a scan in the background, unless one is under way.
    func startScan() {
        let mayStart = store.withLock { box in
            defer { box.isScanning = true }
            return !box.isScanning
        }
        if mayStart { background.submit { [weak self] in self?.scan() } }
    }

    /// Suspends while the tables do not tell the truth.
    func scanEnded() async {
        await withCheckedContinuation { continuation in
            let mustWait = store.withLock { box in
                let mustWait = box.isScanning && !box.isTrusted && !state.withLock { $0.isClosed }
                if mustWait { state.withLock { $0.scanWaiters.append(continuation) } }
                return mustWait
            }
            if !mustWait { continuation.resume() }
        }
    }

    func endScanWaits() {
        let waiters = state.withLock { state in
            defer { state.scanWaiters = [] }
            return state.scanWaiters
        }
        for waiter in waiters { waiter.resume() }
    }

    /// Makes the tables agree with the files, series by series, while they are used. In the background, for as long as it
    /// takes.
    private func scan() {
        var isWhole = true
        var begun: ObjectIdentifier?
        do throws(SQLiteError) {
            begun = try store.withLock { box throws(SQLiteError) in
                try box.store?.beginScan()
                return box.store.map { ObjectIdentifier($0) }
            }
            var study: StudyKey?
            directory.forEachSeries { key, series in
                settle(key) { CacheDirectory.contents(of: series) }
                let studyKey = StudyKey(tenant: key.tenant, study: key.study)
                if study != studyKey, let subject = directory.subject(of: studyKey) {
                    noteSubject(subject, of: studyKey)
                }
                study = studyKey
                isWhole = !state.withLock { $0.isClosed }
                return isWhole
            }
            flush()
            if isWhole { try store.withLock { box throws(SQLiteError) in try box.store?.endScan() } }
        } catch {
            isWhole = false
            log("cache accounting: \(error)")
        }
        let mustRepeat = store.withLock { box in
            // Had the database to be replaced meanwhile, it knows only what was counted since.
            let isSameTable = box.store.map { ObjectIdentifier($0) } == begun
            box.isScanning = false
            box.isTrusted = isWhole && isSameTable
            commit(box)
            return isWhole && !isSameTable
        }
        if mustRepeat { startScan() } else { endScanWaits() }
    }

    /// Counts a series anew, of which something is gone that could not be told any more. In the background.
    func recount(_ key: SeriesKey) {
        settle(key) {
            let folder = try? directory.objects.openDirectory(FileName(ObjectPath(key).components))
            return folder.map { CacheDirectory.contents(of: $0) } ?? TreeContents()
        }
    }

    /// Counts a series' files. What is published or purged meanwhile makes the count void; the third one stands.
    private func settle(_ key: SeriesKey, _ count: () -> TreeContents) {
        settling.withLock { _ in
            for attempt in 0..<3 {
                state.withLock { state in
                    state.watched = key
                    state.watchedChanged = false
                }
                let contents = count()
                var isSettled = false
                note { state in
                    defer { state.watched = nil }
                    guard !state.watchedChanged || attempt == 2 else { return }
                    isSettled = true
                    // What was pending is on disk, and so in the count; when it was used is not.
                    if let change = state.batch.changes[key] {
                        state.pending.subtract(change.sums)
                        state.batch.changes[key] = SeriesChange(lastAccess: change.lastAccess)
                    }
                    state.batch.settled[key] = contents
                }
                if isSettled { return }
            }
        }
    }
}
