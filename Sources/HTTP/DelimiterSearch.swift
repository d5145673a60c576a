// Finds a multipart delimiter in payload bytes. Knows how a delimiter's line ends, and nothing of parts.

/// Looks for "\r\n--boundary" and the rest of its line (RFC 2046 §5.1.1).
///
/// Most bytes of a payload are skipped unread: from the last octet of the window follows how far the next possible
/// place is (Horspool), so that a long boundary makes the search faster.
struct DelimiterSearch: Sendable {
    enum Match: Equatable {
        /// No delimiter begins in these bytes.
        case none
        /// A delimiter may begin here; more bytes will tell.
        case possible(at: Int)
        /// A delimiter begins at `at`; what follows its line begins at `end`.
        case delimiter(at: Int, end: Int, isClosing: Bool)

        var start: Int? {
            switch self {
            case .none: nil
            case .possible(let start), .delimiter(let start, _, _): start
            }
        }
    }

    /// Blanks tolerated between a delimiter and its line's end.
    private static let paddingLimit = 128

    let pattern: [UInt8]
    private let skips: [Int]

    init(boundary: String) {
        pattern = Array("\r\n--".utf8) + Array(boundary.utf8)
        var skips = [Int](repeating: pattern.count, count: 256)
        for (index, byte) in pattern.dropLast().enumerated() { skips[Int(byte)] = pattern.count - 1 - index }
        self.skips = skips
    }

    /// The first place at or behind `start` where a delimiter is or may be.
    func first(in bytes: Span<UInt8>, from start: Int) -> Match {
        var position = start
        let last = pattern.count - 1
        while position + last < bytes.count {
            let byte = bytes[position + last]
            if byte == pattern[last], holdsPattern(bytes, at: position) {
                let match = match(in: bytes, at: position)
                if match != .none { return match }
            }
            position += skips[Int(byte)]
        }
        position = max(start, bytes.count - last)
        while position < bytes.count {
            if bytes[position] == pattern[0], holdsPattern(bytes, at: position) { return .possible(at: position) }
            position += 1
        }
        return .none
    }

    /// Whether a delimiter is or may be at exactly this place.
    func match(in bytes: Span<UInt8>, at start: Int) -> Match {
        guard start < bytes.count else { return .possible(at: start) }
        guard holdsPattern(bytes, at: start) else { return .none }
        let after = start + pattern.count
        guard after < bytes.count else { return .possible(at: start) }
        if bytes[after] == UInt8(ascii: "-") {
            guard after + 1 < bytes.count else { return .possible(at: start) }
            guard bytes[after + 1] == UInt8(ascii: "-") else { return .none }
            return .delimiter(at: start, end: after + 2, isClosing: true)
        }
        var end = after
        while end < bytes.count, FieldSyntax.isBlank(bytes[end]), end - after < Self.paddingLimit { end += 1 }
        guard end < bytes.count else { return .possible(at: start) }
        guard bytes[end] == UInt8(ascii: "\r") else { return .none }
        guard end + 1 < bytes.count else { return .possible(at: start) }
        guard bytes[end + 1] == UInt8(ascii: "\n") else { return .none }
        return .delimiter(at: start, end: end + 2, isClosing: false)
    }

    /// Compares as far as there are bytes.
    private func holdsPattern(_ bytes: Span<UInt8>, at start: Int) -> Bool {
        for index in 0..<min(pattern.count, bytes.count - start) where bytes[start + index] != pattern[index] {
            return false
        }
        return true
    }
}
