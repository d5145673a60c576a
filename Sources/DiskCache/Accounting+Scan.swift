// Making the accounting's table agree with the files, while both are in use: after a crash, or when the table was lost.
import CachePolicy
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

    /// Makes the table agree with the files, series by series, while they are used. In the background, for as long as it
    /// takes.
    private func scan() {
        var isWhole = true
        var begun: ObjectIdentifier?
        do throws(SQLiteError) {
            begun = try store.withLock { box throws(SQLiteError) in
                try box.store?.beginScan()
                return box.store.map { ObjectIdentifier($0) }
            }
            directory.forEachSeries { key, series in
                settle(key, series)
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
            // Had the table to be replaced meanwhile, it knows only what was counted since.
            let isSameTable = box.store.map { ObjectIdentifier($0) } == begun
            box.isScanning = false
            box.isTrusted = isWhole && isSameTable
            commit(box)
            return isWhole && !isSameTable
        }
        if mustRepeat { startScan() }
    }

    /// Counts a series' files. What is published or purged meanwhile makes the count void; the third one stands.
    private func settle(_ key: SeriesKey, _ series: Descriptor) {
        for attempt in 0..<3 {
            state.withLock { state in
                state.watched = key
                state.watchedChanged = false
            }
            let size = CacheDirectory.size(of: series)
            var isSettled = false
            note { state in
                defer { state.watched = nil }
                guard !state.watchedChanged || attempt == 2 else { return }
                isSettled = true
                // What was pending is on disk, and so in the count; when it was used is not.
                if let change = state.changes[key] {
                    state.pending.bytes -= change.bytes
                    state.pending.objects -= change.objects
                    state.changes[key] = SeriesChange(lastAccess: change.lastAccess)
                }
                state.settled[key] = size
            }
            if isSettled { return }
        }
    }
}
