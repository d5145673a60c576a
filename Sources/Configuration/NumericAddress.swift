// Numeric addresses and blocks of them as operators write them, read without asking any name server.
import Glibc

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
