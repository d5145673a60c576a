// What is known of a folder, scanned anew when it is used and the last scan is old enough. Knows no formats.
import EventLoop
import Synchronization

/// An index of a folder. Scans run on the worker pool, one at a time; readers always see a whole one.
final class FolderIndex<Content: Sendable>: Sendable {
    private struct State {
        var content: Content
        /// Why the last scan failed; the content is that of the one before.
        var fault: String?
        var isScanning = false
        var isFirst = true
        /// Before that, another scan would be too soon.
        var nextScan: ContinuousClock.Instant?
        var waiters: [CheckedContinuation<Void, Never>] = []
    }

    private let state: Mutex<State>
    private let workers: WorkerPool
    private let interval: Duration
    private let now: Clock
    private let log: DirectoryLog
    private let changed: @Sendable (_ previous: Content, _ next: Content) -> Void
    private let scan: @Sendable (_ previous: Content, _ isFirst: Bool) throws(SystemError) -> Content

    /// - Parameters:
    ///   - interval: at least so long between two scans. A scan that takes long is repeated more rarely: scanning takes no more
    ///     than a twentieth of one worker's time.
    ///   - changed: called on a worker after each scan but the first, when readers see the new content already.
    ///   - scan: makes the next content from the last one; blocking.
    init(
        _ content: Content, interval: Duration, workers: WorkerPool, now: @escaping Clock, log: @escaping DirectoryLog,
        changed: @escaping @Sendable (_ previous: Content, _ next: Content) -> Void,
        scan: @escaping @Sendable (_ previous: Content, _ isFirst: Bool) throws(SystemError) -> Content
    ) {
        state = Mutex(State(content: content))
        self.interval = interval
        self.workers = workers
        self.now = now
        self.log = log
        self.changed = changed
        self.scan = scan
    }

    /// The last whole scan; `fault` says why there is no newer one.
    var current: (content: Content, fault: String?) { state.withLock { ($0.content, $0.fault) } }

    /// Begins a scan in the background if it is time.
    func refreshIfDue() {
        let now = now()
        let isDue = state.withLock { state in
            guard !state.isScanning, state.nextScan.map({ $0 <= now }) ?? true else { return false }
            state.isScanning = true
            return true
        }
        if isDue { workers.submit { self.runScan() } }
    }

    /// Waits for a scan if one is due or under way.
    func refreshedIfDue() async {
        refreshIfDue()
        await withCheckedContinuation { continuation in
            let isIdle = state.withLock { state in
                if state.isScanning { state.waiters.append(continuation) }
                return !state.isScanning
            }
            if isIdle { continuation.resume() }
        }
    }

    /// Scans now, after the scan that may be under way.
    func refresh() async {
        let wasScanning = state.withLock { state in
            if !state.isScanning { state.nextScan = nil }
            return state.isScanning
        }
        if wasScanning {
            await refreshedIfDue()
            state.withLock { $0.nextScan = nil }
        }
        await refreshedIfDue()
    }

    private func runScan() {
        let began = ContinuousClock.now
        let (previous, isFirst) = state.withLock { ($0.content, $0.isFirst) }
        let result = Result { () throws(SystemError) in try scan(previous, isFirst) }
        let pause = max(interval, (ContinuousClock.now - began) * 20)
        let now = now()
        // Only a scan changes the content, and it is still the only one.
        if case .success(let content) = result {
            state.withLock { $0.content = content }
            if !isFirst { changed(previous, content) }
        }
        let (waiters, news) = state.withLock { state in
            state.isScanning = false
            state.nextScan = now + pause
            let before = state.fault
            switch result {
            case .success:
                state.isFirst = false
                state.fault = nil
            case .failure(let error):
                state.fault = "the folder cannot be read: \(error)"
            }
            defer { state.waiters = [] }
            return (state.waiters, state.fault == before ? nil : state.fault ?? "the folder can be read again")
        }
        if let news { log(news) }
        for waiter in waiters { waiter.resume() }
    }
}
