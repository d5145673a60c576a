// Who may fill from a backend at present. Pure: no lock, no loop, no clock.

/// The count of the process's fills, by the client that has begun them, and the queue of those that wait for their turn.
///
/// A fill that several clients wait for goes on the account of the first of them that has room. What the gateway does on
/// its own account comes after every client.
struct FillLedger {
    enum Client: Hashable, Sendable {
        case principal(String)
        case peer(String)
        /// The gateway's own errands.
        case errand
    }

    private struct Entry {
        let ticket: Int
        var clients: [Client]
    }

    let limit: Int
    let limitPerClient: Int
    private(set) var count = 0
    private var running: [Client: Int] = [:]
    private var queue: [Entry] = []

    init(limit: Int, limitPerClient: Int) {
        self.limit = max(1, limit)
        self.limitPerClient = max(1, limitPerClient)
    }

    var waiting: Int { queue.count }

    /// A fill wants to run; false: it waits.
    mutating func wanted(by client: Client, ticket: Int) -> Bool {
        if begin([client]) != nil { return true }
        queue.append(Entry(ticket: ticket, clients: [client]))
        return false
    }

    /// One more client waits for a fill that waits. Answers on whose account it may run now; nil: it waits on.
    mutating func alsoWanted(by client: Client, ticket: Int) -> Client? {
        guard let index = queue.firstIndex(where: { $0.ticket == ticket }), !queue[index].clients.contains(client)
        else { return nil }
        queue[index].clients.append(client)
        guard let account = begin([client]) else { return nil }
        queue.remove(at: index)
        return account
    }

    /// A fill has ended. Answers who has waited longest of those that may run now, and on whose account.
    mutating func ended(of client: Client) -> (ticket: Int, account: Client)? {
        count -= 1
        running[client, default: 1] -= 1
        if running[client] == 0 { running[client] = nil }
        for isErrand in [false, true] {
            for index in queue.indices where (queue[index].clients == [.errand]) == isErrand {
                guard let account = begin(queue[index].clients) else { continue }
                return (queue.remove(at: index).ticket, account)
            }
        }
        return nil
    }

    /// False when it waits no more.
    mutating func left(ticket: Int) -> Bool {
        guard let index = queue.firstIndex(where: { $0.ticket == ticket }) else { return false }
        queue.remove(at: index)
        return true
    }

    private mutating func begin(_ clients: [Client]) -> Client? {
        guard count < limit, let account = clients.first(where: { running[$0, default: 0] < limitPerClient }) else {
            return nil
        }
        count += 1
        running[account, default: 0] += 1
        return account
    }
}
