// The head of one part of a multipart body: where it ends, and its fields. Knows bytes only.

/// The head of one part: lines up to an empty one.
enum PartHead {
    /// The place behind the empty line; nil when it hasn't come. Bare line feeds count as line ends here, since the
    /// heads of parts are written by hand in many servers.
    static func end(in bytes: Span<UInt8>, from start: Int, searched: Int) -> Int? {
        var position = searched
        while position < bytes.count {
            if bytes[position] == UInt8(ascii: "\n"), isBlankLine(bytes, endingAt: position, from: start) {
                return position + 1
            }
            position += 1
        }
        return nil
    }

    private static func isBlankLine(_ bytes: Span<UInt8>, endingAt end: Int, from start: Int) -> Bool {
        var before = end - 1
        if before >= start, bytes[before] == UInt8(ascii: "\r") { before -= 1 }
        return before < start || bytes[before] == UInt8(ascii: "\n")
    }

    /// The value of a Content-Length field; nil when it is none.
    static func length(_ text: String) -> Int? {
        guard (1...18).contains(text.utf8.count), text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
            return nil
        }
        return Int(text)
    }

    /// Folded lines are joined (RFC 5322 §2.2.3); lines without a colon say nothing.
    static func fields(in bytes: Span<UInt8>) -> HTTPFields {
        var lines: [String] = []
        for line in bytes.copied.split(separator: UInt8(ascii: "\n")) {
            let line = line.last == UInt8(ascii: "\r") ? line.dropLast() : line
            let text = String(decoding: line, as: UTF8.self)
            if let first = line.first, FieldSyntax.isBlank(first), !lines.isEmpty {
                lines[lines.count - 1] += " " + text.drop { $0 == " " || $0 == "\t" }
            } else {
                lines.append(text)
            }
        }
        var fields = HTTPFields()
        for line in lines {
            guard let colon = line.firstIndex(of: ":") else { continue }
            var name = line[..<colon]
            while let last = name.last, last == " " || last == "\t" { name.removeLast() }
            fields.append(String(name), String(line[line.index(after: colon)...]))
        }
        return fields
    }
}
