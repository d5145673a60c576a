// The character classes of HTTP messages, and comparison without case. Knows bytes only.

/// What RFC 9110 §5 lets stand in field names and values.
enum FieldSyntax {
    /// Whether the byte may stand in a token: a method, a field name. Spec: RFC 9110 §5.6.2.
    static func isToken(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x61...0x7A, 0x41...0x5A, 0x30...0x39: true
        // ! # $ % & ' * + - . ^ _ ` | ~
        case 0x21, 0x23...0x27, 0x2A, 0x2B, 0x2D, 0x2E, 0x5E...0x60, 0x7C, 0x7E: true
        default: false
        }
    }

    /// Whether the byte may stand in a field value. Bytes from 0x80 on are `obs-text`: old, but still sent.
    static func isValue(_ byte: UInt8) -> Bool { (byte >= 0x20 && byte != 0x7F) || byte == 0x09 }

    static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }

    static func lowercased(_ byte: UInt8) -> UInt8 { byte >= 0x41 && byte <= 0x5A ? byte | 0x20 : byte }

    /// Compares by ASCII without case.
    static func isEqual(_ bytes: Span<UInt8>, _ text: some StringProtocol) -> Bool {
        let other = text.utf8
        guard bytes.count == other.count else { return false }
        var index = 0
        for byte in other {
            if lowercased(bytes[index]) != lowercased(byte) { return false }
            index += 1
        }
        return true
    }

    /// The range without the blanks at its ends (OWS).
    static func trimmed(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Range<Int> {
        var (start, end) = (range.lowerBound, range.upperBound)
        while start < end, isBlank(bytes[start]) { start += 1 }
        while end > start, isBlank(bytes[end - 1]) { end -= 1 }
        return start..<end
    }
}

extension Span<UInt8> {
    /// The bytes as text; what is not UTF-8 becomes U+FFFD.
    var text: String {
        // The pointer lives as long as the closure, which copies.
        unsafe withUnsafeBufferPointer { unsafe String(decoding: $0, as: UTF8.self) }
    }

    var copied: [UInt8] {
        // The pointer lives as long as the closure, which copies.
        unsafe withUnsafeBufferPointer { unsafe Array($0) }
    }
}
