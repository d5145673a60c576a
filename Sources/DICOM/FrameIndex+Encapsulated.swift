// Which fragments belong to which frame.

extension FrameIndex.Encapsulated {
    /// Finds fragments and frames: by the extended offset table, by the basic one, or by counting and looking.
    ///
    /// Each table is believed only if it names places at which fragments begin.
    init(_ file: Part10File, _ description: PixelDescription, at offset: Int64) throws {
        var window = ByteWindow(file.source)
        var walk = FragmentWalk(at: offset, isBigEndian: file.encoding.isBigEndian)
        guard let tablePlace = try walk.next(&window) else {
            throw DICOMError(kind: .malformed, offset: Int(offset), detail: "there is no offset table")
        }
        let origin = walk.position
        var fragments: [Range<Int64>] = []
        while let fragment = try walk.next(&window) { fragments.append(fragment) }
        guard !fragments.isEmpty else {
            throw DICOMError(kind: .malformed, offset: Int(origin), detail: "there are no fragments")
        }
        let frames = description.numberOfFrames
        if let found = Self.extended(description, fragments, origin) {
            self = found
        } else if let starts = try Self.basic(&window, tablePlace, fragments, origin, frames, file.encoding) {
            self.init(fragments: fragments, firstFragments: starts + [fragments.count])
        } else if fragments.count == frames {
            self.init(fragments: fragments, firstFragments: Array(0...frames))
        } else if frames == 1 {
            self.init(fragments: fragments, firstFragments: [0, fragments.count])
        } else {
            let starts = try Self.byEnds(&window, fragments, frames, at: origin)
            self.init(fragments: fragments, firstFragments: starts + [fragments.count])
        }
    }

    /// By (7FE0,0001) and (7FE0,0002): one fragment for each frame, whose length may leave out a byte of padding.
    private static func extended(
        _ description: PixelDescription, _ fragments: [Range<Int64>], _ origin: Int64
    ) -> Self? {
        let (offsets, lengths) = (description.extendedOffsets, description.extendedLengths)
        guard offsets.count == description.numberOfFrames, offsets.count == fragments.count else { return nil }
        var trimmed = fragments
        for (index, fragment) in fragments.enumerated() {
            let start = fragment.lowerBound - Int64(ElementHeader.shortLength) - origin
            guard offsets[index] == UInt64(start) else { return nil }
            if lengths.count == offsets.count, !fragment.isEmpty, lengths[index] == UInt64(fragment.count - 1) {
                trimmed[index] = fragment.lowerBound..<fragment.upperBound - 1
            }
        }
        return Self(fragments: trimmed, firstFragments: Array(0...fragments.count))
    }

    /// By the basic offset table; nil if it is empty, or wrong, as it is bound to be beyond 4 GiB.
    private static func basic(
        _ window: inout ByteWindow, _ place: Range<Int64>, _ fragments: [Range<Int64>], _ origin: Int64,
        _ frames: Int, _ encoding: ElementEncoding
    ) throws -> [Int]? {
        guard frames <= fragments.count, place.count == 4 * frames else { return nil }
        let table = try window.bytes(at: place.lowerBound, count: place.count)
        var starts: [Int] = []
        var fragment = 0
        for index in stride(from: table.startIndex, to: table.endIndex, by: 4) {
            let offset = origin + Int64(table.uint32(at: index, bigEndian: encoding.isBigEndian))
            let target = offset + Int64(ElementHeader.shortLength)
            while fragment < fragments.count, fragments[fragment].lowerBound < target { fragment += 1 }
            guard fragment < fragments.count, fragments[fragment].lowerBound == target, starts.last != fragment else {
                return nil
            }
            starts.append(fragment)
        }
        return starts.first == 0 ? starts : nil
    }

    /// A frame ends with a fragment that has an end-of-image marker near its end.
    private static func byEnds(
        _ window: inout ByteWindow, _ fragments: [Range<Int64>], _ frames: Int, at origin: Int64
    ) throws -> [Int] {
        var starts = [0]
        for (index, fragment) in fragments.enumerated().dropLast() {
            let count = min(fragment.count, 10)
            let tail = try window.bytes(at: fragment.upperBound - Int64(count), count: count)
            if zip(tail, tail.dropFirst()).contains(where: { $0 == 0xFF && $1 == 0xD9 }) { starts.append(index + 1) }
        }
        guard starts.count == frames else {
            throw DICOMError(
                kind: .malformed, offset: Int(origin),
                detail: "\(fragments.count) fragments cannot be told apart as \(frames) frames")
        }
        return starts
    }
}
