// Under which URL a client sees the gateway: nothing else may ever stand in a document that it gets.
package import HTTP

/// The gateway's public address for one request.
package enum BaseURL {
    /// The origin ("https://images.example.org") for a request.
    ///
    /// - Parameters:
    ///   - host: the Host field's value.
    ///   - forwarded: what the proxy in front says; only given when the peer is a trusted proxy.
    /// - Throws: ``Problem`` 421 when the host is not one of ours.
    package static func origin(
        settings: GatewaySettings, host: String?, forwarded: Forwarded?, isSecure: Bool
    ) throws(Problem) -> String {
        if let publicURL = settings.publicURL { return publicURL.origin }
        let name = forwarded?.host ?? host ?? ""
        let scheme = forwarded?.isSecure ?? isSecure ? "https" : "http"
        guard let name = Forwarded.host(name), let url = HTTPURL("\(scheme)://\(name)/") else {
            throw Problem(status: 400, "The Host field is no host name.")
        }
        guard settings.allowedHosts.contains(where: { $0.lowercased() == url.host }) else {
            throw Problem(
                status: 421,
                "This gateway does not answer under the host name that was asked for. Its operator can add the name to "
                    + "allowed_hosts or set public_url.")
        }
        return url.origin
    }
}

/// An IPv4 or IPv6 block in CIDR notation, or one address.
package struct AddressBlock: Sendable, Hashable {
    private let bytes: [UInt8]
    private let bits: Int

    /// Nil unless the text is an address, or an address with a prefix length that fits it.
    package init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count <= 2, let bytes = Self.parse(String(parts[0])) else { return nil }
        var bits = bytes.count * 8
        if parts.count == 2 {
            guard let length = Int(parts[1]), (0...bits).contains(length) else { return nil }
            bits = length
        }
        self.bytes = bytes
        self.bits = bits
    }

    package func contains(_ address: String) -> Bool {
        guard let other = Self.parse(address), other.count == bytes.count else { return false }
        for bit in 0..<bits where (bytes[bit / 8] ^ other[bit / 8]) & (0x80 >> UInt8(bit % 8)) != 0 { return false }
        return true
    }

    private static func parse(_ text: String) -> [UInt8]? {
        if text.contains(":") { return parseIPv6(text) }
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        let bytes = parts.compactMap { part in part.utf8.allSatisfy { (48...57).contains($0) } ? UInt8(part) : nil }
        return bytes.count == 4 ? bytes : nil
    }

    private static func parseIPv6(_ text: String) -> [UInt8]? {
        // An IPv4-mapped address is compared as the IPv4 address that it is.
        if text.lowercased().hasPrefix("::ffff:"), text.contains(".") { return parse(String(text.dropFirst(7))) }
        let halves = text.components(splitBy: "::")
        guard halves.count <= 2 else { return nil }
        guard let head = groups(halves[0]), let tail = groups(halves.count == 2 ? halves[1] : "") else { return nil }
        let missing = 8 - head.count - tail.count
        guard halves.count == 2 ? missing >= 1 : missing == 0 else { return nil }
        return (head + [UInt16](repeating: 0, count: missing) + tail).flatMap { [UInt8($0 >> 8), UInt8($0 & 0xFF)] }
    }

    private static func groups(_ text: String) -> [UInt16]? {
        if text.isEmpty { return [] }
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        let groups = parts.compactMap { $0.count <= 4 ? UInt16($0, radix: 16) : nil }
        return groups.count == parts.count ? groups : nil
    }
}

extension String {
    /// The pieces between occurrences of a separator of two characters.
    fileprivate func components(splitBy separator: String) -> [String] {
        var pieces: [String] = []
        var rest = Substring(self)
        while let range = rest.firstRange(of: separator) {
            pieces.append(String(rest[..<range.lowerBound]))
            rest = rest[range.upperBound...]
        }
        pieces.append(String(rest))
        return pieces
    }
}
