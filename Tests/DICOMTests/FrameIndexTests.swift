import DICOM
import Testing

@Suite struct FrameIndexTests {
    private func frames(_ bytes: [UInt8], pieceLength: Int = 8, asStream: Bool = false) throws -> [[UInt8]] {
        let file = try Part10File(BytesSource(bytes))
        let index = try FrameIndex(file, asStream: asStream)
        return try (1...index.numberOfFrames).map { number in
            var frame: [UInt8] = []
            try index.read(number, from: file.source, pieceLength: pieceLength) { frame += $0 }
            #expect(index.length(ofFrame: number) == Int64(frame.count))
            if let place = index.place(ofFrame: number) {
                #expect(try file.source.read(at: place.lowerBound, count: place.count) == frame)
            }
            return frame
        }
    }

    private func error(_ bytes: [UInt8]) -> DICOMError? {
        do {
            _ = try frames(bytes)
            return nil
        } catch {
            return error as? DICOMError
        }
    }

    private static func image(
        rows: UInt16 = 2, columns: UInt16 = 3, samples: UInt16 = 1, bits: UInt16 = 8, frames: Int? = nil
    ) -> DataSet {
        var image = DataSet()
        image.set(.samplesPerPixel, samples)
        image.set(.photometricInterpretation, .cs, "MONOCHROME2")
        if let frames { image.set(.numberOfFrames, .is, "\(frames)") }
        image.set(.rows, rows)
        image.set(.columns, columns)
        image.set(.bitsAllocated, bits)
        return image
    }

    @Test(arguments: [TransferSyntax.implicitLittle, .explicitLittle, .explicitBig, .deflated])
    func slicesNativePixels(_ syntax: TransferSyntax) throws {
        // Nine bytes a frame, so that frames begin within words and there is padding at the very end.
        var image = Self.image(rows: 3, columns: 3, frames: 3)
        image.set(.pixelData, .ow, bytes: Array(0..<27))
        let expected: [[UInt8]] = [Array(0..<9), Array(9..<18), Array(18..<27)]
        #expect(try frames(Part10Writer(syntax).file(image)) == expected)
    }

    @Test(arguments: [(VR.ow, UInt16(16), 2), (.ow, 32, 4), (.of, 32, 4), (.od, 64, 8)])
    func turnsBigEndianSamplesAround(_ vr: VR, _ bits: UInt16, _ width: Int) throws {
        let tag: Tag = vr == .of ? .floatPixelData : vr == .od ? .doubleFloatPixelData : .pixelData
        var image = Self.image(bits: bits, frames: 2)
        let little = (0..<12 * width).map { UInt8($0) }
        // The writer turns words around; samples of OW wider than a word are turned as a whole.
        let written = vr == .ow && width == 4 ? little.enumerated().map { little[$0.offset ^ 2] } : little
        image.set(tag, vr, bytes: written)
        let expected = [Array(little.prefix(6 * width)), Array(little.suffix(6 * width))]
        let big = try Part10Writer(.explicitBig).file(image)
        #expect(try frames(big) == expected)
        // The whole value, as bulk data, is all frames.
        let file = try Part10File(BytesSource(big))
        let path = try #require(ElementPath([tag.hex]))
        let pixels = try #require(try DataSetReader.find(path, in: file))
        var value: [UInt8] = []
        try pixels.read(from: file.source, pieceLength: 1) { value += $0 }
        #expect(value == little)
        image.set(tag, vr, bytes: little)
        #expect(try frames(Part10Writer(.explicitLittle).file(image)) == expected)
    }

    @Test(arguments: [TransferSyntax.implicitLittle, .explicitBig])
    func alignsFramesOfSingleBits(_ syntax: TransferSyntax) throws {
        // Frames of 15 bits: all ones, then all zeros, then ones, one behind the other from the lowest bit on.
        var image = Self.image(rows: 3, columns: 5, bits: 1, frames: 3)
        image.set(.pixelData, .ow, bytes: [0xFF, 0x7F, 0x00, 0xC0, 0xFF, 0x1F])
        #expect(try frames(Part10Writer(syntax).file(image)) == [[0xFF, 0x7F], [0, 0], [0xFF, 0x7F]])
    }

    @Test func countsTwoThirdsFor422() throws {
        var image = Self.image(rows: 2, columns: 2, samples: 3, frames: 2)
        image.set(.photometricInterpretation, .cs, "YBR_FULL_422")
        image.set(.pixelData, .ob, bytes: Array(0..<16))
        #expect(try frames(Part10Writer().file(image)) == [Array(0..<8), Array(8..<16)])
    }

    /// Encapsulated pixel data of an image with so many frames, with whatever offset table.
    private func encapsulated(
        frames: Int?, offsets: [UInt32] = [], _ fragments: [[UInt8]], syntax: String = "1.2.840.10008.1.2.4.50",
        change: (inout DataSet) -> Void = { _ in }
    ) throws -> [UInt8] {
        var image = Self.image(frames: frames)
        image.set(.pixelData, .ob, .fragments(offsets: offsets, fragments))
        change(&image)
        let syntax = try #require(UID(syntax).flatMap { TransferSyntax($0) })
        return try Part10Writer(syntax).file(image)
    }

