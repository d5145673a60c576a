// A frame index as bytes, to be kept with the object that it is of. Believes nothing it reads.

extension FrameIndex {
    /// Of the encoding; an index of another version is computed anew.
    private static let version: UInt8 = 1
    private static let native: UInt8 = 0
    private static let encapsulated: UInt8 = 1

    /// The index as bytes: about 40 for native pixels, and 1 to 5 more for each fragment.
    ///
    /// Layout, numbers in LEB128, so seven bits a byte, lowest first: version (1 byte); length of the transfer syntax
    /// UID, and its characters; 0 for native or 1 for encapsulated. Native: number of frames, offset and length of the
    /// pixels, bits per frame, bytes of a swapped unit. Encapsulated: number of fragments, offset of the first one's
    /// bytes, and for each its length · 4 + 2 if it begins a frame + 1 if a byte of padding is behind it. Each fragment
    /// stands behind the header of an item, which is why no further offset is needed.
    package func encoded() -> [UInt8] {
        var output = [FrameIndex.version]
        output.append(leb128: Int64(syntax.uid.string.utf8.count))
        output += syntax.uid.string.utf8
        switch layout {
        case .native(let native):
            output.append(FrameIndex.native)
            output.append(leb128: Int64(numberOfFrames))
            output.append(leb128: native.pixels.lowerBound)
            output.append(leb128: Int64(native.pixels.count))
            output.append(leb128: native.bitsPerFrame)
            output.append(leb128: Int64(native.swappedUnit))
        case .encapsulated(let layout):
            output.append(FrameIndex.encapsulated)
            layout.encode(to: &output)
        }
        return output
    }

    /// Reads what ``encoded()`` wrote.
    ///
    /// - Parameter sourceLength: bytes of the source that frames will be read from, which no frame may exceed; of a
    ///   deflated object that is its inflated data set, as in ``Part10File/source``.
    /// - Throws: `unsupported` for another version, `malformed` for bytes that are no index of such a source.
    package init(encoded bytes: [UInt8], sourceLength: Int64) throws(DICOMError) {
        guard bytes.first == FrameIndex.version else {
            throw DICOMError(kind: .unsupported, offset: 0, detail: "this is no frame index of this version")
        }
        var reader = EncodingReader(bytes: bytes, index: 1)
        guard let found = FrameIndex(&reader, sourceLength), reader.index == bytes.count else {
            throw DICOMError(kind: .malformed, offset: reader.index, detail: "this is no frame index of such an object")
        }
        self = found
    }

    /// Nil for anything that ``encoded()`` doesn't write.
    private init?(_ reader: inout EncodingReader, _ sourceLength: Int64) {
        guard let length = reader.number(1...64), let uid = reader.uid(length: Int(length)),
            let kind = reader.number(Int64(FrameIndex.native)...Int64(FrameIndex.encapsulated))
        else { return nil }
        let syntax = TransferSyntax(uid) ?? TransferSyntax(unknown: uid)
        guard syntax.isEncapsulated == (kind == FrameIndex.encapsulated), syntax.pixels != .elsewhere else {
            return nil
        }
        if syntax.isEncapsulated {
            guard let layout = Encapsulated(&reader, sourceLength) else { return nil }
            self.init(
                syntax: syntax, numberOfFrames: layout.firstFragments.count - 1, layout: .encapsulated(layout))
        } else {
            guard let frames = reader.number(1...Int64.max), let layout = Native(&reader, Int(frames), sourceLength)
            else { return nil }
            self.init(syntax: syntax, numberOfFrames: Int(frames), layout: .native(layout))
        }
    }
}

extension FrameIndex.Native {
    /// Bits Allocated has 16 bits, and a unit is no longer than one sample, or than a word of the longest VR.
    private static let unitLimit: Int64 = 65535 / 8

    fileprivate init?(_ reader: inout EncodingReader, _ frames: Int, _ sourceLength: Int64) {
        guard let start = reader.number(0...sourceLength), let length = reader.number(1...Int64.max),
            length <= sourceLength - start, let bits = reader.number(1...Int64.max),
            let unit = reader.number(1...Self.unitLimit), Self.fits(frames, of: bits, into: length)
        else { return nil }
        self.init(pixels: start..<start + length, bitsPerFrame: bits, swappedUnit: Int(unit))
    }
}

extension FrameIndex.Encapsulated {
    private static let frameBit: Int64 = 2
    private static let paddingBit: Int64 = 1

    fileprivate func encode(to output: inout [UInt8]) {
        output.append(leb128: Int64(fragments.count))
        output.append(leb128: fragments.first?.lowerBound ?? 0)
        var frame = 0
        for (index, fragment) in fragments.enumerated() {
            let isFirst = firstFragments[frame] == index
            if isFirst { frame += 1 }
            let next = index + 1 < fragments.count ? fragments[index + 1].lowerBound : nil
            let isPadded = next.map { $0 > fragment.upperBound + Int64(ElementHeader.shortLength) } ?? false
            output.append(
                leb128: Int64(fragment.count) << 2 | (isFirst ? Self.frameBit : 0) | (isPadded ? Self.paddingBit : 0))
        }
    }

    fileprivate init?(_ reader: inout EncodingReader, _ sourceLength: Int64) {
        guard let count = reader.number(1...Int64(FrameIndex.fragmentLimit)), count <= reader.bytesLeft,
            var start = reader.number(0...sourceLength)
        else { return nil }
        var fragments: [Range<Int64>] = []
        var firstFragments: [Int] = []
        fragments.reserveCapacity(Int(count))
        for index in 0..<Int(count) {
            guard let entry = reader.number(0...Int64(UInt32.max) << 2 | 3), start <= sourceLength,
                entry >> 2 <= sourceLength - start
            else { return nil }
            fragments.append(start..<start + entry >> 2)
            if entry & Self.frameBit != 0 { firstFragments.append(index) }
            start += entry >> 2 + entry & Self.paddingBit + Int64(ElementHeader.shortLength)
        }
        guard firstFragments.first == 0 else { return nil }
        self.init(fragments: fragments, firstFragments: firstFragments + [fragments.count])
    }
}

/// Takes numbers off the front of an encoded index.
private struct EncodingReader {
    let bytes: [UInt8]
    private(set) var index: Int

    var bytesLeft: Int64 { Int64(bytes.count - index) }

    init(bytes: [UInt8], index: Int) {
        self.bytes = bytes
        self.index = index
    }

    /// The next number; nil if it is outside of the bounds, is not there, or has more bytes than it needs.
    mutating func number(_ bounds: ClosedRange<Int64>) -> Int64? {
        var value: Int64 = 0
        // Nine bytes hold 63 bits.
        for shift in stride(from: Int64(0), to: 63, by: 7) {
            guard index < bytes.count else { return nil }
            let byte = bytes[index]
            index += 1
            value |= Int64(byte & 0x7F) << shift
            if byte & 0x80 == 0 { return bounds.contains(value) && (byte > 0 || shift == 0) ? value : nil }
        }
        return nil
    }

    mutating func uid(length: Int) -> UID? {
        guard length <= bytes.count - index else { return nil }
        defer { index += length }
        return UID(String(decoding: bytes[index..<index + length], as: UTF8.self))
    }
}

extension [UInt8] {
    /// Appends a number that is not negative, seven bits a byte, lowest first.
    fileprivate mutating func append(leb128 number: Int64) {
        var rest = number
        while rest > 0x7F {
            append(UInt8(truncatingIfNeeded: rest & 0x7F | 0x80))
            rest >>= 7
        }
        append(UInt8(truncatingIfNeeded: rest))
    }
}
