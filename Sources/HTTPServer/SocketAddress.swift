// Addresses of sockets as the kernel has them, and the text of addresses to listen on. Opens no sockets.
import CLinux
import Glibc

/// A numeric IPv4 or IPv6 address with its port.
package struct SocketAddress: Sendable, CustomStringConvertible {
    private var storage: sockaddr_storage
    private var length: socklen_t

    /// Copies an address that the resolver made.
    init(copying address: UnsafePointer<sockaddr>, length: socklen_t) {
        storage = sockaddr_storage()
        self.length = min(length, socklen_t(MemoryLayout<sockaddr_storage>.size))
        let count = Int(self.length)
        // The resolver vouches for `length` bytes; the storage has room for `count`.
        unsafe withUnsafeMutableBytes(of: &storage) {
            unsafe $0.copyMemory(from: UnsafeRawBufferPointer(start: address, count: count))
        }
    }

    /// Fills an address by a call such as `getsockname` or `accept`.
    init(
        filledBy call: (UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> Int32, result: inout Int32
    ) {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        // sockaddr_storage has the size and alignment of every sockaddr.
        result = unsafe withUnsafeMutablePointer(to: &storage) {
            unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe call($0, &length) }
        }
        self.storage = storage
        self.length = length
    }

    var family: Int32 { Int32(storage.ss_family) }

    func withPointer<Value>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Value) -> Value {
        // As above; the pointer lives as long as the closure.
        unsafe withUnsafePointer(to: storage) {
            unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe body($0, length) }
        }
    }

    /// The numeric address without port: "127.0.0.1", "::1".
    package var host: String { names.host }

    package var port: UInt16 { UInt16(names.port) ?? 0 }

    func with(port: UInt16) -> SocketAddress {
        var copy = self
        // sin_port and sin6_port stand at the same place, behind the family.
        unsafe withUnsafeMutableBytes(of: &copy.storage) {
            unsafe $0.storeBytes(of: port.bigEndian, toByteOffset: 2, as: UInt16.self)
        }
        return copy
    }

    /// "127.0.0.1:80", "[::1]:80".
    package var description: String {
        let (host, port) = names
        return host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    }

    private var names: (host: String, port: String) {
        var host = [CChar](repeating: 0, count: Int(NI_MAXHOST))
        var port = [CChar](repeating: 0, count: Int(NI_MAXSERV))
        let result = unsafe withPointer { address, length in
            unsafe getnameinfo(
                address, length, &host, socklen_t(host.count), &port, socklen_t(port.count),
                NI_NUMERICHOST | NI_NUMERICSERV)
        }
        guard result == 0 else { return ("", "0") }
        return (text(host), text(port))
    }

    private func text(_ characters: [CChar]) -> String {
        String(decoding: characters.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}

/// A place to listen on as an operator writes it: "127.0.0.1:8080", "[::1]:8080", "localhost:8080", "0.0.0.0:0".
package struct ListenAddress: Sendable, Hashable, CustomStringConvertible {
    /// A numeric address (IPv6 without brackets) or a host name.
    package let host: String
    /// 0 lets the system choose.
    package let port: UInt16

    package init(host: String, port: UInt16) {
        self.host = host
        self.port = port
    }

    /// Nil unless it is "host:port", an IPv6 address in brackets.
    package init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]) else {
            return nil
        }
        var host = text[..<colon]
        if host.first == "[", host.last == "]" {
            host = host.dropFirst().dropLast()
            guard host.contains(":") else { return nil }
        } else if host.contains(where: { $0 == ":" || $0 == "[" || $0 == "]" }) {
            return nil
        }
        guard !host.isEmpty, !host.contains(where: { $0.isWhitespace || $0 == "/" || $0 == "@" }) else { return nil }
        self.init(host: String(host), port: port)
    }

    /// Whether nobody outside this machine can reach it, as far as the text tells.
    package var isLoopback: Bool {
        if host.lowercased() == "localhost" || host == "::1" { return true }
        var address = in_addr()
        return unsafe inet_pton(AF_INET, host, &address) == 1 && UInt32(bigEndian: address.s_addr) >> 24 == 127
    }

    package var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }

    /// Asks the resolver; blocks.
    ///
    /// - Throws: ``ListenError`` when the name is not known.
    func resolve() throws(ListenError) -> [SocketAddress] {
        var hints = unsafe addrinfo()
        unsafe hints.ai_family = AF_UNSPEC
        unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        unsafe hints.ai_flags = AI_PASSIVE
        var list: UnsafeMutablePointer<addrinfo>?
        let result = unsafe getaddrinfo(host, String(port), &hints, &list)
        guard result == 0 else {
            throw ListenError(address: self, reason: unsafe String(cString: gai_strerror(result)))
        }
        defer { unsafe freeaddrinfo(list) }
        var addresses: [SocketAddress] = []
        var next = unsafe list
        while let entry = unsafe next {
            if let address = unsafe entry.pointee.ai_addr {
                unsafe addresses.append(SocketAddress(copying: address, length: entry.pointee.ai_addrlen))
            }
            unsafe next = entry.pointee.ai_next
        }
        return addresses
    }
}

/// An address that cannot be listened on.
package struct ListenError: Error, CustomStringConvertible {
    package let address: ListenAddress
    package let reason: String

    package var description: String { "cannot listen on \(address): \(reason)" }
}
