// Range requests for a representation of known length. Must not know where the bytes are.

/// What a Range field asks of a representation (RFC 9110 §14.2).
package enum RangeOutcome: Sendable, Hashable {
    /// Answer with all of it: there is no Range, or one that may be ignored (another unit, bad syntax, several ranges).
    case whole
    /// Answer 206 with these bytes; never empty.
    case part(ByteRange)
    /// Answer 416 with `Content-Range: bytes */length`.
    case unsatisfiable
}

/// One range of a representation.
package struct ByteRange: Sendable, Hashable {
    /// The first byte's offset.
    package let offset: Int64
    /// How many bytes; at least 1.
    package let count: Int64
    /// The length of the whole representation.
    package let completeLength: Int64

    /// The Content-Range field of a 206.
    package var contentRange: String { "bytes \(offset)-\(offset + count - 1)/\(completeLength)" }

    /// The Content-Range field of a 416.
    package static func unsatisfiedContentRange(length: Int64) -> String { "bytes */\(length)" }

    /// Reads a Range field.
    ///
    /// Several ranges are ignored, which a server may do: no viewer of images sends them, and answering them would
    /// nest one multipart in another.
    ///
    /// - Parameter length: of the whole representation, in bytes.
    package static func evaluate(_ field: String?, length: Int64) -> RangeOutcome {
        guard let field, length >= 0, let equals = field.firstIndex(of: "="),
            field[..<equals].lowercased() == "bytes"
        else { return .whole }
        let specification = trimmed(field[field.index(after: equals)...])
        guard !specification.contains(","), let dash = specification.firstIndex(of: "-") else { return .whole }
        let first = trimmed(specification[..<dash])
        let last = trimmed(specification[specification.index(after: dash)...])
        guard isNumber(first), isNumber(last), !(first.isEmpty && last.isEmpty) else { return .whole }
        if first.isEmpty {
            let wanted = min(number(last), length)
            guard wanted > 0 else { return .unsatisfiable }
            return .part(ByteRange(offset: length - wanted, count: wanted, completeLength: length))
        }
        let start = number(first)
        let end = last.isEmpty ? Int64.max : number(last)
        guard start <= end else { return .whole }
        guard start < length else { return .unsatisfiable }
        return .part(ByteRange(offset: start, count: min(end, length - 1) - start + 1, completeLength: length))
    }

    private static func trimmed(_ text: Substring) -> Substring {
        var text = text
        while let first = text.utf8.first, FieldSyntax.isBlank(first) { text.removeFirst() }
        while let last = text.utf8.last, FieldSyntax.isBlank(last) { text.removeLast() }
        return text
    }

    private static func isNumber(_ text: Substring) -> Bool {
        text.utf8.allSatisfy { (0x30...0x39).contains($0) }
    }

    /// Digits as a number; one that is too large is larger than every representation.
    private static func number(_ digits: Substring) -> Int64 { Int64(digits) ?? .max }
}
