// Eight octets looked at together.

/// Octets as one number, the first of them lowest.
enum Word {
    /// - Parameter position: of the first of eight octets that are there.
    @inline(__always)
    static func load(_ bytes: Span<UInt8>, _ position: Int) -> UInt64 {
        // Any eight octets are a number, and the bounds are checked.
        UInt64(littleEndian: unsafe bytes.bytes.unsafeLoadUnaligned(fromByteOffset: position, as: UInt64.self))
    }

    /// The highest bit of the first octet that a plain JSON text can't hold: a quote, a backslash or a control
    /// character. Bits above the lowest one that is set mean nothing.
    @inline(__always)
    static func textEnds(_ word: UInt64) -> UInt64 {
        let quotes = word ^ (ones &* 0x22)
        let backslashes = word ^ (ones &* 0x5C)
        // An octet below n borrows from its highest bit when n is subtracted, unless that bit was set before.
        let found = (quotes &- ones) & ~quotes | (backslashes &- ones) & ~backslashes | (word &- ones &* 0x20) & ~word
        return found & (ones &* 0x80)
    }

    /// The number that eight hexadecimal digits are, in either case; nil for other octets.
    @inline(__always)
    static func hexadecimal(_ word: UInt64) -> UInt32? {
        // Of the octets that can be digits, only letters have bit 6.
        let letters = word >> 6 & ones
        let digits = word & (ones &* 0x0F) &+ letters &* 9
        // What is none comes out as another octet when it is written again, or does not fit into four bits.
        let capitals = word & ~(letters << 5)
        let written = digits &+ ones &* 0x30 &+ ((digits &+ ones &* 6) >> 4 & ones) &* 7
        guard digits & (ones &* 0xF0) == 0, written == capitals else { return nil }
        let pairs = digits << 4 | digits >> 8
        let high = (pairs & 0xFF) << 24 | (pairs >> 16 & 0xFF) << 16
        return UInt32(truncatingIfNeeded: high | (pairs >> 32 & 0xFF) << 8 | pairs >> 48 & 0xFF)
    }

    private static let ones: UInt64 = 0x0101_0101_0101_0101
}
