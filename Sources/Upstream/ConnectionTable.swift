// Which sockets a loop's libcurl has open, and who uses them. Counts only: libcurl owns the connections.

/// The open sockets of one loop.
///
/// libcurl keeps idle connections to itself and offers no way to close a certain one, so the table follows its open, use
/// and close callbacks. A connection that must go is shut down, which its peer sees at once; libcurl finds it dead at the
/// next look and closes it.
struct ConnectionTable {
    enum Use: Equatable {
        case transfer(ObjectIdentifier)
        case idle
        /// Shut down by us, not yet closed by libcurl.
        case shutDown
    }

    private struct Connection {
        var pool: BackendPool
        var use: Use
    }

    private var connections: [Int32: Connection] = [:]

    mutating func opened(_ descriptor: Int32, by transfer: Transfer) {
        connections[descriptor] = Connection(pool: transfer.pool, use: .transfer(ObjectIdentifier(transfer)))
    }

    /// A transfer works with the descriptor.
    ///
    /// - Returns: the backend that has an idle connection less, if the connection was idle.
    mutating func used(_ descriptor: Int32, by transfer: Transfer) -> BackendPool? {
        guard let connection = connections[descriptor] else { return nil }
        opened(descriptor, by: transfer)
        return connection.use == .idle ? connection.pool : nil
    }

    /// - Returns: the backend that has an idle connection less, if the connection was idle.
    mutating func closed(_ descriptor: Int32) -> BackendPool? {
        guard let connection = connections.removeValue(forKey: descriptor), connection.use == .idle else { return nil }
        return connection.pool
    }

    /// The transfer has ended; what it leaves open is idle.
    ///
    /// - Returns: how many connections that are.
    mutating func released(by transfer: Transfer) -> Int {
        let use = Use.transfer(ObjectIdentifier(transfer))
        let left = connections.filter { $0.value.use == use }.keys
        for descriptor in left { connections[descriptor]?.use = .idle }
        return left.count
    }

    func idleCount(of pool: BackendPool) -> Int {
        connections.values.count { $0.pool === pool && $0.use == .idle }
    }

    /// Gives up one idle connection of a backend.
    ///
    /// - Returns: its descriptor, to be shut down.
    mutating func giveUpIdleConnection(of backend: Backend) -> Int32? {
        guard
            let descriptor = connections.first(where: {
                // Not by name: a directory may be called like a backend.
                let owner = $0.value.pool.backend
                return $0.value.use == .idle && owner.role == backend.role && owner.match == backend.match
            })?.key
        else { return nil }
        connections[descriptor]?.use = .shutDown
        return descriptor
    }
}
