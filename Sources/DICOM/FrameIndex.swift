// Where each frame of a stored object lies. Computed once from the object's head and its fragments' headers; holds no
// pixels. Reading them is FrameIndex+Reading's, keeping it with the object FrameIndex+Encoding's.

/// The places of an object's frames (PS3.5 §8, §A.4).
package struct FrameIndex: Hashable, Sendable {
    package enum Layout: Hashable, Sendable {
        /// Frames of one size, one behind the other, without padding between them.
        case native(Native)
        /// Frames of one or more fragments each.
        case encapsulated(Encapsulated)
    }

    package struct Native: Hashable, Sendable {
        /// Where all pixels stand, in the data set's source.
        package let pixels: Range<Int64>
        /// Bits of a frame: a multiple of 8 unless Bits Allocated is 1.
        package let bitsPerFrame: Int64
        /// Bytes of the units that must be turned around for Little Endian; 1 for none.
        package let swappedUnit: Int
    }

    package struct Encapsulated: Hashable, Sendable {
        /// Where each fragment's bytes stand, in order.
        package let fragments: [Range<Int64>]
        /// The index of each frame's first fragment, and the number of fragments at the end.
        package let firstFragments: [Int]
    }

    package let syntax: TransferSyntax
    package let numberOfFrames: Int
    package let layout: Layout

    /// Fragments of one object, the offset table among them, that are believed and kept in memory, 16 bytes each.
    package static let fragmentLimit = 4 << 20

    /// Finds the frames of an object.
    ///
    /// - Parameter asStream: whether what has no frames of its own, such as video, counts as one frame of all fragments.
    /// - Throws: `missingAttribute` when it has no pixel data or not what describes it; `unsupported` when frames can't
    ///   be told apart (video, JPEG 2000 Part 2) or pixels are elsewhere; `malformed`, `truncated`, `tooLarge`; what the
    ///   source throws.
    package init(_ file: Part10File, asStream: Bool = false) throws {
        syntax = file.syntax
        guard syntax.pixels != .elsewhere else {
            throw DICOMError(kind: .unsupported, offset: 0, detail: "\(syntax.name) has its pixels elsewhere")
        }
        var description = try PixelDescription(file)
        guard let pixels = description.pixels else {
            throw DICOMError(kind: .missingAttribute, offset: Int(file.source.length), detail: "there is no Pixel Data")
        }
        guard syntax.isEncapsulated == (pixels.length == nil) else {
            throw DICOMError(
                kind: .malformed, offset: Int(pixels.valueOffset), detail: "Pixel Data is not in \(syntax.name)")
        }
        if let length = pixels.length {
            guard pixels.valueOffset + length <= file.source.length else {
                throw DICOMError(
                    kind: .truncated, offset: Int(file.source.length), detail: "the file ends inside of Pixel Data")
            }
            layout = .native(try description.native(pixels, length))
            numberOfFrames = description.numberOfFrames
        } else {
            let isStream = syntax.pixels == .encapsulatedStream
            guard !isStream || asStream || description.numberOfFrames == 1 else {
                throw DICOMError(
                    kind: .unsupported, offset: Int(pixels.valueOffset),
                    detail: "frames of \(syntax.name) cannot be told apart")
            }
            if isStream { description.joinFrames() }
            let found = try Encapsulated(file, description, at: pixels.valueOffset)
            layout = .encapsulated(found)
            numberOfFrames = found.firstFragments.count - 1
        }
    }

    init(syntax: TransferSyntax, numberOfFrames: Int, layout: Layout) {
        self.syntax = syntax
        self.numberOfFrames = numberOfFrames
        self.layout = layout
    }
}

/// What a data set says of its pixels.
struct PixelDescription {
    private(set) var numberOfFrames = 1
    private(set) var pixels: DataSetReader.Element?
    private(set) var extendedOffsets: [UInt64] = []
    private(set) var extendedLengths: [UInt64] = []
    private var rows: Int64?
    private var columns: Int64?
    private var samples: Int64 = 1
    private(set) var bits: Int64?
    private var photometric = ""

    /// An offset table of every fragment that may be.
    private static let tableLimit = 8 * FrameIndex.fragmentLimit
    private static let numberLimit = 64

