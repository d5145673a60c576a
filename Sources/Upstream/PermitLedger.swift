// Who may have a connection to one backend, decided over all loops. Pure: no lock, no loop, no clock.

/// The count of a backend's connections, and the queue for them.
///
/// A connection is either used by a transfer (`active`) or kept open by one of the loops (`idle`). Both count against the
/// limit, because an idle connection occupies a thread in many an archive. Idle connections can't move between loops:
/// when another loop needs one, it is closed and its place handed over.
///
/// Invariant: somebody waits only while `active == limit`.
struct PermitLedger {
    /// How a permit is to be used.
    enum Grant: Equatable {
        /// With an idle connection of the same loop.
        case reuse
        /// With a new connection.
        case fresh
        /// With a new connection, once the given loop has closed one of its idle ones.
        case takeOver(from: Int)
    }

    struct Waiter: Equatable {
        let ticket: UInt64
        let loop: Int
    }

    enum Answer: Equatable {
        case granted(Grant)
        case queued
        case full
    }

    let limit: Int
    let maxQueue: Int
    private(set) var active = 0
    /// Idle connections by the index of their loop.
    private(set) var idle: [Int]
    private(set) var waiting: [Waiter] = []
    /// Who works in the background and has been let begin. It asks for its connection as anybody does, so that a client who
    /// comes to wait for the same answer is not held back with it.
    private(set) var quiet = 0
    private(set) var quietWaiting: [Waiter] = []

    init(limit: Int, maxQueue: Int, loops: Int) {
        self.limit = max(1, limit)
        self.maxQueue = max(0, maxQueue)
        idle = Array(repeating: 0, count: loops)
    }

    mutating func permitWanted(_ waiter: Waiter) -> Answer {
        if let grant = grant(to: waiter.loop) { return .granted(grant) }
        if waiting.count >= maxQueue { return .full }
        waiting.append(waiter)
        return .queued
    }

    /// A transfer has ended.
    ///
    /// - Returns: who has waited longest and may go on now.
    mutating func transferEnded(on loop: Int, keptConnections: Int) -> (waiter: Waiter, grant: Grant)? {
        active -= 1
        idle[loop] += keptConnections
        guard let first = waiting.first, let grant = grant(to: first.loop) else { return nil }
        waiting.removeFirst()
        return (first, grant)
    }

    // MARK: Background

    /// Nobody waits, and half of the connections stay free. Never with a limit of one.
    private var isQuiet: Bool { waiting.isEmpty && active + quiet < limit / 2 }

    /// - Returns: whether it may begin now; else it waits.
    mutating func quietWanted(_ waiter: Waiter) -> Bool {
        if isQuiet, quietWaiting.isEmpty {
            quiet += 1
            return true
        }
        quietWaiting.append(waiter)
        return false
    }

    mutating func quietEnded() { quiet -= 1 }

    /// Who has waited longest for a quiet moment, if this is one.
    mutating func takeQuiet() -> Waiter? {
        guard isQuiet, !quietWaiting.isEmpty else { return nil }
        quiet += 1
        return quietWaiting.removeFirst()
    }

    mutating func quietWaiterLeft(ticket: UInt64) -> Bool {
        guard let index = quietWaiting.firstIndex(where: { $0.ticket == ticket }) else { return false }
        quietWaiting.remove(at: index)
        return true
    }

    // MARK: Clients

    /// A waiter gives up; false when it waits no more.
    mutating func waiterLeft(ticket: UInt64) -> Bool {
        guard let index = waiting.firstIndex(where: { $0.ticket == ticket }) else { return false }
        waiting.remove(at: index)
        return true
    }

    /// One of a loop's idle connections was closed, or is now in use: at most `left` remain.
    mutating func idleConnectionsRemain(_ left: Int, on loop: Int) {
        idle[loop] = min(idle[loop], left)
    }

    private mutating func grant(to loop: Int) -> Grant? {
        guard active < limit else { return nil }
        if idle[loop] > 0 {
            idle[loop] -= 1
            active += 1
            return .reuse
        }
        if active + idle.reduce(0, +) < limit {
            active += 1
            return .fresh
        }
        guard let other = idle.firstIndex(where: { $0 > 0 }) else { return nil }
        idle[other] -= 1
        active += 1
        return .takeOver(from: other)
    }
}
