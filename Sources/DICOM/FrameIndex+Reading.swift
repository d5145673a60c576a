// The bytes of a frame, as they stand for its media type: little-endian, from a byte on, without fragments.

extension FrameIndex {
    /// Bytes of a frame as ``read(_:from:pieceLength:to:)`` gives them, frames counted from 1; nil for one that is not
    /// there.
    package func length(ofFrame number: Int) -> Int64? {
        guard (1...numberOfFrames).contains(number) else { return nil }
        switch layout {
        case .native(let native): return (native.bitsPerFrame + 7) / 8
        case .encapsulated(let layout): return layout.fragments(ofFrame: number).reduce(0) { $0 + Int64($1.count) }
        }
    }

    /// The place of a frame that can be sent from the file as it lies; nil for one that must be put together, changed or
    /// inflated.
    package func place(ofFrame number: Int) -> Range<Int64>? {
        guard (1...numberOfFrames).contains(number), !syntax.isDeflated else { return nil }
        switch layout {
        case .native(let native):
            let (start, bits) = (Int64(number - 1) * native.bitsPerFrame, native.bitsPerFrame)
            guard native.swappedUnit == 1, start % 8 == 0, bits % 8 == 0 else { return nil }
            return native.pixels.lowerBound + start / 8..<native.pixels.lowerBound + (start + bits) / 8
        case .encapsulated(let layout):
            let fragments = layout.fragments(ofFrame: number)
            return fragments.count == 1 ? fragments.first : nil
        }
    }

    private func end(ofFrame number: Int) -> Int64 {
        switch layout {
        case .native(let native): native.pixels.upperBound
        case .encapsulated(let layout): layout.fragments(ofFrame: number).last?.upperBound ?? 0
        }
    }

    /// Gives a frame's bytes to `sink`, piece by piece.
    ///
    /// - Parameter pieceLength: bytes that are held at once, about; rounded up to eight.
    /// - Throws: `missingAttribute` for a frame that is not there, `truncated` when the source ends before it; what the
    ///   source and the sink throw.
    package func read(
        _ number: Int, from source: any ByteSource, pieceLength: Int = 256 << 10, to sink: ([UInt8]) throws -> Void
    ) throws {
        guard (1...numberOfFrames).contains(number) else {
            throw DICOMError(
                kind: .missingAttribute, offset: 0, detail: "there are \(numberOfFrames) frames, and no frame \(number)"
            )
        }
        // The index may have been kept for longer than the source was what it is.
        guard end(ofFrame: number) <= source.length else {
            throw DICOMError(
                kind: .truncated, offset: Int(source.length), detail: "the file ends before frame \(number) does")
        }
        let pieceLength = (max(pieceLength, 8) + 7) / 8 * 8
        switch layout {
        case .native(let native):
            try native.read(number, from: source, pieceLength: pieceLength, to: sink)
        case .encapsulated(let layout):
            for fragment in layout.fragments(ofFrame: number) {
                try source.forEachPiece(of: fragment, pieceLength, sink)
            }
        }
    }
}

extension FrameIndex.Encapsulated {
    func fragments(ofFrame number: Int) -> ArraySlice<Range<Int64>> {
        fragments[firstFragments[number - 1]..<firstFragments[number]]
    }
}

extension FrameIndex.Native {
    /// Whether so many frames of so many bits each fit into so many bytes.
    static func fits(_ frames: Int, of bitsPerFrame: Int64, into length: Int64) -> Bool {
        let (total, overflow) = bitsPerFrame.multipliedReportingOverflow(by: Int64(frames))
        return !overflow && (total - 1) / 8 < length
    }

    func read(
        _ number: Int, from source: any ByteSource, pieceLength: Int, to sink: ([UInt8]) throws -> Void
    ) throws {
        // Pieces are of whole units, or they could not be turned around.
        let pieceLength = max(pieceLength / swappedUnit, 1) * swappedUnit
        let start = Int64(number - 1) * bitsPerFrame
        let end = start + bitsPerFrame
        let bytes = start / 8..<(end + 7) / 8
        // Units are whole only if reading begins at one: a frame of an odd number of bytes may begin within a word.
        let unit = Int64(swappedUnit)
        let first = pixels.lowerBound + bytes.lowerBound / unit * unit
        let last = min(pixels.lowerBound + (bytes.upperBound + unit - 1) / unit * unit, pixels.upperBound)
        var before = Int(pixels.lowerBound + bytes.lowerBound - first)
        var left = bytes.count
        var shifter = BitShifter(shift: Int(start % 8), bits: bitsPerFrame)
        try source.forEachPiece(of: first..<last, pieceLength) { piece in
            let swapped = swappedUnit == 1 ? piece : piece.swapped(unit: swappedUnit)
            let own = Array(swapped.dropFirst(before).prefix(left))
            before = 0
            left -= own.count
            try sink(start % 8 == 0 && bitsPerFrame % 8 == 0 ? own : shifter.shifted(own))
        }
        let rest = shifter.rest()
        if !rest.isEmpty { try sink(rest) }
    }
}

/// Moves a run of bits down to begin on a byte, and clears what is behind it: a frame of one-bit pixels begins within a
/// byte whose lower bits are the frame before's (PS3.5 §8.1.1).
private struct BitShifter {
    private let shift: Int
    private var bitsLeft: Int64
    private var carried: UInt8?

    init(shift: Int, bits: Int64) {
        self.shift = shift
        bitsLeft = bits
    }

    mutating func shifted(_ bytes: [UInt8]) -> [UInt8] {
        var output: [UInt8] = []
        output.reserveCapacity(bytes.count)
        for byte in bytes {
            if let carried {
                append(carried >> UInt8(shift) | UInt8(truncatingIfNeeded: Int(byte) << (8 - shift)), &output)
            }
            carried = byte
        }
        return output
    }

    mutating func rest() -> [UInt8] {
        var output: [UInt8] = []
        if let carried { append(carried >> UInt8(shift), &output) }
        return output
    }

    private mutating func append(_ byte: UInt8, _ output: inout [UInt8]) {
        guard bitsLeft > 0 else { return }
        output.append(bitsLeft >= 8 ? byte : byte & (1 << UInt8(bitsLeft) - 1))
        bitsLeft -= 8
    }
}

extension ByteSource {
    func forEachPiece(of range: Range<Int64>, _ pieceLength: Int, _ body: ([UInt8]) throws -> Void) throws {
        var position = range.lowerBound
        while position < range.upperBound {
            let count = Int(min(Int64(pieceLength), range.upperBound - position))
            try body(read(at: position, count: count))
            position += Int64(count)
        }
    }
}

extension [UInt8] {
    /// Each unit of so many bytes turned around; a rest that is no whole unit stays.
    func swapped(unit: Int) -> [UInt8] {
        var result = self
        for start in stride(from: 0, to: count - count % unit, by: unit) {
            var (low, high) = (start, start + unit - 1)
            while low < high {
                result.swapAt(low, high)
                low += 1
                high -= 1
            }
        }
        return result
    }
}
