// Bytes → JSONValue, with every dimension bounded. Strict in grammar, lenient in text (bad UTF-8 is repaired).

/// How large a JSON document may be.
package struct JSONLimits: Sendable {
    package var bytes = 32 << 20
    /// Arrays and objects inside each other. FHIR needs about 20.
    package var depth = 64
    /// Values in all: bounds the memory that a small document like `[0,0,0,…` can take.
    package var values = 4_000_000
    package init() {}
}

/// A recursive-descent reader; the recursion is bounded by ``JSONLimits/depth``.
package struct JSONReader {
    private let bytes: [UInt8]
    private let limits: JSONLimits
    private var position = 0
    private var valueCount = 0

    private init(_ bytes: [UInt8], limits: JSONLimits) {
        self.bytes = bytes
        self.limits = limits
    }

    /// Reads one document; white space and a byte order mark around it are allowed, anything else is not.
    ///
    /// - Throws: `malformed`, `tooLarge`.
    package static func read(_ bytes: [UInt8], limits: JSONLimits = JSONLimits()) throws(FHIRError) -> JSONValue {
        guard bytes.count <= limits.bytes else { throw .tooLarge("\(limits.bytes) bytes") }
        var reader = JSONReader(bytes, limits: limits)
        if bytes.starts(with: [0xef, 0xbb, 0xbf]) { reader.position = 3 }
        let value = try reader.value(depth: 0)
        reader.skipSpace()
        guard reader.position == bytes.count else { throw reader.error("text after the end") }
        return value
    }

    private func error(_ what: String) -> FHIRError { .malformed(offset: position, what) }

    private var next: UInt8? { position < bytes.count ? bytes[position] : nil }

    private mutating func skipSpace() {
        while let byte = next, byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09 { position += 1 }
    }

    private mutating func take(_ byte: UInt8) -> Bool {
        skipSpace()
        guard next == byte else { return false }
        position += 1
        return true
    }

    private mutating func value(depth: Int) throws(FHIRError) -> JSONValue {
        valueCount += 1
        guard valueCount <= limits.values else { throw .tooLarge("\(limits.values) values") }
        guard depth <= limits.depth else { throw .tooLarge("\(limits.depth) levels") }
        skipSpace()
        guard let first = next else { throw error("it ends too early") }
        switch first {
        case UInt8(ascii: "{"): return try object(depth: depth)
        case UInt8(ascii: "["): return try array(depth: depth)
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try literal("true", .bool(true))
        case UInt8(ascii: "f"): return try literal("false", .bool(false))
        case UInt8(ascii: "n"): return try literal("null", .null)
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try number()
        default: throw error("no value begins here")
        }
    }

    private mutating func object(depth: Int) throws(FHIRError) -> JSONValue {
        position += 1
        var members: [JSONValue.Member] = []
        if take(UInt8(ascii: "}")) { return .object(members) }
        while true {
            skipSpace()
            guard next == UInt8(ascii: "\"") else { throw error("a member's name is missing") }
            let name = try string()
            guard take(UInt8(ascii: ":")) else { throw error("a colon is missing") }
            members.append(JSONValue.Member(name: name, value: try value(depth: depth + 1)))
            if take(UInt8(ascii: "}")) { return .object(members) }
            guard take(UInt8(ascii: ",")) else { throw error("an object does not end") }
        }
    }

    private mutating func array(depth: Int) throws(FHIRError) -> JSONValue {
        position += 1
        var values: [JSONValue] = []
        if take(UInt8(ascii: "]")) { return .array(values) }
        while true {
            values.append(try value(depth: depth + 1))
            if take(UInt8(ascii: "]")) { return .array(values) }
            guard take(UInt8(ascii: ",")) else { throw error("an array does not end") }
        }
    }

    private mutating func literal(_ text: StaticString, _ value: JSONValue) throws(FHIRError) -> JSONValue {
        let end = position + text.utf8CodeUnitCount
        guard end <= bytes.count, "\(text)".utf8.elementsEqual(bytes[position..<end]) else {
            throw error("no value begins here")
        }
        position = end
        return value
    }

    private mutating func number() throws(FHIRError) -> JSONValue {
        let start = position
        while let byte = next {
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "+"), UInt8(ascii: "."),
                UInt8(ascii: "e"), UInt8(ascii: "E"):
                position += 1
            default:
                return .number(try number(in: start..<position))
            }
        }
        return .number(try number(in: start..<position))
    }

    private func number(in range: Range<Int>) throws(FHIRError) -> Double {
        guard range.count <= 64, let number = Double(String(decoding: bytes[range], as: UTF8.self)) else {
            throw error("not a number")
        }
        return number
    }
}

// MARK: - Strings

extension JSONReader {
    /// Reads a string; the opening quote is the next byte.
    private mutating func string() throws(FHIRError) -> String {
        position += 1
        let start = position
        while let byte = next, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\") { position += 1 }
        if next == UInt8(ascii: "\"") {
            defer { position += 1 }
            return String(decoding: bytes[start..<position], as: UTF8.self)
        }
        var text = Array(bytes[start..<position])
        while let byte = next {
            position += 1
            switch byte {
            case UInt8(ascii: "\""): return String(decoding: text, as: UTF8.self)
            case UInt8(ascii: "\\"): try escape(into: &text)
            default: text.append(byte)
            }
        }
        throw error("a string does not end")
    }

    private mutating func escape(into text: inout [UInt8]) throws(FHIRError) {
        guard let byte = next else { throw error("a string does not end") }
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(byte)
        case UInt8(ascii: "b"): text.append(0x08)
        case UInt8(ascii: "f"): text.append(0x0c)
        case UInt8(ascii: "n"): text.append(0x0a)
        case UInt8(ascii: "r"): text.append(0x0d)
        case UInt8(ascii: "t"): text.append(0x09)
        case UInt8(ascii: "u"): text.append(contentsOf: String(try scalar()).utf8)
        default: throw error("an unknown escape")
        }
    }

    /// The character of `\uXXXX`, or of two of them that form a surrogate pair; a lone surrogate becomes U+FFFD.
    private mutating func scalar() throws(FHIRError) -> Character {
        let unit = try hexadecimal()
        guard 0xd800...0xdbff ~= unit else { return Character(Unicode.Scalar(unit) ?? "\u{fffd}") }
        let afterFirst = position
        if next == UInt8(ascii: "\\") {
            position += 1
            if next == UInt8(ascii: "u") {
                position += 1
                let second = try hexadecimal()
                if 0xdc00...0xdfff ~= second {
                    let code = 0x10000 + (UInt32(unit - 0xd800) << 10) + UInt32(second - 0xdc00)
                    return Character(Unicode.Scalar(code) ?? "\u{fffd}")
                }
            }
        }
        position = afterFirst
        return "\u{fffd}"
    }

    private mutating func hexadecimal() throws(FHIRError) -> UInt16 {
        guard position + 4 <= bytes.count else { throw error("a string does not end") }
        var unit: UInt16 = 0
        for byte in bytes[position..<position + 4] {
            let digit: UInt8
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = byte - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = byte - UInt8(ascii: "a") + 10
            case UInt8(ascii: "A")...UInt8(ascii: "F"): digit = byte - UInt8(ascii: "A") + 10
            default: throw error("not a hexadecimal digit")
            }
            unit = unit << 4 | UInt16(digit)
        }
        position += 4
        return unit
    }
}