    private static let a: [UInt8] = [0xFF, 0xD8, 1, 2]
    private static let b: [UInt8] = [3, 4, 0xFF, 0xD9]

    @Test func takesOneFragmentForEachFrame() throws {
        #expect(try frames(encapsulated(frames: 2, [Self.a, Self.b])) == [Self.a, Self.b])
    }

    @Test func joinsAllFragmentsOfASingleFrame() throws {
        #expect(try frames(encapsulated(frames: nil, [Self.a, Self.b, [5, 6]])) == [Self.a + Self.b + [5, 6]])
    }

    @Test func believesTheBasicOffsetTable() throws {
        let file = try encapsulated(frames: 2, offsets: [0, 12], [Self.b, Self.b, Self.b])
        #expect(try frames(file) == [Self.b, Self.b + Self.b])
    }

    @Test(arguments: [[0, 13], [0, 0], [12, 24], [0, 4_000_000_000], [0]] as [[UInt32]])
    func looksForEndsWhenTheTableIsWrong(_ offsets: [UInt32]) throws {
        let file = try encapsulated(frames: 2, offsets: offsets, [Self.a, Self.b, Self.b])
        #expect(try frames(file) == [Self.a + Self.b, Self.b])
    }

    @Test(arguments: [UInt64(4), 3])
    func believesTheExtendedOffsetTable(_ lastLength: UInt64) throws {
        let file = try encapsulated(frames: 2, [Self.a, Self.b]) {
            $0.set(.extendedOffsetTable, .ov, numbers: [UInt64(0), 12])
            $0.set(.extendedOffsetTableLengths, .ov, numbers: [4, lastLength])
        }
        #expect(try frames(file) == [Self.a, Array(Self.b.prefix(Int(lastLength)))])
    }

    @Test(arguments: [UInt64.max, 5, 0])
    func neverReadsBeyondAFragment(_ length: UInt64) throws {
        let file = try encapsulated(frames: 2, [Self.a, []]) {
            $0.set(.extendedOffsetTable, .ov, numbers: [UInt64(0), 12])
            $0.set(.extendedOffsetTableLengths, .ov, numbers: [length, length])
        }
        #expect(try frames(file) == [Self.a, []])
    }

    @Test func toleratesAMissingDelimiterAtTheEnd() throws {
        let file = try encapsulated(frames: 2, [Self.a, Self.b])
        #expect(try frames(file.dropLast(8)) == [Self.a, Self.b])
        #expect(error(file.dropLast(9))?.kind == .truncated)
    }

    @Test func refusesFramesThatCannotBeToldApart() throws {
        #expect(error(try encapsulated(frames: 4, [Self.a, Self.b]))?.kind == .malformed)
        #expect(error(try encapsulated(frames: 2, [Self.a, Self.a, Self.a]))?.kind == .malformed)
        #expect(error(try encapsulated(frames: 2, []))?.kind == .malformed)
        let video = try encapsulated(frames: 2, [Self.a, Self.b], syntax: "1.2.840.10008.1.2.4.102")
        #expect(error(video)?.kind == .unsupported)
        #expect(try frames(video, asStream: true) == [Self.a + Self.b])
    }

    @Test func refusesNativePixelsThatContradictTheirHead() throws {
        #expect(error(try Part10Writer().file(Self.image()))?.kind == .missingAttribute)
        var image = Self.image(frames: 3)
        image.set(.pixelData, .ob, bytes: Array(0..<12))
        #expect(error(try Part10Writer().file(image))?.kind == .malformed)
        image.set(.numberOfFrames, .is, "9223372036854775807")
        #expect(error(try Part10Writer().file(image))?.kind == .malformed)
        image.set(.numberOfFrames, .is, "2")
        #expect(error(try Part10Writer().file(image).dropLast(1))?.kind == .truncated)
        image.set(.rows, 0)
        #expect(error(try Part10Writer().file(image))?.kind == .missingAttribute)
        #expect(error(try Part10Writer(.rle).file(image))?.kind == .malformed)
    }

    @Test func refusesFramesThatAreNotThere() throws {
        let file = try Part10File(BytesSource(encapsulated(frames: 1, [Self.a])))
        let index = try FrameIndex(file)
        for number in [Int.min, 0, 2, Int.max] {
            #expect(index.length(ofFrame: number) == nil)
            #expect(index.place(ofFrame: number) == nil)
            #expect(throws: DICOMError.self) { try index.read(number, from: file.source) { _ in } }
        }
    }

    @Test(arguments: [TransferSyntax.implicitLittle, .explicitBig, .deflated, .rle])
    func neverTrapsOnMutatedFiles(_ syntax: TransferSyntax) throws {
        var generator = SeededGenerator(31337)
        let file = try Part10Writer(syntax, usesUndefinedLengths: true)
            .file(Fixtures.withPixels(Fixtures.image(), syntax))
        for _ in 0..<400 {
            let mutated = Fixtures.mutated(file, &generator)
            _ = error(mutated)
            do {
                let model = JSONModel(bulkDataBase: "B")
                try model.write(Part10File(BytesSource(mutated))) { _ in }
            } catch {
                #expect(error is DICOMError)
            }
        }
    }
}
