// Percent-encoding (RFC 3986 §2): the one place that turns text into URL octets and back.
// Knows nothing of schemes, paths or parameters; HTTPURL and the grammars build on it.

/// Percent-encoding and -decoding of ASCII URL text.
package enum PercentCoding {
    /// Which octets stay as they are when text is encoded.
    package enum Place: Sendable {
        /// One path segment: "/" is encoded too.
        case segment
        /// The name or value of a query item. "/" and "," stay raw, since archives exist that refuse them encoded;
        /// "&", "=", "+", ";" and "#" never do.
        case queryItem
    }

    /// Encodes the UTF-8 of any text so that it may stand in `place`.
    package static func encode(_ text: some StringProtocol, for place: Place) -> String {
        var result: [UInt8] = []
        result.reserveCapacity(text.utf8.count)
        for byte in text.utf8 {
            if isUnreserved(byte) || isAllowed(byte, in: place) {
                result.append(byte)
            } else {
                appendEncoded(byte, to: &result)
            }
        }
        return String(decoding: result, as: UTF8.self)
    }

    /// Decodes every escape of a segment or a query item.
    ///
    /// - Parameter plusIsSpace: also reads "+" as a space, as HTML forms write it.
    /// - Returns: nil when an escape is broken, the result is not UTF-8, or it holds a control character.
    package static func decode(_ text: some StringProtocol, plusIsSpace: Bool = false) -> String? {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.utf8.count)
        var rest = text.utf8.makeIterator()
        while let byte = rest.next() {
            if byte == UInt8(ascii: "%") {
                guard let high = rest.next().flatMap(hexValue), let low = rest.next().flatMap(hexValue) else {
                    return nil
                }
                bytes.append(high << 4 | low)
            } else {
                bytes.append(plusIsSpace && byte == UInt8(ascii: "+") ? UInt8(ascii: " ") : byte)
            }
        }
        guard !bytes.contains(where: { $0 < 0x20 || $0 == 0x7F }) else { return nil }
        return String(validating: bytes, as: UTF8.self)
    }

    /// Normalises URL text that is already encoded (RFC 3986 §6.2.2.1–2): escapes of unreserved octets are decoded,
    /// the others get upper-case digits, and octets that no URL may hold raw are encoded.
    ///
    /// - Returns: nil when an escape is broken or an octet outside printable ASCII occurs.
    package static func normalize(_ text: ArraySlice<UInt8>) -> [UInt8]? {
        var result: [UInt8] = []
        result.reserveCapacity(text.count)
        var index = text.startIndex
        while index < text.endIndex {
            let byte = text[index]
            index += 1
            guard byte > 0x20, byte < 0x7F else { return nil }
            if byte == UInt8(ascii: "%") {
                guard index + 1 < text.endIndex, let high = hexValue(text[index]), let low = hexValue(text[index + 1])
                else { return nil }
                index += 2
                let decoded = high << 4 | low
                if isUnreserved(decoded) { result.append(decoded) } else { appendEncoded(decoded, to: &result) }
            } else if isForbiddenRaw(byte) {
                appendEncoded(byte, to: &result)
            } else {
                result.append(byte)
            }
        }
        return result
    }

    /// RFC 3986 §2.3.
    package static func isUnreserved(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
            UInt8(ascii: "~"):
            true
        default: false
        }
    }

    /// The value of one hexadecimal digit.
    package static func hexValue(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }

    private static func isAllowed(_ byte: UInt8, in place: Place) -> Bool {
        switch byte {
        case UInt8(ascii: ","), UInt8(ascii: ":"), UInt8(ascii: "*"), UInt8(ascii: "@"), UInt8(ascii: "!"),
            UInt8(ascii: "$"), UInt8(ascii: "("), UInt8(ascii: ")"):
            true
        case UInt8(ascii: "/"), UInt8(ascii: "?"): place == .queryItem
        default: false
        }
    }

    /// Printable octets that RFC 3986 gives no place, though people type them ("identifier=system|value").
    private static func isForbiddenRaw(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "<"), UInt8(ascii: ">"), UInt8(ascii: "\\"), UInt8(ascii: "^"),
            UInt8(ascii: "`"), UInt8(ascii: "{"), UInt8(ascii: "|"), UInt8(ascii: "}"):
            true
        default: false
        }
    }

    private static func appendEncoded(_ byte: UInt8, to result: inout [UInt8]) {
        result.append(UInt8(ascii: "%"))
        result.append(hexDigit(byte >> 4))
        result.append(hexDigit(byte & 15))
    }

    private static func hexDigit(_ value: UInt8) -> UInt8 {
        value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "A") + value - 10
    }
}
