// The grammar of JSON over bytes that arrive in any pieces. Must not know DICOM.

/// Walks over JSON text (RFC 8259) and stops at everything that means something. Holds no text of its own, save the literal
/// that it is in.
struct JSONTokenizer {
    enum Token: Equatable {
        case beginObject, endObject, beginArray, endArray, comma, colon
        /// The opening quote was passed.
        case beginString(isKey: Bool)
        /// The closing quote was passed.
        case endString(isKey: Bool)
        /// A number, true, false or null has ended before the present position; see `literal`.
        case literal
    }

    private enum Expectation {
        case value, valueOrEnd, key, keyOrEnd, colon, commaOrEnd, nothing
    }

    private enum Place {
        case structure
        case string(isKey: Bool)
        case escape(isKey: Bool)
        case unicode(isKey: Bool, digitsLeft: Int)
        case literal
    }

    /// Objects and arrays within each other. A level of nested sequence takes three of them.
    private static let depthLimit = 256
    /// The longest number, in octets.
    private static let literalLimit = 512

    private var expected = Expectation.value
    private var place = Place.structure
    /// For each open container: whether it is an object.
    private var containers: [Bool] = []
    /// The last literal's text.
    private(set) var literal: [UInt8] = []

    /// Whether one whole value has been read.
    var isComplete: Bool {
        if case .nothing = expected, case .structure = place { return true }
        return false
    }

    /// Whether anything but white space has been read.
    private(set) var hasBegun = false

    /// The next token; nil when more octets are needed. `position` is then at the end, else just behind the token.
    ///
    /// - Throws: `.malformed` with the offset in `bytes`; `.tooLarge` for nesting beyond any reason.
    mutating func next(in bytes: Span<UInt8>, at position: inout Int) throws(RewriteError) -> Token? {
        while position < bytes.count {
            switch place {
            case .string(let isKey):
                guard try skipString(bytes, &position, isKey: isKey) else { continue }
                place = .structure
                expected = isKey ? .colon : afterValue
                return .endString(isKey: isKey)
            case .escape(let isKey): try readEscape(bytes, &position, isKey: isKey)
            case .unicode(let isKey, let left):
                guard Self.isHexDigit(bytes[position]) else { throw Self.error(position, "a broken \\u escape") }
                position += 1
                place = left == 1 ? .string(isKey: isKey) : .unicode(isKey: isKey, digitsLeft: left - 1)
            case .literal:
                guard try readLiteral(bytes, &position) else { continue }
                place = .structure
                expected = afterValue
                return .literal
            case .structure:
                let byte = bytes[position]
                if Self.isSpace(byte) {
                    position += 1
                } else if let token = try structure(byte, &position) {
                    return token
                }
            }
        }
        return nil
    }

    /// Whether an object's member comes next, of which no octet is read, and there is room for what it opens.
    func isBeforeMember(opening depth: Int) -> Bool {
        guard case .structure = place, containers.count + depth <= Self.depthLimit else { return false }
        switch expected {
        case .key, .keyOrEnd: return true
        default: return false
        }
    }

    /// A whole member, or several of them, were passed by other means.
    mutating func passedMember() { expected = .commaOrEnd }

    /// A member's name, and the braces and brackets that open its object, an array therein and an object in that.
    mutating func passedItemStart() {
        containers.append(true)
        containers.append(false)
        containers.append(true)
        expected = .keyOrEnd
    }

