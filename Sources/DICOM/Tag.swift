// The name of a data element. Knows nothing of its value.

/// A data element's tag: group and element number (PS3.5 §7.1).
package struct Tag: RawRepresentable, Hashable, Comparable, Sendable, CustomStringConvertible {
    /// Group in the upper, element in the lower half, so that tags sort as data sets do.
    package let rawValue: UInt32

    package init(rawValue: UInt32) { self.rawValue = rawValue }

    package init(_ group: UInt16, _ element: UInt16) {
        rawValue = UInt32(group) << 16 | UInt32(element)
    }

    /// Nil unless the text is eight hexadecimal digits, as in DICOM JSON (PS3.18 §F.2.2).
    package init?(hex text: some StringProtocol) {
        guard text.utf8.count == 8, text.utf8.allSatisfy(Tag.isHexDigit), let value = UInt32(text, radix: 16) else {
            return nil
        }
        rawValue = value
    }

    package var group: UInt16 { UInt16(truncatingIfNeeded: rawValue >> 16) }
    package var element: UInt16 { UInt16(truncatingIfNeeded: rawValue) }

    /// Odd groups belong to vendors (PS3.5 §7.8).
    package var isPrivate: Bool { group & 1 == 1 }

    /// (gggg,0010–00FF) of a private group names the owner of a block of tags.
    package var isPrivateCreator: Bool { isPrivate && (0x0010...0x00FF).contains(element) }

    /// (gggg,0000) holds its group's length: readable everywhere, written nowhere but in file meta and commands.
    package var isGroupLength: Bool { element == 0 }

    /// Eight upper-case hexadecimal digits, as in DICOM JSON.
    package var hex: String {
        let digits = String(rawValue, radix: 16, uppercase: true)
        return String(repeating: "0", count: 8 - digits.count) + digits
    }

    package var description: String { "(\(hex.prefix(4)),\(hex.suffix(4)))" }

    package static func < (left: Tag, right: Tag) -> Bool { left.rawValue < right.rawValue }

    private static func isHexDigit(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"),
            UInt8(ascii: "A")...UInt8(ascii: "F"):
            true
        default: false
        }
    }
}

/// The tags that this code knows by name; all others are found in ``DataDictionary``.
extension Tag {
    package static let fileMetaGroupLength = Tag(0x0002, 0x0000)
    package static let fileMetaVersion = Tag(0x0002, 0x0001)
    package static let mediaStorageSOPClassUID = Tag(0x0002, 0x0002)
    package static let mediaStorageSOPInstanceUID = Tag(0x0002, 0x0003)
    package static let transferSyntaxUID = Tag(0x0002, 0x0010)
    package static let implementationClassUID = Tag(0x0002, 0x0012)
    package static let implementationVersionName = Tag(0x0002, 0x0013)

    package static let specificCharacterSet = Tag(0x0008, 0x0005)
    package static let sopClassUID = Tag(0x0008, 0x0016)
    package static let sopInstanceUID = Tag(0x0008, 0x0018)
    package static let studyInstanceUID = Tag(0x0020, 0x000D)
    package static let seriesInstanceUID = Tag(0x0020, 0x000E)

    package static let samplesPerPixel = Tag(0x0028, 0x0002)
    package static let photometricInterpretation = Tag(0x0028, 0x0004)
    package static let numberOfFrames = Tag(0x0028, 0x0008)
    package static let rows = Tag(0x0028, 0x0010)
    package static let columns = Tag(0x0028, 0x0011)
    package static let bitsAllocated = Tag(0x0028, 0x0100)
    package static let pixelRepresentation = Tag(0x0028, 0x0103)

    package static let extendedOffsetTable = Tag(0x7FE0, 0x0001)
    package static let extendedOffsetTableLengths = Tag(0x7FE0, 0x0002)
    package static let floatPixelData = Tag(0x7FE0, 0x0008)
    package static let doubleFloatPixelData = Tag(0x7FE0, 0x0009)
    package static let pixelData = Tag(0x7FE0, 0x0010)

    package static let item = Tag(0xFFFE, 0xE000)
    package static let itemDelimitation = Tag(0xFFFE, 0xE00D)
    package static let sequenceDelimitation = Tag(0xFFFE, 0xE0DD)
}
