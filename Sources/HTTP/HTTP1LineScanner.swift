// Finds the empty line that ends a head or a trailer section in bytes that arrive piece by piece. Knows lines, not fields.

/// Looks at each byte once however the input is split, and refuses at once what no line of HTTP/1 may hold.
///
/// RFC 9112 §2.2 lets a server take a bare LF for a line end. This one does not: whoever stands before us may not, and two
/// readings of one head are how requests are smuggled.
struct HTTP1LineScanner {
    /// Bytes examined so far.
    private(set) var position = 0
    private var lineStart = 0
    private var lines = 0

    /// The bytes up to and with the empty line, or nil while it has not come.
    ///
    /// - Parameters:
    ///   - input: what has arrived, always from the same first byte on.
    ///   - firstLine: how long the first line may be with its end; zero means that it may be the empty one.
    ///   - size, lineCount: bounds of the whole; the first and the empty line count only in `size`.
    mutating func end(
        in input: Span<UInt8>, firstLine: Int, size: Int, lineCount: Int
    ) throws(HTTP1Error) -> Int? {
        while true {
            let isFirst = lines == 0 && firstLine > 0
            let limit = isFirst ? min(firstLine, size) : size
            let known = min(input.count, limit)
            while position < known, FieldSyntax.isValue(input[position]) { position += 1 }
            if position >= limit {
                throw HTTP1Error(isFirst && limit == firstLine ? .requestLineTooLong : .headTooLarge, at: position)
            }
            guard position < input.count else { return nil }
            switch input[position] {
            case 0x0A: throw HTTP1Error(.bareLineFeed, at: position)
            case 0x0D: break
            default: throw HTTP1Error(.controlCharacter, at: position)
            }
            guard position + 1 < limit else {
                throw HTTP1Error(isFirst && limit == firstLine ? .requestLineTooLong : .headTooLarge, at: position)
            }
            guard position + 1 < input.count else { return nil }
            if input[position + 1] != 0x0A { throw HTTP1Error(.bareCarriageReturn, at: position) }
            let isEmpty = position == lineStart
            position += 2
            if isEmpty { return position }
            lineStart = position
            lines += 1
            if lines > lineCount + (firstLine > 0 ? 1 : 0) { throw HTTP1Error(.tooManyFields, at: position) }
        }
    }
}
