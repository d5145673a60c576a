// The items of encapsulated pixel data, one behind the other (PS3.5 §A.4).

/// Walks fragments by their headers alone.
struct FragmentWalk {
    /// Of the next header; behind the delimiter at the end.
    private(set) var position: Int64
    private let isBigEndian: Bool
    private var count = 0
    /// Of the fragment before, by which the next is guessed: small ones are read along, large ones stepped over.
    private var lastCount = 0

    init(at position: Int64, isBigEndian: Bool) {
        self.position = position
        self.isBigEndian = isBigEndian
    }

    /// Where the next item's value stands; nil behind the last.
    ///
    /// A missing delimiter at the very end of the source is tolerated, since nothing is lost by it.
    /// - Throws: `malformed` for what is no item, `truncated` when one runs beyond the source, `tooLarge` for more
    ///   than ``FrameIndex/fragmentLimit``.
    mutating func next(_ window: inout ByteWindow) throws -> Range<Int64>? {
        if position == window.source.length { return nil }
        let reach = lastCount < ByteWindow.length / 4 ? ByteWindow.length : ElementHeader.shortLength
        let bytes = try window.bytes(at: position, count: ElementHeader.shortLength, reach: reach)
        guard let header = ElementHeader.decode(bytes, ElementEncoding(isExplicit: false, isBigEndian: isBigEndian))
        else { return nil }
        let start = position + Int64(ElementHeader.shortLength)
        if header.tag == .sequenceDelimitation {
            position = start
            return nil
        }
        count += 1
        guard count <= FrameIndex.fragmentLimit else {
            throw DICOMError(
                kind: .tooLarge, offset: Int(position), detail: "more than \(FrameIndex.fragmentLimit) fragments")
        }
        guard header.tag == .item, !header.hasUndefinedLength else {
            throw DICOMError(
                kind: .malformed, offset: Int(position), detail: "\(header.tag) stands where a fragment must")
        }
        let end = start + Int64(header.length)
        guard end <= window.source.length else {
            throw DICOMError(
                kind: .truncated, offset: Int(position), detail: "a fragment of \(header.length) bytes is cut off")
        }
        position = end
        lastCount = Int(header.length)
        return start..<end
    }
}
