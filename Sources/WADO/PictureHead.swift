// What the first bytes of a picture say of it: its type and its size. Pure; must not know who sent them, nor believe them
// beyond what they say.

/// A picture's type and size, read from its own bytes.
package struct PictureHead: Sendable, Hashable {
    /// "image/jpeg", "image/png", "image/gif" or "image/jp2".
    package var type: String
    /// In pixels, at least 1.
    package var columns: Int
    package var rows: Int
    /// Whether it may hold colours. A picture that may can still be grey.
    package var isColour: Bool

    /// How many first bytes are enough for all but picture files with uncommonly large profiles before the picture.
    package static let limit = 256 << 10

    /// Reads the head of a JPEG, PNG, GIF or JPEG 2000 file. Nil for anything else, for a picture without a size, and where
    /// the bytes end too early.
    ///
    /// Spec: ITU-T T.81 §B.2.2; ISO/IEC 15948 §11.2.2; GIF89a §18; ISO/IEC 15444-1 §I.5.3.1.
    ///
    /// - Parameter bytes: from the file's first byte on; what lies behind ``limit`` is not looked at.
    package init?(_ bytes: [UInt8]) {
        let reader = HeadBytes(bytes: bytes[..<min(bytes.count, Self.limit)])
        guard let head = reader.jpeg() ?? reader.png() ?? reader.gif() ?? reader.jpeg2000() else { return nil }
        self = head
    }

    fileprivate init?(_ type: String, _ columns: Int?, _ rows: Int?, isColour: Bool) {
        guard let columns, let rows, (1...Self.maximum).contains(columns), (1...Self.maximum).contains(rows) else {
            return nil
        }
        (self.type, self.columns, self.rows, self.isColour) = (type, columns, rows, isColour)
    }

    /// Beyond it no edge of a picture is believed.
    private static let maximum = 1 << 20
}

/// Bytes that are read at places that the bytes themselves name; what lies behind their end is nil.
private struct HeadBytes {
    let bytes: ArraySlice<UInt8>

    private func byte(_ offset: Int) -> Int? { bytes.indices.contains(offset) ? Int(bytes[offset]) : nil }

    private func big16(_ offset: Int) -> Int? {
        guard let high = byte(offset), let low = byte(offset + 1) else { return nil }
        return high << 8 | low
    }

    private func little16(_ offset: Int) -> Int? { big16(offset).map { ($0 & 0xFF) << 8 | $0 >> 8 } }

    private func big32(_ offset: Int) -> Int? {
        guard let high = big16(offset), let low = big16(offset + 2) else { return nil }
        return high << 16 | low
    }

    private func has(_ text: String, at offset: Int) -> Bool { bytes.dropFirst(offset).starts(with: text.utf8) }

    /// The segments from SOI to the frame header, which alone knows the size.
    func jpeg() -> PictureHead? {
        guard big16(0) == 0xFFD8 else { return nil }
        var offset = 2
        // Each turn is at least one byte on.
        while let prefix = byte(offset), prefix == 0xFF, let marker = byte(offset + 1) {
            switch marker {
            case 0xFF: offset += 1  // a fill byte
            case 0x01, 0xD0...0xD7: offset += 2  // alone
            case 0xC0...0xC3, 0xC5...0xC7, 0xC9...0xCB, 0xCD...0xCF:
                guard let components = byte(offset + 9) else { return nil }
                return PictureHead("image/jpeg", big16(offset + 7), big16(offset + 5), isColour: components != 1)
            case 0xD8, 0xD9, 0xDA: return nil  // a scan, or an end, without a frame
            default:
                guard let length = big16(offset + 2), length >= 2 else { return nil }
                offset += 2 + length
            }
        }
        return nil
    }

    func png() -> PictureHead? {
        guard big32(0) == 0x8950_4E47, big32(4) == 0x0D0A_1A0A, big32(8) == 13, has("IHDR", at: 12),
            let colourType = byte(25)
        else { return nil }
        return PictureHead("image/png", big32(16), big32(20), isColour: colourType & 2 != 0)
    }

    /// The logical screen, which every frame of an animation lies in.
    func gif() -> PictureHead? {
        guard has("GIF87a", at: 0) || has("GIF89a", at: 0) else { return nil }
        return PictureHead("image/gif", little16(6), little16(8), isColour: true)
    }

    /// The image header box within the header box, which stands among the first boxes of the file.
    func jpeg2000() -> PictureHead? {
        guard big32(0) == 12, has("jP  ", at: 4) else { return nil }
        var offset = 12
        while let length = big32(offset) {
            if has("jp2h", at: offset + 4) {
                guard has("ihdr", at: offset + 12), let components = big16(offset + 24) else { return nil }
                return PictureHead("image/jp2", big32(offset + 20), big32(offset + 16), isColour: components != 1)
            }
            // Lengths 0 (to the end) and 1 (64 bits) belong to boxes too large to stand before the header.
            guard length >= 8 else { return nil }
            offset += length
        }
        return nil
    }
}
