// The fast way through what makes up nearly all of a metadata document: attributes in their usual forms. Knows neither
// limits nor errors: what it does not recognise, or what is not whole, is read token by token.

/// Recognises members of a DICOM JSON object of attributes (PS3.18 Annex F) in which no URL stands.
///
/// Such a member has a tag for a name, and an object of `vr`, `Value` and `InlineBinary`, each the text, the flat list or
/// the list of person names that belongs there, without escapes. That is a subset of what ``JSONTokenizer`` takes, so
/// that passing over one changes no outcome.
enum PlainElements {
    enum Passed {
        /// One or more whole elements that say nothing of interest.
        case elements
        /// The same, and as the last one an element with a single value that is wanted; its octets.
        case value(DataSetIdentity.Attribute, Range<Int>)
        /// The same, and behind them the brace that opens a sequence's first item.
        case item(tag: UInt32)
    }

    /// What an element opens within its data set: its own braces, the array of values, an item or a person's name.
    static let depth = 3

    /// Passes as many elements as lie one behind the other.
    ///
    /// - Parameters:
    ///   - position: of an element's name, or of white space before it; goes behind what was passed.
    ///   - isTop: whether the elements are a data set's own, not an item's.
    /// - Returns: nil when the first element is not plain.
    static func pass(_ bytes: Span<UInt8>, _ position: inout Int, isTop: Bool) -> Passed? {
        var passed: Passed?
        var next = position
        while let element = element(bytes, &next, isTop: isTop) {
            passed = element
            position = next
            guard case .elements = element, take(UInt8(ascii: ","), bytes, &next) else { break }
        }
        return passed
    }

    private static func element(_ bytes: Span<UInt8>, _ position: inout Int, isTop: Bool) -> Passed? {
        guard take(UInt8(ascii: "\""), bytes, &position), let name = word(bytes, position),
            let tag = Word.hexadecimal(name), tag != JSONDataSetMachine.retrieveURL
        else { return nil }
        position += 8
        guard position < bytes.count, bytes[position] == UInt8(ascii: "\"") else { return nil }
        position += 1
        guard take(UInt8(ascii: ":"), bytes, &position), take(UInt8(ascii: "{"), bytes, &position) else { return nil }
        let attribute = isTop ? DataSetIdentity.Attribute(rawValue: tag) : nil
        var values = Values()
        if take(UInt8(ascii: "}"), bytes, &position) { return .elements }
        while member(bytes, &position, &values) {
            if values.hasItem { return attribute == nil ? .item(tag: tag) : nil }
            if take(UInt8(ascii: "}"), bytes, &position) {
                guard let attribute, values.count > 0 else { return .elements }
                return values.count == 1 ? .value(attribute, values.first) : nil
            }
            guard take(UInt8(ascii: ","), bytes, &position) else { return nil }
        }
        return nil
    }

    // MARK: An element's members

    /// What was found of an element's values.
    private struct Values {
        var count = 0
        /// The first one's octets, without quotes.
        var first = 0..<0
        /// Whether an object that is no person's name has been opened.
        var hasItem = false
    }

    /// `vr"`, the first octet lowest; `Value"`; `InlineBi` and `eBinary"`; `null`.
    private static let vr: UInt64 = 0x22_7276
    private static let value: UInt64 = 0x2265_756C_6156
    private static let inline: UInt64 = 0x6942_656E_696C_6E49
    private static let binary: UInt64 = 0x2279_7261_6E69_4265
    private static let null: UInt64 = 0x6C6C_756E

    private static func member(_ bytes: Span<UInt8>, _ position: inout Int, _ values: inout Values) -> Bool {
        guard take(UInt8(ascii: "\""), bytes, &position), let name = word(bytes, position) else { return false }
        if name & 0xFF_FFFF == vr {
            position += 3
            return take(UInt8(ascii: ":"), bytes, &position) && text(bytes, &position)
        }
        if name & 0xFFFF_FFFF_FFFF == value {
            position += 6
            return take(UInt8(ascii: ":"), bytes, &position) && list(bytes, &position, &values)
        }
        guard name == inline, word(bytes, position + 5) == binary else { return false }
        position += 13
        return take(UInt8(ascii: ":"), bytes, &position) && text(bytes, &position)
    }

