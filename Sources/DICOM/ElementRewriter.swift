// What each element of an uncompressed data set becomes in another encoding. Moves no values: it says which bytes of the
// source go where.

/// Goes through a data set and gives the headers of its new form, each with the place of the value behind it.
struct ElementRewriter {
    /// Bytes to write, and what of the source stands behind them.
    struct Piece {
        var bytes: [UInt8] = []
        var copy: ValueCopy?
    }

    struct ValueCopy {
        var place: Range<Int64>
        /// Bytes that are turned around together; 1 for none.
        var unit = 1
        /// What makes the length even.
        var padding: UInt8?

        var length: Int64 { Int64(place.count) + (padding == nil ? 0 : 1) }
    }

    /// SOP Class and Instance UID, once they have passed by.
    private(set) var identity = DataSet()

    private let target: ElementEncoding
    private let sourceLength: Int64
    private var reader: DataSetReader
    private var depth = 0
    /// Of an object whose frames lie in fragments.
    private let joined: JoinedFrames?
    /// The number of its fragments that were given out; nil outside of Pixel Data.
    private var nextFragment: Int?

    /// Bytes of the longest UID.
    private static let valueLimit = 64

    init(_ file: Part10File, to target: ElementEncoding) throws {
        self.target = target
        sourceLength = file.source.length
        reader = DataSetReader(file)
        joined = file.syntax.isEncapsulated ? try JoinedFrames(file) : nil
    }

    mutating func bytes(_ place: Range<Int64>) throws -> ArraySlice<UInt8> { try reader.bytes(place) }

    /// The next piece; nil at the data set's end.
    ///
    /// - Throws: as ``DataSetReader/next()``; `unsupported` for compressed pixels, `truncated` for pixels cut off.
    mutating func next() throws -> Piece? {
        if let piece = fragment() { return piece }
        while let event = try reader.next() {
            switch event {
            case .element(let element):
                try checkGroup(of: element.tag)
                if let piece = try piece(element) { return piece }
            case .beginSequence(let tag):
                try checkGroup(of: tag)
                depth += 1
                return header { $0.append(headerOf: tag, .sq, length: ElementHeader.undefinedLength, target) }
            case .beginItem:
                return header { $0.append(headerOf: .item, length: ElementHeader.undefinedLength, target) }
            case .endItem:
                return header { $0.append(headerOf: .itemDelimitation, length: 0, target) }
            case .endSequence:
                depth -= 1
                return header { $0.append(headerOf: .sequenceDelimitation, length: 0, target) }
            }
        }
        return nil
    }

    /// Behind new file meta, what has its group would be read as a part of it.
    private func checkGroup(of tag: Tag) throws(DICOMError) {
        guard depth > 0 || tag.group != Tag.transferSyntaxUID.group else {
            throw DICOMError(kind: .malformed, offset: 0, detail: "\(tag) of file meta stands in the data set")
        }
    }

    private func header(_ write: (inout [UInt8]) -> Void) -> Piece {
        var piece = Piece()
        write(&piece.bytes)
        return piece
    }

    /// Nil for what is left out.
    private mutating func piece(_ element: DataSetReader.Element) throws -> Piece? {
        if element.tag.isGroupLength || (joined != nil && depth == 0 && JoinedFrames.leavesOut(element.tag)) {
            return nil
        }
        guard let length = element.length else { return try joinedPixels(element) }
        guard length <= sourceLength - element.valueOffset else {
            throw DICOMError(
                kind: .truncated, offset: Int(sourceLength), detail: "the file ends inside of \(element.tag)")
        }
        if depth == 0 { try take(element) }
        // What is said to be a sequence, and was not read as one, must not be read as one then.
        let vr = element.vr == .sq ? .un : element.vr
        var piece = Piece()
        piece.bytes.append(headerOf: element.tag, vr, length: UInt32(length + length % 2), target)
        guard length > 0 else { return piece }
        // Without a VR of its own it would be read as items, which it has none of.
        guard (target.isExplicit && vr != .un) || DataDictionary.entry(of: element.tag) != .fixed(.sq) else {
            throw DICOMError(
                kind: .malformed, offset: Int(element.valueOffset),
                detail: "\(element.tag) is a sequence by the dictionary, and here of VR \(element.vr)")
        }
        piece.copy = ValueCopy(
            place: element.valueOffset..<element.valueOffset + length, unit: element.swappedUnit,
            padding: length % 2 == 0 ? nil : vr.paddingByte)
        return piece
    }

