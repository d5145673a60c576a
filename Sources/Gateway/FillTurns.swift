// The turns of all fills of the process that ask backends: the ledger under a lock, and the tasks that wait for it.
import DiskCache
import Synchronization

/// Gives out turns; may be used from any loop.
final class FillTurns: Sendable {
    typealias Client = FillLedger.Client

    private struct State {
        var ledger: FillLedger
        var lastTicket = 0
        /// Of shared fills that wait, so that others can join them.
        var tickets: [ObjectIdentifier: Int] = [:]
        var waiters: [Int: CheckedContinuation<Client?, Never>] = [:]
    }

    private let state: Mutex<State>

    init(limit: Int, limitPerClient: Int) {
        state = Mutex(State(ledger: FillLedger(limit: limit, limitPerClient: limitPerClient)))
    }

    /// Fills that ask backends, and those that wait for their turn.
    var counts: (running: Int, waiting: Int) { state.withLock { ($0.ledger.count, $0.ledger.waiting) } }

    /// Suspends until it is the turn of a client's fill.
    ///
    /// - Returns: on whose account it runs, to be given back; nil when the task was cancelled.
    func take(for client: Client, fill: AnyObject) async -> Client? {
        let id = ObjectIdentifier(fill)
        let ticket = state.withLock { state in
            state.lastTicket += 1
            state.tickets[id] = state.lastTicket
            return state.lastTicket
        }
        defer { state.withLock { _ = $0.tickets.removeValue(forKey: id) } }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isDecided = state.withLock { state -> Client?? in
                    if Task.isCancelled { return .some(nil) }
                    if state.ledger.wanted(by: client, ticket: ticket) { return client }
                    state.waiters[ticket] = continuation
                    return .none
                }
                if case .some(let account) = isDecided { continuation.resume(returning: account) }
            }
        } onCancel: {
            let waiter = state.withLock { state in
                state.ledger.left(ticket: ticket) ? state.waiters.removeValue(forKey: ticket) : nil
            }
            waiter?.resume(returning: nil)
        }
    }

    /// Another client waits for a fill: if that waits for its turn, it may be on this one's account.
    func join(_ fill: AnyObject, as client: Client) {
        let (waiter, account) = state.withLock { state -> (CheckedContinuation<Client?, Never>?, Client?) in
            guard let ticket = state.tickets[ObjectIdentifier(fill)],
                let account = state.ledger.alsoWanted(by: client, ticket: ticket)
            else { return (nil, nil) }
            return (state.waiters.removeValue(forKey: ticket), account)
        }
        waiter?.resume(returning: account)
    }

    func giveBack(_ account: Client) {
        let (waiter, next) = state.withLock { state -> (CheckedContinuation<Client?, Never>?, Client?) in
            guard let next = state.ledger.ended(of: account) else { return (nil, nil) }
            return (state.waiters.removeValue(forKey: next.ticket), next.account)
        }
        waiter?.resume(returning: next)
    }
}

extension RequestContext {
    /// Who is counted for what this request begins.
    var account: FillLedger.Client {
        if isErrand { return .errand }
        return principal.name.map { .principal($0) } ?? .peer(entry.peer)
    }
}
