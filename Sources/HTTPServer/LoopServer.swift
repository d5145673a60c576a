// A server's part on one loop: its listening sockets, its connections, and what they share. Knows no HTTP but the date.
import CLinux
import EventLoop
import Glibc
import HTTP
import Synchronization

/// Accepts and keeps the connections of one loop.
///
/// Unchecked because everything but the constants is touched on the loop only.
final class LoopServer: @unchecked Sendable {
    /// How many connections beyond the limit are told so at one time; others are closed without a word.
    private static let mostRefusals = 128

    let loop: EventLoop
    let settings: HTTPServerSettings
    let handler: any RequestHandler
    let log: @Sendable (ServerEvent) -> Void
    private let connectionCount: ConnectionCount
    private var acceptors: [Acceptor] = []
    private var connections: [Int32: Connection] = [:]
    private var drained: (() -> Void)?
    private(set) var isDraining = false
    /// Room for the transports to work in; shared, so that an idle connection has none.
    var scratch = [UInt8](repeating: 0, count: TransportLimits.scratchSize)
    private var dateSecond: time_t = 0
    private var dateBytes: [UInt8] = []

    init(
        loop: EventLoop, settings: HTTPServerSettings, handler: any RequestHandler, connectionCount: ConnectionCount,
        log: @escaping @Sendable (ServerEvent) -> Void
    ) {
        self.loop = loop
        self.settings = settings
        self.handler = handler
        self.connectionCount = connectionCount
        self.log = log
    }

    /// The present second's date, written once.
    func date() -> [UInt8] {
        let second = time(nil)
        if second != dateSecond {
            dateSecond = second
            dateBytes = Array(HTTPDate.format(secondsSince1970: Int64(second)).utf8)
        }
        return dateBytes
    }

    /// Takes over a listening socket.
    func add(_ socket: ListeningSocket, tls: TLSContext?) {
        let acceptor = Acceptor(descriptor: socket.descriptor, server: self, tls: tls)
        if isDraining { return acceptor.close() }
        acceptors.append(acceptor)
        acceptor.start()
    }

    /// Takes over a connected socket.
    func accept(_ descriptor: Int32, from address: SocketAddress, tls: TLSContext?) {
        let count = connectionCount.add(1)
        let isRefused = count > settings.maxConnections
        // A refused TLS client would need a handshake first to read why.
        guard !isRefused || (tls == nil && count <= settings.maxConnections + Self.mostRefusals),
            let transport = tls.map({ $0.transport(descriptor) }) ?? PlainTransport(descriptor: descriptor)
        else {
            connectionCount.add(-1)
            close(descriptor)
            return log(.connectionRefused(peer: address.host, limit: settings.maxConnections))
        }
        let connection = Connection(server: self, descriptor: descriptor, address: address, transport: transport)
        do throws(SystemError) { try connection.start() } catch {
            connectionCount.add(-1)
            close(descriptor)
            return log(.acceptPaused(error))
        }
        connections[descriptor] = connection
        if isRefused {
            log(.connectionRefused(peer: address.host, limit: settings.maxConnections))
            connection.refuse(503, "Too many connections are open; try again later.")
        }
    }

    func connectionDidClose(_ connection: Connection) {
        guard connections.removeValue(forKey: connection.descriptor) != nil else { return }
        connectionCount.add(-1)
        finishDraining()
    }

    /// Stops accepting, closes idle connections, lets exchanges end, and breaks off what is left when the time is up.
    func drain(within limit: Duration, then done: @escaping () -> Void) {
        isDraining = true
        drained = done
        for acceptor in acceptors {
            // Who has connected already is served.
            acceptor.descriptorIsReady(.readable)
            acceptor.close()
        }
        acceptors = []
        for connection in connections.values { connection.beginDraining() }
        loop.schedule(after: limit) { [self] in
            for connection in connections.values { connection.abort(reset: false) }
        }
        finishDraining()
    }

    private func finishDraining() {
        guard isDraining, connections.isEmpty, let done = drained else { return }
        drained = nil
        done()
    }
}

/// A server's connections over all its loops.
final class ConnectionCount: Sendable {
    private let count = Atomic<Int>(0)

    var value: Int { count.load(ordering: .relaxed) }

    @discardableResult
    func add(_ change: Int) -> Int { count.wrappingAdd(change, ordering: .relaxed).newValue }
}