    @inline(__always)
    static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 }

    private var afterValue: Expectation { containers.isEmpty ? .nothing : .commaOrEnd }

    static func error(_ offset: Int, _ detail: String) -> RewriteError { .malformed(offset: offset, detail: detail) }

    // MARK: Structure

    private mutating func structure(_ byte: UInt8, _ position: inout Int) throws(RewriteError) -> Token? {
        hasBegun = true
        switch byte {
        case UInt8(ascii: "\""): return try beginString(&position)
        case UInt8(ascii: "{"): return try begin(isObject: true, &position)
        case UInt8(ascii: "["): return try begin(isObject: false, &position)
        case UInt8(ascii: "}"): return try end(isObject: true, &position)
        case UInt8(ascii: "]"): return try end(isObject: false, &position)
        case UInt8(ascii: ","):
            guard case .commaOrEnd = expected else { throw Self.error(position, "a comma out of place") }
            expected = containers.last == true ? .key : .value
            position += 1
            return .comma
        case UInt8(ascii: ":"):
            guard case .colon = expected else { throw Self.error(position, "a colon out of place") }
            expected = .value
            position += 1
            return .colon
        default:
            guard isValueExpected, Self.isLiteral(byte) else { throw Self.error(position, "an unexpected character") }
            literal.removeAll(keepingCapacity: true)
            place = .literal
            return nil
        }
    }

    private var isValueExpected: Bool {
        switch expected {
        case .value, .valueOrEnd: true
        default: false
        }
    }

    private mutating func beginString(_ position: inout Int) throws(RewriteError) -> Token {
        let isKey: Bool
        switch expected {
        case .value, .valueOrEnd: isKey = false
        case .key, .keyOrEnd: isKey = true
        default: throw Self.error(position, "a string out of place")
        }
        position += 1
        place = .string(isKey: isKey)
        return .beginString(isKey: isKey)
    }

    private mutating func begin(isObject: Bool, _ position: inout Int) throws(RewriteError) -> Token {
        guard isValueExpected else { throw Self.error(position, "an object or array out of place") }
        guard containers.count < Self.depthLimit else {
            throw .tooLarge(detail: "More than \(Self.depthLimit) objects and arrays within each other.")
        }
        containers.append(isObject)
        expected = isObject ? .keyOrEnd : .valueOrEnd
        position += 1
        return isObject ? .beginObject : .beginArray
    }

    private mutating func end(isObject: Bool, _ position: inout Int) throws(RewriteError) -> Token {
        let mayEnd =
            switch expected {
            case .commaOrEnd: true
            case .keyOrEnd: isObject
            case .valueOrEnd: !isObject
            default: false
            }
        guard mayEnd, containers.last == isObject else { throw Self.error(position, "a bracket out of place") }
        containers.removeLast()
        expected = afterValue
        position += 1
        return isObject ? .endObject : .endArray
    }

    // MARK: Strings and literals

    /// Passes the closing quote; false when an escape or the end of the octets came first.
    private mutating func skipString(
        _ bytes: Span<UInt8>, _ position: inout Int, isKey: Bool
    ) throws(RewriteError) -> Bool {
        position = JSONText.plainEnd(in: bytes, from: position)
        guard position < bytes.count else { return false }
        switch bytes[position] {
        case UInt8(ascii: "\""):
            position += 1
            return true
        case UInt8(ascii: "\\"):
            position += 1
            place = .escape(isKey: isKey)
            return false
        default: throw Self.error(position, "a control character in a string")
        }
    }

    private mutating func readEscape(_ bytes: Span<UInt8>, _ position: inout Int, isKey: Bool) throws(RewriteError) {
        switch bytes[position] {
        case UInt8(ascii: "u"): place = .unicode(isKey: isKey, digitsLeft: 4)
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
            UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
            place = .string(isKey: isKey)
        default: throw Self.error(position, "an unknown escape")
        }
        position += 1
    }

    /// False when the literal may go on behind the octets.
    private mutating func readLiteral(_ bytes: Span<UInt8>, _ position: inout Int) throws(RewriteError) -> Bool {
        while position < bytes.count, Self.isLiteral(bytes[position]) {
            guard literal.count < Self.literalLimit else { throw .tooLarge(detail: "A number of many digits.") }
            literal.append(bytes[position])
            position += 1
        }
        guard position < bytes.count else { return false }
        guard Self.isNumber(literal) || Self.isWord(literal) else { throw Self.error(position, "an unknown word") }
        return true
    }

    private static func isLiteral(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "-"), UInt8(ascii: "+"), UInt8(ascii: "."): true
        default: false
        }
    }

    private static func isHexDigit(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x46, 0x61...0x66: true
        default: false
        }
    }

    /// The words of JSON, and those that some servers write for FL and FD values that JSON can't express.
    private static func isWord(_ text: [UInt8]) -> Bool {
        ["true", "false", "null", "NaN", "Infinity", "-Infinity"].contains { text.elementsEqual($0.utf8) }
    }

    /// RFC 8259 §6.
    private static func isNumber(_ text: [UInt8]) -> Bool {
        var rest = text[...]
        func digits() -> Int { rest.prefix { (0x30...0x39).contains($0) }.count }
        if rest.first == UInt8(ascii: "-") { rest.removeFirst() }
        let whole = digits()
        guard whole > 0, whole == 1 || rest.first != UInt8(ascii: "0") else { return false }
        rest.removeFirst(whole)
        if rest.first == UInt8(ascii: ".") {
            rest.removeFirst()
            let fraction = digits()
            guard fraction > 0 else { return false }
            rest.removeFirst(fraction)
        }
        if rest.first == UInt8(ascii: "e") || rest.first == UInt8(ascii: "E") {
            rest.removeFirst()
            if rest.first == UInt8(ascii: "+") || rest.first == UInt8(ascii: "-") { rest.removeFirst() }
            let exponent = digits()
            guard exponent > 0 else { return false }
            rest.removeFirst(exponent)
        }
        return rest.isEmpty
    }
}
