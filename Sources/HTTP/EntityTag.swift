// Entity tags: their syntax and their two comparisons. Must not know how tags are made.

/// An entity tag (RFC 9110 §8.8.3).
package struct EntityTag: Hashable, Sendable, CustomStringConvertible {
    package let isWeak: Bool
    /// Between the quotes.
    package let opaque: String

    /// - Parameter opaque: printable characters without quotes; others are left out.
    package init(opaque: String, isWeak: Bool = false) {
        self.isWeak = isWeak
        self.opaque = String(decoding: opaque.utf8.filter(Self.isAllowed), as: UTF8.self)
    }

    /// Nil unless the text is one tag exactly.
    package init?(_ text: some StringProtocol) {
        let found = Self.list(String(text))
        guard found.tags.count == 1, found.isClean else { return nil }
        self = found.tags[0]
    }

    package var description: String { (isWeak ? "W/\"" : "\"") + opaque + "\"" }

    /// Whether both are strong and equal: for ranges and for changes.
    package func stronglyMatches(_ other: EntityTag) -> Bool { !isWeak && !other.isWeak && opaque == other.opaque }

    /// Whether both name equivalent representations: for caches.
    package func weaklyMatches(_ other: EntityTag) -> Bool { opaque == other.opaque }

    private static func isAllowed(_ byte: UInt8) -> Bool { byte > 0x20 && byte != 0x22 && byte != 0x7F }

    /// The tags of a comma-separated list; `isClean` is false when something else stands between them.
    static func list(_ text: String) -> (tags: [EntityTag], isClean: Bool) {
        var tags: [EntityTag] = []
        var isClean = true
        var rest = Substring(text)
        while let first = rest.first {
            if first == " " || first == "\t" || first == "," {
                rest.removeFirst()
                continue
            }
            let isWeak = rest.hasPrefix("W/\"")
            let body = isWeak ? rest.dropFirst(2) : rest
            guard body.first == "\"", let end = body.dropFirst().firstIndex(of: "\"") else {
                isClean = false
                rest = rest.drop { $0 != "," }
                continue
            }
            let opaque = body[body.index(after: body.startIndex)..<end]
            if opaque.utf8.allSatisfy(isAllowed) {
                tags.append(EntityTag(opaque: String(opaque), isWeak: isWeak))
            } else {
                isClean = false
            }
            rest = body[body.index(after: end)...]
        }
        return (tags, isClean)
    }
}
