// What a proxy in front says about the client's request. Must not know which proxies are trusted: the caller asks only
// for those.

/// The origin that the client used, as the nearest proxy reports it.
///
/// Where several proxies added elements, only the last counts: it was written by the peer itself, while those before
/// it may be the client's own invention.
///
/// Spec: RFC 7239.
package struct Forwarded: Sendable, Hashable {
    /// As in a Host field, lower case: "images.example.org", "h:8080", "[::1]:80".
    package var host: String?
    /// Whether the client came by https; nil when nobody says.
    package var isSecure: Bool?

    /// Reads `Forwarded`, and when there is none, `X-Forwarded-Host` and `X-Forwarded-Proto`. What is not a host or a
    /// scheme is left out.
    package init(_ fields: HTTPFields) {
        var host: String?
        var scheme: String?
        if let line = fields.values("Forwarded").last {
            let element = Self.split(line, at: ",").last ?? ""
            for pair in Self.split(element, at: ";") {
                guard let equals = pair.firstIndex(of: "=") else { continue }
                let value = Self.unquoted(Self.trimmed(pair[pair.index(after: equals)...]))
                switch Self.trimmed(pair[..<equals]).lowercased() {
                case "host": host = value
                case "proto": scheme = value
                default: break
                }
            }
        } else {
            host = Self.last(fields.values("X-Forwarded-Host"))
            scheme = Self.last(fields.values("X-Forwarded-Proto"))
        }
        self.host = host.flatMap(Self.host)
        switch scheme?.lowercased() {
        case "https": isSecure = true
        case "http": isSecure = false
        default: isSecure = nil
        }
    }

    /// A Host field's value in lower case; nil when it is none, so that it may stand in a URL that we write.
    package static func host(_ text: String) -> String? {
        guard text.utf8.count <= 300, !text.utf8.contains(where: { "/?#@\\".utf8.contains($0) }),
            let url = HTTPURL("http://\(text)/")
        else { return nil }
        return text.hasSuffix(":\(url.port)") ? "\(url.host):\(url.port)" : url.host
    }

    private static func last(_ lines: [String]) -> String? {
        lines.last.flatMap { split($0, at: ",").last }.map { trimmed($0[...]) }
    }

    /// Splits outside double quotes.
    private static func split(_ text: String, at separator: Character) -> [String] {
        var pieces = [""]
        var isQuoted = false
        var isEscaped = false
        for character in text {
            if character == separator, !isQuoted {
                pieces.append("")
                continue
            }
            if character == "\"", !isEscaped { isQuoted.toggle() }
            isEscaped = isQuoted && character == "\\" && !isEscaped
            pieces[pieces.count - 1].append(character)
        }
        return pieces
    }

    private static func unquoted(_ text: String) -> String {
        guard text.utf8.count >= 2, text.hasPrefix("\""), text.hasSuffix("\"") else { return text }
        var result = ""
        var isEscaped = false
        for character in text.dropFirst().dropLast() {
            if character == "\\", !isEscaped {
                isEscaped = true
            } else {
                result.append(character)
                isEscaped = false
            }
        }
        return result
    }

    private static func trimmed(_ text: some StringProtocol) -> String {
        let bytes = Array(text.utf8)
        let start = bytes.firstIndex { !FieldSyntax.isBlank($0) } ?? bytes.endIndex
        let end = bytes.lastIndex { !FieldSyntax.isBlank($0) }.map { $0 + 1 } ?? start
        return String(decoding: bytes[start..<end], as: UTF8.self)
    }
}
