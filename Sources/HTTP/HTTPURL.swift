// Absolute http and https URLs in one normal form, so that two spellings of one place compare equal and an allow list
// can't be passed by spelling. Must not know DICOM, nor which hosts are allowed.

/// An absolute http or https URL without userinfo, normalised (RFC 3986 §6.2.2): lower-case scheme and host, port
/// always known, `%41` decoded where unreserved, dot segments removed (encoded ones too), empty path = "/". A fragment
/// is never sent to a server and is dropped.
package struct HTTPURL: Hashable, Sendable, CustomStringConvertible {
    package let isSecure: Bool
    /// Lower case; an IPv6 address in brackets and in its shortest form (RFC 5952).
    package let host: String
    package let port: Int
    /// Begins with "/"; percent-encoded.
    package let path: String
    /// Without "?"; nil when there is none.
    package let query: String?

    /// The longest text that is read as a URL, in octets.
    package static let sizeLimit = 8 << 10

    /// Nil unless http or https, without userinfo, at most 8 KiB, printable ASCII without spaces, and with a path that
    /// stays where it is even for a server that takes `%2F` or `%5C` for a slash.
    package init?(_ text: some StringProtocol) {
        let bytes = Array(text.utf8)
        guard bytes.count <= Self.sizeLimit else { return nil }
        let rest: ArraySlice<UInt8>
        if let found = bytes.dropping(prefix: "http://") {
            isSecure = false
            rest = found
        } else if let found = bytes.dropping(prefix: "https://") {
            isSecure = true
            rest = found
        } else {
            return nil
        }
        let authorityEnd = rest.firstIndex { "/?#".utf8.contains($0) } ?? rest.endIndex
        guard let authority = Self.parse(authority: rest[..<authorityEnd], isSecure: isSecure),
            let tail = Self.parse(tail: rest[authorityEnd...])
        else { return nil }
        (host, port) = authority
        (path, query) = tail
    }

    private init(isSecure: Bool, host: String, port: Int, path: String, query: String?) {
        self.isSecure = isSecure
        self.host = host
        self.port = port
        self.path = path
        self.query = query
    }

    /// "scheme://host[:port if not the default]path?query"
    package var description: String { origin + target }

    /// "scheme://host[:port]"
    package var origin: String {
        let isDefaultPort = port == (isSecure ? 443 : 80)
        return (isSecure ? "https://" : "http://") + host + (isDefaultPort ? "" : ":\(port)")
    }

    /// The origin-form of a request for this URL: path and query.
    package var target: String { query.map { path + "?" + $0 } ?? path }
}

extension HTTPURL {
    /// Resolves a reference against this URL (RFC 3986 §5.2); nil when the result is not such a URL.
    package func resolving(_ reference: some StringProtocol) -> HTTPURL? {
        let text = Array(reference.utf8)
        guard text.count <= Self.sizeLimit else { return nil }
        if text.starts(with: "//".utf8) { return HTTPURL((isSecure ? "https:" : "http:") + String(reference)) }
        if let mark = text.firstIndex(where: { ":/?#".utf8.contains($0) }), text[mark] == UInt8(ascii: ":") {
            return HTTPURL(reference)
        }
        let whole: [UInt8]
        switch text.first {
        case nil, UInt8(ascii: "#"): return self
        case UInt8(ascii: "/"): whole = text
        case UInt8(ascii: "?"): whole = Array(path.utf8) + text
        default:
            let lastSlash = path.utf8.lastIndex(of: UInt8(ascii: "/")) ?? path.startIndex
            whole = Array(path.utf8.prefix(through: lastSlash)) + text
        }
        guard whole.count <= Self.sizeLimit, let (path, query) = Self.parse(tail: whole[...]) else { return nil }
        return HTTPURL(isSecure: isSecure, host: host, port: port, path: path, query: query)
    }

    /// Whether `other` lies at or under this URL: same scheme, host, port, and this path's whole segments as its
    /// beginning. Queries don't count.
    package func contains(_ other: HTTPURL) -> Bool {
        pathBelow(other) != nil
    }

    /// What stands behind this URL's path in `other`: "" for the same path, else with "/" as its first character; nil
    /// unless `other` lies at or under this URL.
    package func pathBelow(_ other: HTTPURL) -> String? {
        guard isSecure == other.isSecure, port == other.port, host == other.host else { return nil }
        let base = path.hasSuffix("/") ? path.dropLast() : path[...]
        guard other.path.utf8.starts(with: base.utf8) else { return nil }
        let rest = other.path.utf8.dropFirst(base.utf8.count)
        guard rest.isEmpty || rest.first == UInt8(ascii: "/") else { return nil }
        return String(decoding: rest, as: UTF8.self)
    }

    /// This URL with a path behind its own, exactly one slash between them.
    ///
    /// - Parameters:
    ///   - path: percent-encoded; a broken escape is taken literally. Dot segments can't lead above this URL.
    ///   - query: percent-encoded, without "?"; takes the place of this URL's own. Nil keeps that.
    package func appending(path: String, query: String? = nil) -> HTTPURL {
        let base = self.path.hasSuffix("/") ? String(self.path.dropLast()) : self.path
        let text = Self.normalizeAnyway("/" + path.drop { $0 == "/" })
        var below = Self.removingDotSegments(text.flatMap { "?#".utf8.contains($0) ? Self.escape($0) : [$0] })
        if path.isEmpty { below = self.path.hasSuffix("/") ? [UInt8(ascii: "/")] : [] }
        let whole = base + String(decoding: below, as: UTF8.self)
        return HTTPURL(
            isSecure: isSecure, host: host, port: port, path: whole.isEmpty ? "/" : whole,
            query: query.map { String(decoding: Self.normalizeAnyway($0), as: UTF8.self) } ?? self.query)
    }

