// One listening socket on one loop.
import CLinux
import EventLoop
import Glibc

/// Accepts connections, and pauses when the system has no descriptors or memory left: a level-triggered loop would spin otherwise.
final class Acceptor: DescriptorHandler {
    private static let pause = Duration.milliseconds(250)
    /// Connections accepted before others' turn comes.
    private static let mostPerTurn = 64

    private let descriptor: Int32
    private let server: LoopServer
    private let tls: TLSContext?
    private var isClosed = false

    init(descriptor: Int32, server: LoopServer, tls: TLSContext?) {
        self.descriptor = descriptor
        self.server = server
        self.tls = tls
    }

    func start() {
        do throws(SystemError) { try server.loop.register(descriptor, for: .readable, handler: self) } catch {
            server.log(.acceptPaused(error))
            close()
        }
    }

    func descriptorIsReady(_ readiness: Readiness) {
        for _ in 0..<Self.mostPerTurn where !isClosed {
            var result: Int32 = 0
            let address = unsafe SocketAddress(filledBy: { unsafe clinux_accept(descriptor, $0, $1) }, result: &result)
            if result >= 0 {
                server.accept(result, from: address, tls: tls)
                continue
            }
            let code = clinux_errno()
            switch code {
            case EAGAIN: return
            case EMFILE, ENFILE, ENOBUFS, ENOMEM: return pauseAccepting(SystemError(call: "accept4", code: code))
            // ECONNABORTED and the network errors of accept(2) concern one connection that is no more.
            default: continue
            }
        }
    }

    private func pauseAccepting(_ error: SystemError) {
        server.log(.acceptPaused(error))
        watch([])
        server.loop.schedule(after: Self.pause) { [weak self] in self?.watch(.readable) }
    }

    private func watch(_ readiness: Readiness) {
        guard !isClosed else { return }
        do throws(SystemError) { try server.loop.modify(descriptor, for: readiness) } catch {
            server.log(.acceptPaused(error))
        }
    }

    func close() {
        guard !isClosed else { return }
        isClosed = true
        server.loop.deregister(descriptor)
        Glibc.close(descriptor)
    }
}
