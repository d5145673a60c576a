// What the standard says of a tag: VR and keyword. The table is generated; knows nothing of data sets.

/// The standard's data dictionary (PS3.6), by which Implicit VR is read and names are given.
package enum DataDictionary {
    /// The VR of an element as the dictionary has it.
    package enum Entry: Hashable, Sendable {
        case fixed(VR)
        /// Unsigned or signed, by Pixel Representation (0028,0103).
        case usOrSS
        /// By Bits Allocated and whether pixels are encapsulated (PS3.5 §8.1.2).
        case obOrOW
        /// US for one value, OW for many.
        case usOrOW
        /// US, or SS for signed pixels, or OW for many.
        case usOrSSOrOW

        fileprivate init?(_ first: UInt8, _ second: UInt8) {
            switch (first, second) {
            case (UInt8(ascii: "x"), UInt8(ascii: "s")): self = .usOrSS
            case (UInt8(ascii: "o"), UInt8(ascii: "x")): self = .obOrOW
            case (UInt8(ascii: "x"), UInt8(ascii: "w")): self = .usOrOW
            case (UInt8(ascii: "x"), UInt8(ascii: "x")): self = .usOrSSOrOW
            default:
                guard let vr = VR(first, second) else { return nil }
                self = .fixed(vr)
            }
        }
    }

    /// What the dictionary says of a tag's VR; nil for what it doesn't know. O(log n).
    ///
    /// Private creators are LO, and group lengths UL, whatever the group (PS3.5 §7.2, §7.8).
    package static func entry(of tag: Tag) -> Entry? {
        if tag.isGroupLength { return .fixed(.ul) }
        if tag.isPrivate { return tag.isPrivateCreator ? .fixed(.lo) : nil }
        return row(of: tag)?.entry
    }

    /// The keyword of a standard element, such as `PatientName`; nil for what the dictionary doesn't know.
    package static func keyword(of tag: Tag) -> String? {
        guard let row = row(of: tag), !row.keyword.isEmpty else { return nil }
        return String(decoding: text[row.keyword], as: UTF8.self)
    }

    /// One line of the generated text.
    private struct Row: Sendable {
        /// The digits that must be equal; all but for elements that repeat.
        let mask: UInt32
        let tag: UInt32
        let entry: Entry
        /// Where the keyword stands in `text`.
        let keyword: Range<Int>
    }

    private static let text = Array((elements + "\n" + repeatingElements + "\n").utf8)
    private static let (rows, repeatingRows) = parsed()

    private static func row(of tag: Tag) -> Row? {
        guard !tag.isPrivate else { return nil }
        var (low, high) = (0, rows.count)
        while low < high {
            let middle = (low + high) / 2
            if rows[middle].tag < tag.rawValue { low = middle + 1 } else { high = middle }
        }
        if low < rows.count, rows[low].tag == tag.rawValue { return rows[low] }
        return repeatingRows.first { tag.rawValue & $0.mask == $0.tag }
    }

    private static func parsed() -> (rows: [Row], repeatingRows: [Row]) {
        var rows: [Row] = []
        var repeatingRows: [Row] = []
        rows.reserveCapacity(5500)
        var start = 0
        while let end = text[start...].firstIndex(of: UInt8(ascii: "\n")) {
            if let row = row(start..<end) {
                if row.mask == .max { rows.append(row) } else { repeatingRows.append(row) }
            }
            start = end + 1
        }
        return (rows, repeatingRows)
    }

    private static func row(_ line: Range<Int>) -> Row? {
        guard line.count >= 10, let entry = Entry(text[line.lowerBound + 8], text[line.lowerBound + 9]) else {
            return nil
        }
        var (mask, tag) = (UInt32(0), UInt32(0))
        for byte in text[line.lowerBound..<line.lowerBound + 8] {
            let isDigit = byte != UInt8(ascii: "x")
            let digit = byte <= UInt8(ascii: "9") ? byte - UInt8(ascii: "0") : byte - UInt8(ascii: "A") + 10
            mask = mask << 4 | (isDigit ? 0xF : 0)
            tag = tag << 4 | (isDigit ? UInt32(digit) : 0)
        }
        return Row(mask: mask, tag: tag, entry: entry, keyword: line.lowerBound + 10..<line.upperBound)
    }
}
