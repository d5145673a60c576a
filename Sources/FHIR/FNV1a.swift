// A short fingerprint of documents and of lists of files. Knows nothing of either.

/// The 64-bit FNV-1a hash: tells a changed document from an unchanged one. Not for anything that an attacker may choose.
package struct FNV1a {
    private var hash: UInt64 = 0xcbf2_9ce4_8422_2325

    package init() {}

    package mutating func add(_ byte: UInt8) {
        hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3
    }

    /// The text and an end mark, so that "a", "bc" and "ab", "c" differ.
    package mutating func add(_ text: String) {
        for byte in text.utf8 { add(byte) }
        add(0xff)
    }

    /// The hash so far, as 16 hexadecimal digits.
    package var text: String {
        let digits = String(hash, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
