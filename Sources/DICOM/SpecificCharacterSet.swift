// Text of the character sets that DICOM allows, as Unicode. The segments are found here; iconv knows the tables.

/// What (0008,0005) says of the text in its data set (PS3.3 §C.12.1.1.2, PS3.5 §6.1.2).
package struct SpecificCharacterSet: Hashable, Sendable {
    /// The iconv name of each term, first for what no escape sequence precedes.
    private let encodings: [Encoding]

    /// No term: the default repertoire, read as Latin-1 where it has 8 bits, since that is what it mostly is.
    package static let ascii = SpecificCharacterSet(terms: [])

    /// Unknown terms are read as if they were not there.
    package init(terms: [String]) {
        encodings = terms.compactMap { Encoding(term: $0) }
    }

    /// From the value of a (0008,0005) element.
    package init(value: [UInt8]) {
        let text = String(decoding: value.map { $0 < 0x80 ? $0 : UInt8(ascii: "?") }, as: UTF8.self)
        self.init(terms: text.split(separator: "\\", omittingEmptySubsequences: false).map(String.init))
    }

    /// Characters at which escape sequences are forgotten (PS3.5 §6.1.2.5.3).
    package enum Delimiters: Sendable {
        /// Of text of one value: control characters alone.
        case lines
        /// Of text of several values: also the backslash.
        case values
        /// Of person names: also `^` and `=`.
        case names

        func contains(_ byte: UInt8) -> Bool {
            switch byte {
            case 0x09, 0x0A, 0x0C, 0x0D: true
            case UInt8(ascii: "\\"): self != .lines
            case UInt8(ascii: "^"), UInt8(ascii: "="): self == .names
            default: false
            }
        }
    }

    /// The text of an element's value. A backslash in it is a delimiter: those within multi-byte characters are gone.
    ///
    /// Bytes that mean nothing in the character set come out as U+FFFD.
    package func string(_ bytes: [UInt8], delimiters: Delimiters = .values) -> String {
        if bytes.allSatisfy({ $0 < 0x80 && $0 != 0x1B }) { return String(decoding: bytes, as: UTF8.self) }
        let initial = encodings.first ?? .latin1
        guard encodings.count > 1 || initial.isEscaped || bytes.contains(0x1B) else { return initial.string(bytes) }
        return segments(bytes, initial, delimiters).reduce(into: "") { $0 += $1.encoding.string(Array($1.bytes)) }
    }

    private struct Segment {
        var encoding: Encoding
        var bytes: ArraySlice<UInt8>
    }

    /// Cuts a value at escape sequences and delimiters into runs of one encoding each.
    private func segments(_ bytes: [UInt8], _ initial: Encoding, _ delimiters: Delimiters) -> [Segment] {
        var segments: [Segment] = []
        var encoding = initial
        var start = 0
        var index = 0
        func cut(_ next: Encoding, behind end: Int, resumeAt resume: Int) {
            if start < end { segments.append(Segment(encoding: encoding, bytes: bytes[start..<end])) }
            encoding = next
            start = resume
            index = resume
        }
        while index < bytes.count {
            let byte = bytes[index]
            if byte == 0x1B, let (next, length) = Encoding.escaped(bytes[index...], from: encoding, initial: initial) {
                cut(next, behind: index, resumeAt: index + length)
            } else if delimiters.contains(byte), !(encoding.isMultiByteG0 && byte >= 0x20) {
                cut(initial, behind: index, resumeAt: index)
                index += 1
            } else {
                // Both bytes of a character at once: its second may look like a delimiter.
                index += encoding.isMultiByteG0 ? min(2, bytes.count - index) : 1
            }
        }
        cut(initial, behind: bytes.count, resumeAt: bytes.count)
        return segments
    }
}
