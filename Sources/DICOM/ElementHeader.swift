// The first 8 or 12 bytes of a data element. Knows nothing of nesting, files or values.

/// How elements of a data set are written: with or without VR, and in which byte order.
package struct ElementEncoding: Hashable, Sendable {
    package var isExplicit: Bool
    package var isBigEndian: Bool

    package static let implicitLittle = ElementEncoding(isExplicit: false, isBigEndian: false)
    package static let explicitLittle = ElementEncoding(isExplicit: true, isBigEndian: false)
    package static let explicitBig = ElementEncoding(isExplicit: true, isBigEndian: true)

    /// What the first header of a data set or an item tells: Implicit VR where an explicit one has no capital letters.
    ///
    /// Writers exist that put the one into the other. `bytes` must hold at least 8.
    func adjusted(toFirst bytes: ArraySlice<UInt8>) -> ElementEncoding {
        let start = bytes.startIndex
        let letters = UInt8(ascii: "A")...UInt8(ascii: "Z")
        guard isExplicit, bytes.uint16(at: start, bigEndian: isBigEndian) != Tag.item.group,
            !(letters ~= bytes[start + 4] && letters ~= bytes[start + 5])
        else { return self }
        return ElementEncoding(isExplicit: false, isBigEndian: isBigEndian)
    }
}

/// Tag, VR and length of an element as they stand before its value (PS3.5 §7.1).
package struct ElementHeader: Hashable, Sendable {
    package var tag: Tag
    /// Nil where none is written: Implicit VR, items and delimiters; and for letters that name no VR.
    package var vr: VR?
    /// Bytes of the value, or ``undefinedLength``.
    package var length: UInt32
    /// Bytes of the header itself: 8 or 12.
    package var headerLength: Int

    /// A length that is told by a delimiter instead.
    package static let undefinedLength: UInt32 = 0xFFFF_FFFF
    /// Bytes that every header has, and by which it is known whether it has more.
    static let shortLength = 8
    static let longLength = 12

    package var hasUndefinedLength: Bool { length == ElementHeader.undefinedLength }

    /// The header at the beginning of `bytes`; nil when `bytes` holds fewer than 12 bytes and all 12 are needed.
    ///
    /// Letters that name no VR are taken for a new one of the long form if two zero bytes follow, else of the short
    /// form. `bytes` must hold at least 8.
    static func decode(_ bytes: ArraySlice<UInt8>, _ encoding: ElementEncoding) -> ElementHeader? {
        let start = bytes.startIndex
        let big = encoding.isBigEndian
        let tag = Tag(bytes.uint16(at: start, bigEndian: big), bytes.uint16(at: start + 2, bigEndian: big))
        guard encoding.isExplicit, tag.group != Tag.item.group else {
            let length = bytes.uint32(at: start + 4, bigEndian: big)
            return ElementHeader(tag: tag, vr: nil, length: length, headerLength: shortLength)
        }
        let vr = VR(bytes[start + 4], bytes[start + 5])
        let isLong = vr?.hasLongHeader ?? (bytes[start + 6] == 0 && bytes[start + 7] == 0)
        guard isLong else {
            let length = UInt32(bytes.uint16(at: start + 6, bigEndian: big))
            return ElementHeader(tag: tag, vr: vr, length: length, headerLength: shortLength)
        }
        guard bytes.count >= longLength else { return nil }
        let length = bytes.uint32(at: start + 8, bigEndian: big)
        return ElementHeader(tag: tag, vr: vr, length: length, headerLength: longLength)
    }
}

extension RandomAccessCollection where Element == UInt8, Index == Int {
    /// The 16-bit number at an index; two bytes must stand there.
    package func uint16(at index: Int, bigEndian: Bool) -> UInt16 {
        let (first, second) = (UInt16(self[index]), UInt16(self[index + 1]))
        return bigEndian ? first << 8 | second : second << 8 | first
    }

    /// The 32-bit number at an index; four bytes must stand there.
    package func uint32(at index: Int, bigEndian: Bool) -> UInt32 {
        let first = UInt32(uint16(at: index, bigEndian: bigEndian))
        let second = UInt32(uint16(at: index + 2, bigEndian: bigEndian))
        return bigEndian ? first << 16 | second : second << 16 | first
    }

    /// The 64-bit number at an index; eight bytes must stand there.
    package func uint64(at index: Int, bigEndian: Bool) -> UInt64 {
        let first = UInt64(uint32(at: index, bigEndian: bigEndian))
        let second = UInt64(uint32(at: index + 4, bigEndian: bigEndian))
        return bigEndian ? first << 32 | second : second << 32 | first
    }
}
