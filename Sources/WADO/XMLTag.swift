// One XML tag, taken apart; and the text that XML text means.
private import HTTP

/// A tag between its brackets.
struct XMLTag {
    enum Kind { case start, end, empty }

    struct Attribute {
        var name: [UInt8]
        /// Between the quotes, as a range of the tag's octets.
        var value: Range<Int>
    }

    let kind: Kind
    /// With its prefix, as written: start and end must agree.
    let name: [UInt8]
    private(set) var attributes: [Attribute] = []

    /// Without its prefix.
    var localName: ArraySlice<UInt8> {
        name.firstIndex(of: UInt8(ascii: ":")).map { name[($0 + 1)...] } ?? name[...]
    }

    /// Nil when the octets are no tag: broken names or quotes, an attribute without a value or twice.
    init?(_ markup: [UInt8]) {
        guard markup.count >= 3, markup.first == UInt8(ascii: "<"), markup.last == UInt8(ascii: ">") else { return nil }
        var end = markup.count - 1
        var position = 1
        if markup[1] == UInt8(ascii: "/") {
            kind = .end
            position = 2
        } else if markup[end - 1] == UInt8(ascii: "/") {
            kind = .empty
            end -= 1
        } else {
            kind = .start
        }
        name = Self.name(markup, &position, end)
        guard !name.isEmpty else { return nil }
        while true {
            let hasSpace = Self.skipSpace(markup, &position, end)
            if position == end { return }
            guard hasSpace, kind != .end, let attribute = Self.attribute(markup, &position, end),
                !attributes.contains(where: { $0.name == attribute.name })
            else { return nil }
            attributes.append(attribute)
        }
    }

    /// The range of an attribute's value; its name has no prefix.
    func value(of name: String) -> Range<Int>? {
        attributes.first { $0.name.elementsEqual(name.utf8) }?.value
    }

    private static func attribute(_ markup: [UInt8], _ position: inout Int, _ end: Int) -> Attribute? {
        let name = name(markup, &position, end)
        skipSpace(markup, &position, end)
        guard !name.isEmpty, position < end, markup[position] == UInt8(ascii: "=") else { return nil }
        position += 1
        skipSpace(markup, &position, end)
        guard position < end, markup[position] == UInt8(ascii: "\"") || markup[position] == UInt8(ascii: "'") else {
            return nil
        }
        let quote = markup[position]
        let start = position + 1
        guard let close = markup[start..<end].firstIndex(of: quote), XMLText.unescaped(markup[start..<close]) != nil
        else { return nil }
        position = close + 1
        return Attribute(name: name, value: start..<close)
    }

    @discardableResult
    private static func skipSpace(_ markup: [UInt8], _ position: inout Int, _ end: Int) -> Bool {
        let start = position
        while position < end, XMLText.isSpace(markup[position]) { position += 1 }
        return position > start
    }

    private static func name(_ markup: [UInt8], _ position: inout Int, _ end: Int) -> [UInt8] {
        let start = position
        while position < end, isName(markup[position]) { position += 1 }
        return Array(markup[start..<position])
    }

    private static func isName(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "."),
            UInt8(ascii: ":"), 0x80...:
            true
        default: false
        }
    }
}

enum XMLText {
    static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D }

    /// Resolves references and takes white space off the ends.
    ///
    /// - Returns: UTF-8; nil for an unknown reference.
    static func unescaped(_ raw: ArraySlice<UInt8>) -> [UInt8]? {
        var result: [UInt8] = []
        var rest = raw.drop(while: isSpace)
        while let last = rest.last, isSpace(last) { rest.removeLast() }
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "&") else {
                result.append(byte)
                continue
            }
            guard let end = rest.prefix(12).firstIndex(of: UInt8(ascii: ";")), let scalar = scalar(rest[..<end]) else {
                return nil
            }
            result.append(contentsOf: Array(String(Character(scalar)).utf8))
            rest = rest[(end + 1)...]
        }
        return result
    }

    /// What stands between "&" and ";".
    static func scalar(_ reference: ArraySlice<UInt8>) -> Unicode.Scalar? {
        switch String(decoding: reference, as: UTF8.self) {
        case "amp": return "&"
        case "lt": return "<"
        case "gt": return ">"
        case "quot": return "\""
        case "apos": return "'"
        case let text:
            guard text.hasPrefix("#") else { return nil }
            let isHex = text.hasPrefix("#x")
            let digits = text.dropFirst(isHex ? 2 : 1)
            guard (1...8).contains(digits.utf8.count), digits.utf8.allSatisfy({ PercentCoding.hexValue($0) != nil }),
                let value = UInt32(digits, radix: isHex ? 16 : 10), value >= 0x20 || [9, 10, 13].contains(value)
            else { return nil }
            return Unicode.Scalar(value)
        }
    }
}