    private static func list(_ bytes: Span<UInt8>, _ position: inout Int, _ values: inout Values) -> Bool {
        guard take(UInt8(ascii: "["), bytes, &position) else { return false }
        while value(bytes, &position, &values) {
            values.count += 1
            if values.hasItem || take(UInt8(ascii: "]"), bytes, &position) { return true }
            guard take(UInt8(ascii: ","), bytes, &position) else { return false }
        }
        return false
    }

    private static func value(_ bytes: Span<UInt8>, _ position: inout Int, _ values: inout Values) -> Bool {
        skipSpace(bytes, &position)
        guard position < bytes.count else { return false }
        let start = position
        switch bytes[position] {
        case UInt8(ascii: "\""):
            guard text(bytes, &position) else { return false }
            if values.count == 0 { values.first = start + 1..<position - 1 }
            return true
        case UInt8(ascii: "-"), 0x30...0x39:
            guard number(bytes, &position) else { return false }
            if values.count == 0 { values.first = start..<position }
            return true
        case UInt8(ascii: "{"):
            if personName(bytes, &position) { return true }
            position = start + 1
            values.hasItem = true
            return values.count == 0
        default:
            guard let next = word(bytes, position), next & 0xFFFF_FFFF == null else { return false }
            position += 4
            if values.count == 0 { values.first = start..<position }
            return true
        }
    }

    /// An object of texts.
    private static func personName(_ bytes: Span<UInt8>, _ position: inout Int) -> Bool {
        position += 1
        while true {
            skipSpace(bytes, &position)
            let start = position
            guard text(bytes, &position), position - start <= nameLimit, take(UInt8(ascii: ":"), bytes, &position),
                text(bytes, &position)
            else { return false }
            if take(UInt8(ascii: "}"), bytes, &position) { return true }
            guard take(UInt8(ascii: ","), bytes, &position) else { return false }
        }
    }

    /// Longer than the names of all component groups of a person's name.
    private static let nameLimit = 32

    // MARK: Texts and numbers

    /// A string without escapes, white space before it.
    private static func text(_ bytes: Span<UInt8>, _ position: inout Int) -> Bool {
        guard take(UInt8(ascii: "\""), bytes, &position) else { return false }
        position = JSONText.plainEnd(in: bytes, from: position)
        guard position < bytes.count, bytes[position] == UInt8(ascii: "\"") else { return false }
        position += 1
        return true
    }

    /// RFC 8259 §6.
    private static func number(_ bytes: Span<UInt8>, _ position: inout Int) -> Bool {
        let start = position
        if bytes[position] == UInt8(ascii: "-") { position += 1 }
        let whole = position
        guard digits(bytes, &position), position - whole == 1 || bytes[whole] != UInt8(ascii: "0") else { return false }
        if position < bytes.count, bytes[position] == UInt8(ascii: ".") {
            position += 1
            guard digits(bytes, &position) else { return false }
        }
        if position < bytes.count, bytes[position] | 0x20 == UInt8(ascii: "e") {
            position += 1
            if position < bytes.count, bytes[position] == UInt8(ascii: "+") || bytes[position] == UInt8(ascii: "-") {
                position += 1
            }
            guard digits(bytes, &position) else { return false }
        }
        return position - start <= numberLimit
    }

    /// More digits than any number of DICOM has.
    private static let numberLimit = 64

    private static func digits(_ bytes: Span<UInt8>, _ position: inout Int) -> Bool {
        let start = position
        while position < bytes.count, bytes[position] &- 0x30 < 10 { position += 1 }
        return position > start
    }

    // MARK: Octets

    /// Passes white space and then one octet, if that is the one.
    @inline(__always)
    private static func take(_ byte: UInt8, _ bytes: Span<UInt8>, _ position: inout Int) -> Bool {
        guard position < bytes.count else { return false }
        if bytes[position] != byte {
            skipSpace(bytes, &position)
            guard position < bytes.count, bytes[position] == byte else { return false }
        }
        position += 1
        return true
    }

    @inline(__always)
    private static func skipSpace(_ bytes: Span<UInt8>, _ position: inout Int) {
        while position < bytes.count, JSONTokenizer.isSpace(bytes[position]) { position += 1 }
    }

    /// The eight octets at a place, the first one lowest; nil when fewer are there.
    @inline(__always)
    private static func word(_ bytes: Span<UInt8>, _ position: Int) -> UInt64? {
        position + 8 <= bytes.count ? Word.load(bytes, position) : nil
    }
}
