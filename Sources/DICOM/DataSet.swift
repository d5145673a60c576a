// A data set held in memory, as it is written by us: for synthetic objects and small documents. Nothing is read into it.

/// An ordered set of data elements with typed ways to put them in.
///
/// Values are held as their bytes in Explicit VR Little Endian, padded to even length.
package struct DataSet: Sendable, Hashable {
    /// An element's value.
    package enum Value: Sendable, Hashable {
        /// Even length, little-endian.
        case bytes([UInt8])
        case items([DataSet])
        /// Encapsulated pixel data: the basic offset table's entries, and the fragments behind it (PS3.5 §A.4).
        case fragments(offsets: [UInt32], [[UInt8]])
    }

    package struct Element: Sendable, Hashable {
        package let tag: Tag
        package let vr: VR
        package let value: Value
    }

    /// Ascending by tag.
    package private(set) var elements: [Element] = []

    package init() {}

    package subscript(tag: Tag) -> Element? { elements.first { $0.tag == tag } }

    /// Puts an element in, in place of one of the same tag.
    package mutating func set(_ tag: Tag, _ vr: VR, _ value: Value) {
        let index = elements.firstIndex { $0.tag >= tag } ?? elements.endIndex
        let element = Element(tag: tag, vr: vr, value: value)
        if index < elements.endIndex, elements[index].tag == tag {
            elements[index] = element
        } else {
            elements.insert(element, at: index)
        }
    }

    /// Text values, joined by backslashes. The character set is the caller's to name.
    package mutating func set(_ tag: Tag, _ vr: VR, _ texts: String...) {
        set(tag, vr, bytes: Array(texts.joined(separator: "\\").utf8))
    }

    package mutating func set(_ tag: Tag, _ uid: UID) {
        set(tag, .ui, bytes: Array(uid.string.utf8))
    }

    /// Bytes as they are, padded to even length.
    package mutating func set(_ tag: Tag, _ vr: VR, bytes: [UInt8]) {
        set(tag, vr, .bytes(bytes.count % 2 == 0 ? bytes : bytes + [vr.paddingByte]))
    }

    /// Numbers of the VR's width: US, SS, UL, SL, UV, SV, AT (as group and element each), OW, OL, OV.
    package mutating func set<Number: FixedWidthInteger>(_ tag: Tag, _ vr: VR, numbers: [Number]) {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(numbers.count * Number.bitWidth / 8)
        for number in numbers { bytes.append(littleEndian: number) }
        set(tag, vr, bytes: bytes)
    }

    /// One US value.
    package mutating func set(_ tag: Tag, _ number: UInt16) {
        set(tag, .us, numbers: [number])
    }

    package mutating func set(_ tag: Tag, items: [DataSet]) {
        set(tag, .sq, .items(items))
    }

    /// Encapsulated Pixel Data with one fragment for each frame, each padded to even length.
    package mutating func setPixelData(frames: [[UInt8]], withOffsets: Bool = true) {
        let fragments = frames.map { $0.count % 2 == 0 ? $0 : $0 + [0] }
        var offsets: [UInt32] = []
        var offset = 0
        for fragment in fragments where withOffsets {
            offsets.append(UInt32(truncatingIfNeeded: offset))
            offset += ElementHeader.shortLength + fragment.count
        }
        set(.pixelData, .ob, .fragments(offsets: offsets, fragments))
    }
}

extension [UInt8] {
    /// Appends a number, lowest byte first.
    mutating func append<Number: FixedWidthInteger>(littleEndian number: Number) {
        for shift in stride(from: 0, to: Number.bitWidth, by: 8) {
            append(UInt8(truncatingIfNeeded: number >> Number(shift)))
        }
    }

    /// Appends a number in the given byte order.
    mutating func append<Number: FixedWidthInteger>(_ number: Number, bigEndian: Bool) {
        append(littleEndian: bigEndian ? number.byteSwapped : number)
    }
}
