// The permits of one backend for the whole process: the ledger under a lock, and the tasks that wait for it.
import EventLoop
import Synchronization

/// Gives out at most `limit` permits at a time, to the longest waiting first. May be used from any loop.
final class ConnectionPermits: Sendable {
    enum Outcome: Sendable {
        /// `reuses`: the ledger expects an idle connection of this loop to be used.
        case granted(reuses: Bool)
        case full
        case timedOut
        case cancelled
    }

    /// Closes one idle connection of the backend on the loop with that index, then calls back, from any thread.
    typealias CloseIdle = @Sendable (_ loop: Int, _ done: @escaping @Sendable () -> Void) -> Void

    private struct State {
        var ledger: PermitLedger
        var nextTicket: UInt64 = 0
        var continuations: [UInt64: CheckedContinuation<Outcome, Never>] = [:]
        var quietContinuations: [UInt64: CheckedContinuation<Bool, Never>] = [:]
    }

    private let state: Mutex<State>
    private let closeIdle: CloseIdle

    init(limit: Int, maxQueue: Int, loops: Int, closeIdle: @escaping CloseIdle) {
        state = Mutex(State(ledger: PermitLedger(limit: limit, maxQueue: maxQueue, loops: loops)))
        self.closeIdle = closeIdle
    }

    /// Transfers under way, idle connections, and requests that wait.
    var counts: (active: Int, idle: Int, queued: Int) {
        state.withLock { ($0.ledger.active, $0.ledger.idle.reduce(0, +), $0.ledger.waiting.count) }
    }

    /// Waits for a permit; call it on `loop`. A granted permit must be given back.
    func acquire(on loop: EventLoop, within patience: Duration) async -> Outcome {
        let ticket = state.withLock { state in
            state.nextTicket += 1
            return state.nextTicket
        }
        let timer = loop.schedule(after: patience) { self.leave(ticket, as: .timedOut) }
        defer { timer.cancel() }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                ask(PermitLedger.Waiter(ticket: ticket, loop: loop.index), continuation)
                // A cancellation that came before the waiter stood in the queue has not found it.
                if Task.isCancelled { leave(ticket, as: .cancelled) }
            }
        } onCancel: {
            leave(ticket, as: .cancelled)
        }
    }

    /// Ends a permit; call it on the loop that had it.
    func giveBack(on loop: Int, keptConnections: Int) {
        let next = state.withLock { state -> (CheckedContinuation<Outcome, Never>, PermitLedger.Grant)? in
            guard let next = state.ledger.transferEnded(on: loop, keptConnections: keptConnections),
                let continuation = state.continuations.removeValue(forKey: next.waiter.ticket)
            else { return nil }
            return (continuation, next.grant)
        }
        if let (continuation, grant) = next { act(on: grant, continuation) }
        wakeQuiet()
    }

    // MARK: Background

    /// Waits until nobody waits and half of the connections are free; call it on `loop`.
    ///
    /// - Returns: false when cancelled; else ``quietEnded()`` must follow.
    func quietMoment(on loop: EventLoop) async -> Bool {
        let ticket = state.withLock { state in
            state.nextTicket += 1
            return state.nextTicket
        }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let mayBegin = state.withLock { state in
                    if state.ledger.quietWanted(PermitLedger.Waiter(ticket: ticket, loop: loop.index)) { return true }
                    state.quietContinuations[ticket] = continuation
                    return false
                }
                if mayBegin { continuation.resume(returning: true) } else if Task.isCancelled { leaveQuiet(ticket) }
            }
        } onCancel: {
            leaveQuiet(ticket)
        }
    }

    func quietEnded() {
        state.withLock { $0.ledger.quietEnded() }
        wakeQuiet()
    }

    private func leaveQuiet(_ ticket: UInt64) {
        let continuation = state.withLock { state in
            state.ledger.quietWaiterLeft(ticket: ticket) ? state.quietContinuations.removeValue(forKey: ticket) : nil
        }
        continuation?.resume(returning: false)
    }

    private func wakeQuiet() {
        let continuation = state.withLock { state in
            state.ledger.takeQuiet().flatMap { state.quietContinuations.removeValue(forKey: $0.ticket) }
        }
        continuation?.resume(returning: true)
    }

    func idleConnectionsRemain(_ left: Int, on loop: Int) {
        state.withLock { $0.ledger.idleConnectionsRemain(left, on: loop) }
    }

    func idleConnections(on loop: Int) -> Int { state.withLock { $0.ledger.idle[loop] } }

    private func ask(_ waiter: PermitLedger.Waiter, _ continuation: CheckedContinuation<Outcome, Never>) {
        let answer = state.withLock { state in
            let answer = state.ledger.permitWanted(waiter)
            if answer == .queued { state.continuations[waiter.ticket] = continuation }
            return answer
        }
        switch answer {
        case .granted(let grant): act(on: grant, continuation)
        case .full: continuation.resume(returning: .full)
        case .queued: break
        }
    }

    private func act(on grant: PermitLedger.Grant, _ continuation: CheckedContinuation<Outcome, Never>) {
        switch grant {
        case .reuse: continuation.resume(returning: .granted(reuses: true))
        case .fresh: continuation.resume(returning: .granted(reuses: false))
        case .takeOver(let other): closeIdle(other) { continuation.resume(returning: .granted(reuses: false)) }
        }
    }

    private func leave(_ ticket: UInt64, as outcome: Outcome) {
        let continuation = state.withLock { state in
            state.ledger.waiterLeft(ticket: ticket) ? state.continuations.removeValue(forKey: ticket) : nil
        }
        continuation?.resume(returning: outcome)
        if continuation != nil { wakeQuiet() }
    }
}
