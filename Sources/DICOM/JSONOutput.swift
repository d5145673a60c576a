// The bytes of a DICOM JSON document as they grow: commas, nesting, escapes. Knows no data set.

/// A buffer that JSON is appended to.
struct JSONOutput: ModelOutput {
    var bytes: [UInt8] = []
    /// For each object or array that is open: whether nothing stands in it yet.
    private var isEmpty: [Bool] = []

    private static let hexDigits = Array("0123456789abcdef".utf8)
    private static let capitalHexDigits = Array("0123456789ABCDEF".utf8)
    /// What stands between an element's tag and its VR.
    private static let vrMember = Array("\":{\"vr\":\"".utf8)

    mutating func beginDocument() { begin() }
    mutating func endDocument() { end() }

    /// JSON has no place for a creator: its element stands in the document, and blocks are kept.
    mutating func beginElement(_ tag: Tag, _ vr: VR, creator: String?) {
        comma()
        bytes.append(UInt8(ascii: "\""))
        for shift in stride(from: UInt32(28), through: 0, by: -4) {
            bytes.append(JSONOutput.capitalHexDigits[Int(tag.rawValue >> shift & 15)])
        }
        bytes += JSONOutput.vrMember
        bytes.append(UInt8(truncatingIfNeeded: vr.rawValue >> 8))
        bytes.append(UInt8(truncatingIfNeeded: vr.rawValue))
        bytes.append(UInt8(ascii: "\""))
    }

    mutating func endElement() { raw("}") }

    mutating func bulkData(_ url: String, of element: DataSetReader.Element, at path: ElementPath) {
        raw(",\"BulkDataURI\":\"\(url)\"")
    }

    /// An empty sequence has no `Value`.
    mutating func beginItems() { isEmpty.append(true) }

    mutating func beginItem(_ number: Int) {
        if isEmpty[isEmpty.count - 1] { raw(",\"Value\":[") }
        comma()
        begin()
    }

    mutating func endItem() { end() }

    mutating func endItems() {
        if !isEmpty.removeLast() { raw("]") }
    }

    private mutating func begin() {
        raw("{")
        isEmpty.append(true)
    }

    private mutating func end() {
        raw("}")
        isEmpty.removeLast()
    }

    private mutating func comma() {
        if !isEmpty[isEmpty.count - 1] { raw(",") }
        isEmpty[isEmpty.count - 1] = false
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
}