    private static func escape(_ byte: UInt8) -> [UInt8] {
        Array(PercentCoding.encode(String(UnicodeScalar(byte)), for: .segment).utf8)
    }

    private static func normalizeAnyway(_ text: String) -> [UInt8] {
        PercentCoding.normalize(Array(text.utf8)[...])
            ?? Array(
                text.split(separator: "/", omittingEmptySubsequences: false)
                    .map { PercentCoding.encode($0, for: .queryItem) }.joined(separator: "/").utf8)
    }
}

// MARK: - Parsing

extension HTTPURL {
    private static func parse(authority: ArraySlice<UInt8>, isSecure: Bool) -> (host: String, port: Int)? {
        let hostEnd: Int
        let host: String
        if authority.first == UInt8(ascii: "[") {
            guard let end = authority.firstIndex(of: UInt8(ascii: "]")),
                let address = IPv6Address(authority[(authority.startIndex + 1)..<end])
            else { return nil }
            hostEnd = end + 1
            host = "[\(address)]"
        } else {
            hostEnd = authority.firstIndex(of: UInt8(ascii: ":")) ?? authority.endIndex
            guard let name = parse(name: authority[..<hostEnd]) else { return nil }
            host = name
        }
        let portText = authority[hostEnd...]
        if portText.isEmpty { return (host, isSecure ? 443 : 80) }
        guard portText.first == UInt8(ascii: ":") else { return nil }
        let digits = portText.dropFirst()
        if digits.isEmpty { return (host, isSecure ? 443 : 80) }
        guard digits.count <= 5, digits.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
            let port = Int(String(decoding: digits, as: UTF8.self)), (1...65535).contains(port)
        else { return nil }
        return (host, port)
    }

    /// A host name or IPv4 address. Escapes and the other octets that RFC 3986 would allow name no real host.
    private static func parse(name: ArraySlice<UInt8>) -> String? {
        guard (1...255).contains(name.count) else { return nil }
        var result: [UInt8] = []
        for byte in name {
            switch byte {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"): result.append(byte | 0x20)
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"),
                UInt8(ascii: "."), UInt8(ascii: "_"):
                result.append(byte)
            default: return nil
            }
        }
        return String(decoding: result, as: UTF8.self)
    }

    /// Path, query and fragment as they follow the authority.
    private static func parse(tail: ArraySlice<UInt8>) -> (path: String, query: String?)? {
        let sent = tail.prefix { $0 != UInt8(ascii: "#") }
        let pathText = sent.prefix { $0 != UInt8(ascii: "?") }
        // A raw backslash is a slash for some servers and a plain octet for others: no path may depend on that.
        guard !pathText.contains(UInt8(ascii: "\\")), let path = PercentCoding.normalize(pathText),
            !hidesDotSegments(path)
        else { return nil }
        let clean = removingDotSegments(path.isEmpty ? [UInt8(ascii: "/")] : path)
        let queryText = sent[pathText.endIndex...]
        guard !queryText.isEmpty else { return (String(decoding: clean, as: UTF8.self), nil) }
        guard let query = PercentCoding.normalize(queryText.dropFirst()) else { return nil }
        return (String(decoding: clean, as: UTF8.self), String(decoding: query, as: UTF8.self))
    }

    /// Whether a dot segment appears once `%2F` and `%5C` are read as slashes.
    private static func hidesDotSegments(_ path: [UInt8]) -> Bool {
        guard path.contains(UInt8(ascii: "%")) else { return false }
        let text = String(decoding: path, as: UTF8.self)
        return text.split(separator: "/").contains { segment in
            guard segment.contains("%2F") || segment.contains("%5C") else { return false }
            let pieces = segment.split(separator: "%2F", omittingEmptySubsequences: false)
                .flatMap { $0.split(separator: "%5C", omittingEmptySubsequences: false) }
            return pieces.contains { $0 == "." || $0 == ".." }
        }
    }

    /// RFC 3986 §5.2.4, for a path that begins with "/".
    private static func removingDotSegments(_ path: [UInt8]) -> [UInt8] {
        guard path.contains(UInt8(ascii: ".")) else { return path }
        let segments = path.dropFirst().split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        var kept: [ArraySlice<UInt8>] = []
        for (index, segment) in segments.enumerated() {
            let isDot = segment.elementsEqual(".".utf8)
            let isDotDot = segment.elementsEqual("..".utf8)
            if isDotDot, !kept.isEmpty { kept.removeLast() }
            if !isDot, !isDotDot { kept.append(segment) } else if index == segments.count - 1 { kept.append([]) }
        }
        return [UInt8(ascii: "/")] + Array(kept.joined(separator: [UInt8(ascii: "/")]))
    }
}

extension Array<UInt8> {
    /// What follows an ASCII prefix that is compared without case; nil when the array doesn't begin with it.
    fileprivate func dropping(prefix: String) -> ArraySlice<UInt8>? {
        guard count >= prefix.utf8.count else { return nil }
        let matches = zip(self, prefix.utf8).allSatisfy { byte, expected in
            byte == expected || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) && byte | 0x20 == expected
        }
        return matches ? dropFirst(prefix.utf8.count) : nil
    }
}