    private mutating func take(_ element: DataSetReader.Element) throws {
        guard let length = element.length, length <= ElementRewriter.valueLimit else { return }
        guard element.tag == .sopClassUID || element.tag == .sopInstanceUID else { return }
        identity.set(element.tag, .ui, bytes: try reader.value(of: element, limit: ElementRewriter.valueLimit))
    }

    private mutating func joinedPixels(_ element: DataSetReader.Element) throws -> Piece {
        guard let joined, depth == 0 else {
            throw DICOMError(
                kind: .unsupported, offset: Int(element.valueOffset), detail: "\(element.tag) is in fragments")
        }
        nextFragment = 0
        return header { $0.append(headerOf: element.tag, joined.vr, length: joined.length, target) }
    }

    /// The next fragment of joined pixels.
    private mutating func fragment() -> Piece? {
        guard let joined, let index = nextFragment, index < joined.places.count else { return nil }
        nextFragment = index + 1
        let isLast = index == joined.places.count - 1
        return Piece(copy: ValueCopy(place: joined.places[index], padding: isLast ? joined.padding : nil))
    }
}

/// The frames of Encapsulated Uncompressed Explicit VR Little Endian, one behind the other as native pixels are.
private struct JoinedFrames {
    let vr: VR
    /// Of all frames, padded.
    let length: UInt32
    let padding: UInt8?
    /// Of the fragments, without the padding of each frame.
    let places: [Range<Int64>]

    /// What describes fragments, and has no meaning without.
    static func leavesOut(_ tag: Tag) -> Bool {
        switch tag {
        case .extendedOffsetTable, .extendedOffsetTableLengths, Tag(0x7FE0, 0x0003): true
        default: false
        }
    }

    /// Nil for pixels that are native nevertheless, or absent.
    init?(_ file: Part10File) throws {
        let description = try PixelDescription(file)
        guard let pixels = description.pixels, pixels.length == nil else { return nil }
        let index = try FrameIndex(file)
        guard case .encapsulated(let layout) = index.layout else { return nil }
        let bits = try description.bitsPerFrame(pixels)
        guard bits % 8 == 0 else {
            throw DICOMError(
                kind: .unsupported, offset: Int(pixels.valueOffset), detail: "fragments of one-bit pixels")
        }
        var places: [Range<Int64>] = []
        var total: Int64 = 0
        for number in 1...index.numberOfFrames {
            var left = bits / 8
            for fragment in layout.fragments(ofFrame: number) where left > 0 {
                let count = min(left, Int64(fragment.count))
                places.append(fragment.lowerBound..<fragment.lowerBound + count)
                left -= count
            }
            guard left == 0 else {
                throw DICOMError(
                    kind: .malformed, offset: Int(pixels.valueOffset),
                    detail: "frame \(number) has \(left) bytes less than its size needs")
            }
            total += bits / 8
        }
        guard total < Int64(ElementHeader.undefinedLength) - 1 else {
            throw DICOMError(
                kind: .tooLarge, offset: Int(pixels.valueOffset), detail: "\(total) bytes of pixels are no native value"
            )
        }
        vr = (description.bits ?? 0) > 8 ? .ow : .ob
        length = UInt32(total + total % 2)
        padding = total % 2 == 0 ? nil : 0
        self.places = places
    }
}