    init(_ file: Part10File) throws {
        var reader = DataSetReader(file)
        var depth = 0
        while let event = try reader.next() {
            switch event {
            case .beginSequence: depth += 1
            case .endSequence: depth -= 1
            case .element(let element) where depth == 0:
                try take(element, &reader)
                if pixels != nil { return }
            default: break
            }
        }
    }

    /// Counts all fragments as one frame from here on.
    mutating func joinFrames() {
        numberOfFrames = 1
        (extendedOffsets, extendedLengths) = ([], [])
    }

    private mutating func take(_ element: DataSetReader.Element, _ reader: inout DataSetReader) throws {
        switch element.tag {
        case .numberOfFrames:
            let value = try reader.value(of: element, limit: PixelDescription.numberLimit)
            let text = String(decoding: value.filter { $0 > UInt8(ascii: " ") }, as: UTF8.self)
            numberOfFrames = max(Int(text) ?? 1, 1)
        case .rows: rows = try number(element, &reader)
        case .columns: columns = try number(element, &reader)
        case .samplesPerPixel: samples = try number(element, &reader) ?? 1
        case .bitsAllocated: bits = try number(element, &reader)
        case .photometricInterpretation:
            let value = try reader.value(of: element, limit: PixelDescription.numberLimit)
            photometric = String(decoding: value.filter { $0 > UInt8(ascii: " ") }, as: UTF8.self)
        case .extendedOffsetTable: extendedOffsets = try table(element, &reader)
        case .extendedOffsetTableLengths: extendedLengths = try table(element, &reader)
        case .pixelData: pixels = element
        case .floatPixelData: (pixels, bits) = (element, 32)
        case .doubleFloatPixelData: (pixels, bits) = (element, 64)
        default: break
        }
    }

    private func number(_ element: DataSetReader.Element, _ reader: inout DataSetReader) throws -> Int64? {
        let value = try reader.value(of: element, limit: PixelDescription.numberLimit)
        return value.count >= 2 ? Int64(value.uint16(at: 0, bigEndian: element.isBigEndian)) : nil
    }

    private func table(_ element: DataSetReader.Element, _ reader: inout DataSetReader) throws -> [UInt64] {
        let value = try reader.value(of: element, limit: PixelDescription.tableLimit)
        return stride(from: 0, to: value.count - value.count % 8, by: 8).map {
            value.uint64(at: $0, bigEndian: element.isBigEndian)
        }
    }

    /// The layout of native pixels that stand in one value.
    func native(_ pixels: DataSetReader.Element, _ length: Int64) throws -> FrameIndex.Native {
        let bitsPerFrame = try bitsPerFrame(pixels)
        guard FrameIndex.Native.fits(numberOfFrames, of: bitsPerFrame, into: length) else {
            throw DICOMError(
                kind: .malformed, offset: Int(pixels.valueOffset),
                detail: "\(length) bytes of pixels are less than \(numberOfFrames) frames need")
        }
        return FrameIndex.Native(
            pixels: pixels.valueOffset..<pixels.valueOffset + length, bitsPerFrame: bitsPerFrame,
            swappedUnit: pixels.swappedUnit)
    }

    /// Bits of an uncompressed frame: a multiple of 8 unless Bits Allocated is 1.
    func bitsPerFrame(_ pixels: DataSetReader.Element) throws(DICOMError) -> Int64 {
        guard let rows, let columns, let bits, rows > 0, columns > 0, bits > 0, samples > 0 else {
            throw DICOMError(
                kind: .missingAttribute, offset: Int(pixels.valueOffset),
                detail: "Rows, Columns or Bits Allocated are missing or zero")
        }
        // Each factor has 16 bits, so the products of two fit.
        var (frame, overflow) = (rows * columns).multipliedReportingOverflow(by: samples * bits)
        if photometric == "YBR_FULL_422", samples == 3 { frame = frame / 3 * 2 }
        guard !overflow, bits == 1 || frame % 8 == 0 else {
            throw DICOMError(
                kind: .unsupported, offset: Int(pixels.valueOffset),
                detail: "frames of \(rows) × \(columns) pixels of \(samples) samples of \(bits) bits")
        }
        return frame
    }
}
