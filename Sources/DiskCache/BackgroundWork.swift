// Threads of the cache's own for what takes long: fsync, deleting, scanning, SQLite. Knows none of these.
import EventLoop
import Synchronization

/// A small pool beside the process's workers, so that a look-up never stands in line behind an fsync: a miss must reach
/// its backend within a millisecond, and one fsync takes ten.
///
/// Four threads, since a journal commit serves all who wait for it at once.
final class BackgroundWork: Sendable {
    private struct State {
        var running = 0
        var waiters: [CheckedContinuation<Void, Never>] = []
    }

    private let pool = WorkerPool(threads: 4)
    private let state = Mutex(State())

    deinit { pool.stop() }

    /// Runs `body` on one of the threads, soon.
    func submit(_ body: @escaping @Sendable () -> Void) {
        begin()
        pool.submit {
            body()
            self.end()
        }
    }

    /// Runs `body` on one of the threads and resumes the caller on its own executor.
    func run<Value: Sendable, Failure: Error>(
        _ body: @escaping @Sendable () throws(Failure) -> Value
    ) async throws(Failure) -> Value {
        begin()
        defer { end() }
        return try await pool.run(body)
    }

    /// Suspends until nothing is running nor waiting to run.
    func idle() async {
        await withCheckedContinuation { continuation in
            let isIdle = state.withLock { state in
                if state.running > 0 { state.waiters.append(continuation) }
                return state.running == 0
            }
            if isIdle { continuation.resume() }
        }
    }

    private func begin() { state.withLock { $0.running += 1 } }

    private func end() {
        let waiters = state.withLock { state in
            state.running -= 1
            if state.running > 0 { return [] as [CheckedContinuation<Void, Never>] }
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.resume() }
    }
}
