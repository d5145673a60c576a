// Walks a data set that can be read at any place, sequences and all. Holds a window of it, and no large value; knows
// nothing of what is made of the elements.

/// A pull reader of one data set: elements and the beginnings and ends of sequences and items, in the order they stand.
///
/// Values are read on demand by ``value(of:limit:)``, at any time. Group lengths are events like others.
package struct DataSetReader {
    /// One element whose value stands at a known place.
    package struct Element: Hashable, Sendable {
        package let tag: Tag
        /// As written or, where none is or UN hides a standard element, as the dictionary and the data set say.
        package let vr: VR
        /// Whether numbers of the value are big-endian; never those of UN.
        package let isBigEndian: Bool
        /// Bytes of the units that must be turned around for Little Endian; 1 for none.
        package let swappedUnit: Int
        package let valueOffset: Int64
        /// Bytes of the value, which may be more than are there for Pixel Data of a truncated object; nil for encapsulated pixel data, whose items begin at `valueOffset`.
        package let length: Int64?
    }

    package enum Event: Hashable, Sendable {
        case element(Element)
        case beginSequence(Tag)
        /// With its number within the sequence, from 1.
        case beginItem(Int)
        case endItem
        case endSequence
    }

    /// What the reader stands in: the data set or an item of it, or a sequence.
    private struct Level {
        let isSequence: Bool
        /// Where it ends; nil for undefined length.
        let end: Int64?
        var encoding: ElementEncoding
        var context: Context
        var isAtFirstElement = true
        var numberOfItems = 0
    }

    package static let depthLimit = ElementScanner.depthLimit

    private var window: ByteWindow
    private var levels: [Level]
    /// Of the next header, or of the fragments to step over first.
    private var position: Int64
    private var isAtFragments = false
    private let end: Int64

    package init(_ file: Part10File) {
        self.init(file.source, at: file.dataSetOffset, encoding: file.encoding)
    }

    package init(_ source: any ByteSource, at offset: Int64, encoding: ElementEncoding) {
        window = ByteWindow(source)
        position = offset
        end = source.length
        levels = [Level(isSequence: false, end: source.length, encoding: encoding, context: Context())]
    }

    /// The character set of the data set or item that the reader stands in (PS3.5 §7.5.3).
    package var characterSet: SpecificCharacterSet { levels[levels.count - 1].context.characterSet }

    /// The next event; nil at the data set's end.
    ///
    /// Pixel Data that is cut off is still announced; reading it fails.
    /// - Throws: ``DICOMError`` `malformed`, `truncated` or `tooLarge`; what the source throws.
    package mutating func next() throws -> Event? {
        if isAtFragments { try skipFragments() }
        let level = levels[levels.count - 1]
        if let end = level.end, position >= end {
            guard position == end else { throw malformed("an element runs beyond the end of what it stands in") }
            return levels.count == 1 ? nil : pop()
        }
        return level.isSequence ? try nextInSequence(level) : try nextInDataSet()
    }

    /// Steps to behind the end of a sequence that was just begun.
    ///
    /// - Throws: as ``next()``.
    package mutating func skipSequence() throws {
        let depth = levels.count
        while levels.count >= depth, try next() != nil {}
    }

    /// The value of an element, as it stands.
    ///
    /// - Throws: `tooLarge` above `limit` bytes, `unsupported` for encapsulated pixel data, `truncated`.
    package mutating func value(of element: Element, limit: Int) throws -> [UInt8] {
        guard let length = element.length else {
            throw DICOMError(
                kind: .unsupported, offset: Int(element.valueOffset), detail: "\(element.tag) is in fragments")
        }
        guard length <= limit else {
            throw DICOMError(
                kind: .tooLarge, offset: Int(element.valueOffset),
                detail: "\(element.tag) has \(length) bytes, which is more than \(limit)")
        }
        return try Array(window.bytes(at: element.valueOffset, count: Int(length)))
    }

    /// Bytes of a value, or of a part of it; cheap where the reader has just been.
    ///
    /// - Throws: `truncated`; what the source throws.
    mutating func bytes(_ place: Range<Int64>) throws -> ArraySlice<UInt8> {
        try window.bytes(at: place.lowerBound, count: place.count)
    }

    private mutating func nextInSequence(_ level: Level) throws -> Event {
        let header = try header(level.encoding)
        switch header.tag {
        case .item:
            let number = level.numberOfItems + 1
            levels[levels.count - 1].numberOfItems = number
            position += Int64(header.headerLength)
            let end = header.hasUndefinedLength ? nil : position + Int64(header.length)
            try push(isSequence: false, end: end, level.encoding)
            return .beginItem(number)
        case .sequenceDelimitation:
            position += Int64(header.headerLength)
            return pop()
        default:
            throw malformed("\(header.tag) stands where an item must")
        }
    }

    private mutating func nextInDataSet() throws -> Event? {
        let top = levels.count - 1
        if levels[top].isAtFirstElement {
            levels[top].isAtFirstElement = false
            let bytes = try window.bytes(at: position, count: ElementHeader.shortLength)
            levels[top].encoding = levels[top].encoding.adjusted(toFirst: bytes)
        }
        let level = levels[top]
        let header = try header(level.encoding)
        guard header.tag.group != Tag.item.group else {
            // At the top level nothing of the data set can follow.
            if top == 0 { return nil }
            guard header.tag == .itemDelimitation else { throw malformed("\(header.tag) stands within an item") }
            position += Int64(header.headerLength)
            return pop()
        }
        let valueOffset = position + Int64(header.headerLength)
        if let content = contentOfSequence(header, level.encoding) {
            position = valueOffset
            try push(
                isSequence: true, end: header.hasUndefinedLength ? nil : valueOffset + Int64(header.length), content)
            return .beginSequence(header.tag)
        }
        return .element(try element(header, level, valueOffset))
    }

    private mutating func element(_ header: ElementHeader, _ level: Level, _ valueOffset: Int64) throws -> Element {
        let vr = level.context.vr(of: header, isExplicit: level.encoding.isExplicit)
        let isBigEndian = level.encoding.isBigEndian && header.vr != .un
        let element = Element(
            tag: header.tag, vr: vr, isBigEndian: isBigEndian,
            swappedUnit: isBigEndian ? level.context.unitLength(of: header.tag, vr) : 1, valueOffset: valueOffset,
            length: header.hasUndefinedLength ? nil : Int64(header.length))
        if let length = element.length {
            let limit = level.end ?? end
            let isCutOff = valueOffset + length > limit
            // Who cut off the pixels left all else: that much can still be told.
            guard !isCutOff || (levels.count == 1 && header.tag.group == Tag.pixelData.group) else {
                throw DICOMError(
                    kind: limit == end ? .truncated : .malformed, offset: Int(position),
                    detail: "\(header.tag) is said to have \(length) bytes, and \(limit - valueOffset) are there")
            }
            position = isCutOff ? limit : valueOffset + length
            if Context.wants(header.tag), length <= Int64(Context.valueLimit) {
                let value = try value(of: element, limit: Context.valueLimit)
                levels[levels.count - 1].context.take(header.tag, value, isBigEndian: element.isBigEndian)
            }
        } else {
            guard vr == .ob || vr == .ow else { throw malformed("\(header.tag) of VR \(vr) has undefined length") }
            position = valueOffset
            isAtFragments = true
        }
        return element
    }

    /// The encoding of a sequence's items; nil for what is no sequence.
    private func contentOfSequence(_ header: ElementHeader, _ encoding: ElementEncoding) -> ElementEncoding? {
        if header.tag == .pixelData { return nil }
        let isKnownSequence = DataDictionary.entry(of: header.tag) == .fixed(.sq)
        switch header.vr {
        case .sq: return encoding
        // What is UN of undefined length was a sequence in Implicit VR once, and stays it (PS3.5 §6.2.2).
        case .un: return header.hasUndefinedLength || isKnownSequence ? .implicitLittle : nil
        case nil where !encoding.isExplicit:
            return header.hasUndefinedLength || isKnownSequence ? encoding : nil
        default: return nil
        }
    }

    private mutating func push(isSequence: Bool, end: Int64?, _ encoding: ElementEncoding) throws {
        guard levels.count <= 2 * DataSetReader.depthLimit else {
            throw DICOMError(
                kind: .tooLarge, offset: Int(position),
                detail: "more than \(DataSetReader.depthLimit) nested sequences")
        }
        let limit = levels.last { $0.end != nil }?.end ?? self.end
        if let end, end > limit {
            let kind: DICOMError.Kind = limit == self.end ? .truncated : .malformed
            throw DICOMError(kind: kind, offset: Int(position), detail: "a sequence or item ends beyond what holds it")
        }
        let context = levels[levels.count - 1].context
        levels.append(Level(isSequence: isSequence, end: end, encoding: encoding, context: context))
    }

    private mutating func pop() -> Event {
        levels.removeLast().isSequence ? .endSequence : .endItem
    }

    private mutating func header(_ encoding: ElementEncoding) throws -> ElementHeader {
        let bytes = try window.peek(at: position, count: ElementHeader.longLength)
        guard bytes.count >= ElementHeader.shortLength, let header = ElementHeader.decode(bytes, encoding) else {
            throw DICOMError(kind: .truncated, offset: Int(end), detail: "the data set ends inside of a header")
        }
        return header
    }

    /// Steps over the items of encapsulated pixel data; to the end, where they are cut off.
    private mutating func skipFragments() throws {
        var walk = FragmentWalk(at: position, isBigEndian: levels[levels.count - 1].encoding.isBigEndian)
        do {
            while try walk.next(&window) != nil {}
            position = walk.position
        } catch let error as DICOMError where error.kind == .truncated && levels.count == 1 {
            position = end
        }
        isAtFragments = false
    }

    private func malformed(_ detail: String) -> DICOMError {
        DICOMError(kind: .malformed, offset: Int(position), detail: detail)
    }
}
