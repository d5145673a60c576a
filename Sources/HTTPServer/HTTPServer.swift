// A server over all loops: listening, counting, draining. Knows nothing of what requests mean.
package import EventLoop
import Glibc
import Synchronization

/// Serves HTTP/1.1 and HTTP/1.0, plain or over TLS, on every loop of a group.
///
/// Each loop has a listening socket of its own on each address (SO_REUSEPORT); a connection stays on the loop that accepted it.
package final class HTTPServer: Sendable {
    private let parts: [LoopServer]
    private let count = ConnectionCount()

    /// - Parameters:
    ///   - handler: called on the loops, for each request.
    ///   - log: called on the loops, for what happens beside requests.
    package init(
        loops: EventLoopGroup, settings: HTTPServerSettings = HTTPServerSettings(), handler: any RequestHandler,
        log: @escaping @Sendable (ServerEvent) -> Void = { _ in }
    ) {
        let count = count
        parts = loops.loops.map {
            LoopServer(loop: $0, settings: settings, handler: handler, connectionCount: count, log: log)
        }
    }

    /// Open connections over all loops.
    package var connectionCount: Int { count.value }

    /// Listens on every address that the host stands for. Blocks while the resolver is asked.
    ///
    /// - Parameter tls: nil for plain HTTP.
    /// - Returns: the numeric addresses, with the port that the system chose if 0 was asked: one port for all of them.
    /// - Throws: ``ListenError``; nothing is listened on then.
    @discardableResult
    package func listen(on address: ListenAddress, tls: TLSContext? = nil) throws(ListenError) -> [SocketAddress] {
        let candidates = try address.resolve()
        var opened: [[ListeningSocket]] = []
        do throws(SystemError) {
            for candidate in candidates {
                let port = address.port == 0 ? opened.first?.first?.address.port : nil
                opened.append(
                    try ListeningSocket.open(on: port.map(candidate.with(port:)) ?? candidate, count: parts.count))
            }
        } catch {
            for socket in opened.joined() { close(socket.descriptor) }
            throw ListenError(address: address, reason: error.description)
        }
        for sockets in opened {
            for (part, socket) in zip(parts, sockets) { part.loop.execute { part.add(socket, tls: tls) } }
        }
        return opened.compactMap(\.first?.address)
    }

    /// Stops accepting, closes idle connections, and waits for exchanges to end; their answers say `Connection: close`.
    ///
    /// - Parameter limit: what is not done by then is broken off.
    package func drain(within limit: Duration) async {
        let left = Countdown(parts.count)
        await withCheckedContinuation { continuation in
            for part in parts {
                part.loop.execute {
                    part.drain(within: limit) { if left.isLast() { continuation.resume() } }
                }
            }
        }
    }
}

private final class Countdown: Sendable {
    private let left: Atomic<Int>

    init(_ count: Int) { left = Atomic(count) }

    func isLast() -> Bool { left.wrappingSubtract(1, ordering: .acquiringAndReleasing).newValue == 0 }
}
