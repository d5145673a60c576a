// Sockets that wait for connections. Knows the kernel's options for them, not what is done with a connection.
import CLinux
import EventLoop
import Glibc

/// A bound, listening, non-blocking socket. Whoever takes `descriptor` must close it.
struct ListeningSocket {
    let descriptor: Int32
    /// With the port that the system chose, where 0 was asked.
    let address: SocketAddress

    /// Opens `count` sockets on one address, for as many loops: the kernel spreads connections over them (SO_REUSEPORT).
    ///
    /// - Throws: ``SystemError``; none stays open then.
    static func open(on address: SocketAddress, count: Int) throws(SystemError) -> [ListeningSocket] {
        var sockets: [ListeningSocket] = []
        do throws(SystemError) {
            // The first settles the port for the others.
            let first = try ListeningSocket(address)
            sockets.append(first)
            for _ in 1..<max(1, count) { sockets.append(try ListeningSocket(first.address)) }
            return sockets
        } catch {
            for socket in sockets { close(socket.descriptor) }
            throw error
        }
    }

    private init(_ address: SocketAddress) throws(SystemError) {
        let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        let descriptor = try system("socket") { socket(address.family, kind, 0) }
        do throws(SystemError) {
            try Self.set(descriptor, SOL_SOCKET, SO_REUSEADDR)
            try Self.set(descriptor, SOL_SOCKET, SO_REUSEPORT)
            // Accepted sockets inherit it.
            try Self.set(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY)
            // 0.0.0.0 and [::] are two addresses that may both be listed.
            if address.family == AF_INET6 { try Self.set(descriptor, Int32(IPPROTO_IPV6), IPV6_V6ONLY) }
            try system("bind") { unsafe address.withPointer { unsafe bind(descriptor, $0, $1) } }
            try system("listen") { listen(descriptor, 4096) }
            var result: Int32 = 0
            self.address = unsafe SocketAddress(filledBy: { unsafe getsockname(descriptor, $0, $1) }, result: &result)
            try system("getsockname") { result }
        } catch {
            close(descriptor)
            throw error
        }
        self.descriptor = descriptor
    }

    private static func set(_ descriptor: Int32, _ level: Int32, _ option: Int32) throws(SystemError) {
        var on: Int32 = 1
        let size = socklen_t(MemoryLayout<Int32>.size)
        try system("setsockopt") { unsafe setsockopt(descriptor, level, option, &on, size) }
    }
}
