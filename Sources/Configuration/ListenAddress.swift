// Numeric addresses as operators write them, read without asking any name server.
import Glibc

/// A numeric address and a port to listen on.
package struct ListenAddress: Sendable, Hashable, CustomStringConvertible {
    /// Without brackets: "127.0.0.1", "::1".
    package let host: String
    /// 0: the kernel chooses.
    package let port: UInt16

    package init(host: String, port: UInt16) {
        self.host = host
        self.port = port
    }

    package var isLoopback: Bool { host.hasPrefix("127.") || host == "::1" }

    package var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }

    static func read(_ text: String) throws(ValueError) -> ListenAddress {
        let wrong = ValueError(
            "\(quoted(text)) is not a numeric address and port, such as 127.0.0.1:8080, 0.0.0.0:8080 or [::]:8080")
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]) else {
            throw wrong
        }
        var host = text[..<colon]
        if host == "localhost" { return ListenAddress(host: "127.0.0.1", port: port) }
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = host.dropFirst().dropLast()
            guard isIPv6(String(host)) else { throw wrong }
        } else {
            guard isIPv4(String(host)) else { throw wrong }
        }
        return ListenAddress(host: String(host), port: port)
    }
}

func isIPv4(_ text: String) -> Bool {
    var address = in_addr()
    // inet_pton writes one in_addr.
    return unsafe inet_pton(AF_INET, text, &address) == 1
}

func isIPv6(_ text: String) -> Bool {
    var address = in6_addr()
    // inet_pton writes one in6_addr.
    return unsafe inet_pton(AF_INET6, text, &address) == 1
}

/// "10.0.0.0/8", "fd00::/8" or a single address.
func isAddressOrBlock(_ text: String) -> Bool {
    let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
    let address = String(parts[0])
    guard isIPv4(address) || isIPv6(address) else { return false }
    guard parts.count == 2 else { return true }
    guard let bits = Int(parts[1]), !parts[1].hasPrefix("+") else { return false }
    return (0...(isIPv4(address) ? 32 : 128)).contains(bits)
}
