// How many fills run in the process, so that a draining gateway can wait for what clients have already been sent.
import EventLoop
import Synchronization

/// Counts fills; may be used from any loop.
final class RunningFills: Sendable {
    private struct State {
        var count = 0
        var waiters: [Int: CheckedContinuation<Void, Never>] = [:]
        var nextWaiter = 0
    }

    private let state = Mutex(State())

    var count: Int { state.withLock { $0.count } }

    func began() { state.withLock { $0.count += 1 } }

    func ended() {
        let waiters = state.withLock { state -> [CheckedContinuation<Void, Never>] in
            state.count -= 1
            guard state.count == 0 else { return [] }
            defer { state.waiters = [:] }
            return Array(state.waiters.values)
        }
        for waiter in waiters { waiter.resume() }
    }

    /// Suspends until no fill runs, at most for `limit`.
    func settle(within limit: Duration, on loop: EventLoop) async {
        await withCheckedContinuation { continuation in
            let ticket = state.withLock { state -> Int? in
                guard state.count > 0 else { return nil }
                state.nextWaiter += 1
                state.waiters[state.nextWaiter] = continuation
                return state.nextWaiter
            }
            guard let ticket else { return continuation.resume() }
            loop.execute {
                loop.schedule(after: limit) {
                    self.state.withLock { $0.waiters.removeValue(forKey: ticket) }?.resume()
                }
            }
        }
    }
}
