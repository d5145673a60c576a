// The bytes of a DICOM JSON document as they grow: commas, nesting, escapes, base64. Knows no data set.

/// A buffer that JSON is appended to.
struct JSONOutput {
    static let pieceLength = 64 << 10

    private var bytes: [UInt8] = []
    /// For each object or array that is open: the last key, and whether anything stands in it yet.
    private var open: [(last: Tag?, isEmpty: Bool)] = []

    private static let hexDigits = Array("0123456789abcdef".utf8)
    private static let base64Digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    mutating func flush(to sink: ([UInt8]) throws -> Void, above length: Int) throws {
        guard bytes.count > length else { return }
        let piece = bytes
        bytes = []
        try sink(piece)
    }

    mutating func raw(_ text: String) { bytes += text.utf8 }

    mutating func begin(_ bracket: String) {
        raw(bracket)
        open.append((nil, true))
    }

    mutating func end(_ bracket: String) {
        raw(bracket)
        open.removeLast()
    }

    /// Whether a tag is not the one just written: a data set that has one twice would make an ambiguous object.
    func isNew(_ tag: Tag) -> Bool { open.last?.last != tag }

    mutating func key(_ tag: Tag) {
        comma()
        open[open.count - 1].last = tag
        raw("\"\(tag.hex)\":")
    }

    mutating func comma() {
        if !open[open.count - 1].isEmpty { raw(",") }
        open[open.count - 1].isEmpty = false
    }

    /// The items of a sequence, whose key and VR are written: an empty one has no `Value`.
    mutating func beginItems() { open.append((nil, true)) }

    mutating func beginItem() {
        if open[open.count - 1].isEmpty { raw(",\"Value\":[") }
        comma()
        begin("{")
    }

    mutating func endItems() {
        let isEmpty = open.removeLast().isEmpty
        raw(isEmpty ? "}" : "]}")
    }

    mutating func string(_ text: some StringProtocol) {
        bytes.append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"):
                bytes.append(UInt8(ascii: "\\"))
                bytes.append(byte)
            case 0x0A: raw("\\n")
            case 0x0D: raw("\\r")
            case 0x09: raw("\\t")
            case 0..<0x20, 0x7F:
                raw("\\u00")
                bytes.append(JSONOutput.hexDigits[Int(byte >> 4)])
                bytes.append(JSONOutput.hexDigits[Int(byte & 15)])
            default: bytes.append(byte)
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }

    mutating func base64(_ value: [UInt8]) {
        for start in stride(from: 0, to: value.count, by: 3) {
            let count = min(3, value.count - start)
            var group = UInt32(value[start]) << 16
            if count > 1 { group |= UInt32(value[start + 1]) << 8 }
            if count > 2 { group |= UInt32(value[start + 2]) }
            for digit in 0..<4 {
                let isPadding = digit > count
                let index = Int(group >> UInt32(18 - 6 * digit) & 63)
                bytes.append(isPadding ? UInt8(ascii: "=") : JSONOutput.base64Digits[index])
            }
        }
    }
}
