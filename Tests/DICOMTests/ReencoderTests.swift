import DICOM
import Testing

@Suite struct ReencoderTests {
    private static let uncompressed = TransferSyntax.all.first { $0.uid.string == "1.2.840.10008.1.2.1.98" }
    private static let sources: [TransferSyntax] = [.implicitLittle, .explicitLittle, .explicitBig, .deflated]

    private func reencoded(_ bytes: [UInt8], to target: TransferSyntax = .explicitLittle) throws -> [UInt8] {
        var reencoder = try Reencoder(Part10File(BytesSource(bytes)), to: target)
        var output: [UInt8] = []
        while let piece = try reencoder.next() {
            #expect(!piece.isEmpty && piece.count <= Reencoder.pieceLength + 16)
            output += piece
        }
        #expect(Int64(output.count) == reencoder.outputLength)
        #expect(try reencoder.next() == nil)
        return output
    }

    private func error(_ bytes: [UInt8], to target: TransferSyntax = .explicitLittle) -> DICOMError? {
        do {
            _ = try reencoded(bytes, to: target)
            return nil
        } catch {
            return error as? DICOMError
        }
    }

    private func json(_ bytes: [UInt8]) throws -> String {
        var output: [UInt8] = []
        var model = JSONModel(bulkDataBase: "B")
        model.rules.inlineLimit = 1 << 20
        try model.write(Part10File(BytesSource(bytes))) { output += $0 }
        return String(decoding: output, as: UTF8.self)
    }

    private func frames(_ bytes: [UInt8]) throws -> [[UInt8]] {
        let file = try Part10File(BytesSource(bytes))
        let index = try FrameIndex(file)
        return try (1...index.numberOfFrames).map { number in
            var frame: [UInt8] = []
            try index.read(number, from: file.source) { frame += $0 }
            return frame
        }
    }

    /// Of every kind of element that has a VR in the dictionary, so that Implicit VR loses none.
    private static func image() -> DataSet {
        var inner = Fixtures.image()
        inner.set(Tag(0x0009, 0x1001), .un, bytes: [1, 2, 3, 4])
        inner.set(Tag(0x0028, 0x1201), .ow, numbers: [UInt16(1), 2, 3])
        var image = inner
        image.set(Tag(0x0008, 0x0000), .ul, numbers: [UInt32(7)])
        image.set(Tag(0x0008, 0x9459), .fl, numbers: [Float(0.5).bitPattern])
        image.set(Tag(0x0018, 0x602C), .fd, numbers: [Double(1.25).bitPattern])
        image.set(Tag(0x0018, 0x6020), .sl, numbers: [Int32(-70000)])
        image.set(Tag(0x0020, 0x5000), .at, numbers: [UInt16(0x0010), 0x0020])
        image.set(Tag(0x0040, 0x0275), items: [inner, DataSet()])
        return image
    }

    @Test(arguments: sources, [TransferSyntax.explicitLittle, .implicitLittle])
    func keepsDataSetAndPixels(_ source: TransferSyntax, _ target: TransferSyntax) throws {
        let image = Fixtures.withPixels(Self.image(), source)
        for usesUndefinedLengths in [false, true] {
            let file = try Part10Writer(source, usesUndefinedLengths: usesUndefinedLengths).file(image)
            let output = try reencoded(file, to: target)
            #expect(try json(output) == json(file))
            #expect(try frames(output) == frames(file))
            let opened = try Part10File(BytesSource(output))
            #expect(opened.syntaxUID == target.uid)
            #expect(opened.encoding == target.encoding)
            #expect(opened.fileMeta[.mediaStorageSOPInstanceUID] != nil)
            // What is already as it should be stays as it is, to the byte.
            #expect(try reencoded(output, to: target) == output)
        }
    }

    @Test func leavesOutGroupLengthsAndUsesUndefinedLengths() throws {
        var item = DataSet()
        item.set(.rows, 4)
        var dataSet = DataSet()
        dataSet.set(Tag(0x0008, 0x0000), .ul, numbers: [UInt32(7)])
        dataSet.set(Tag(0x0008, 0x1140), items: [item])
        let output = try reencoded(Part10Writer(.implicitLittle).file(dataSet))
        let expected =
            Fixtures.header(Tag(0x0008, 0x1140), .sq, .max) + Fixtures.header(.item, nil, .max)
            + Fixtures.element(.rows, .us, [4, 0]) + Fixtures.header(.itemDelimitation, nil, 0)
            + Fixtures.header(.sequenceDelimitation, nil, 0)
        #expect(Array(output.suffix(expected.count)) == expected)
        let head = try Part10Writer().file(DataSet())
        #expect(output.count == head.count + expected.count)
    }

    @Test func makesUNOfWhatIsTooLongOrUnknown() throws {
        let long = [UInt8](repeating: UInt8(ascii: "1"), count: 65536)
        let file =
            try Part10Writer(.implicitLittle).file(DataSet())
            + Fixtures.element(Tag(0x0009, 0x0010), nil, "ACME")
            + Fixtures.element(Tag(0x0009, 0x1001), nil, [1, 2, 3, 4])
            + Fixtures.element(Tag(0x0009, 0x1002), nil, [UInt8](repeating: 7, count: 70_000))
            + Fixtures.element(Tag(0x0028, 0x1054), nil, [UInt8](repeating: UInt8(ascii: "A"), count: 0xFFFE))
            + Fixtures.element(Tag(0x3006, 0x0050), nil, long)
        let output = try reencoded(file)
        let expected =
            Fixtures.element(Tag(0x0009, 0x0010), .lo, "ACME")
            + Fixtures.element(Tag(0x0009, 0x1001), .un, [1, 2, 3, 4])
            + Fixtures.element(Tag(0x0009, 0x1002), .un, [UInt8](repeating: 7, count: 70_000))
            + Fixtures.element(Tag(0x0028, 0x1054), .lo, [UInt8](repeating: UInt8(ascii: "A"), count: 0xFFFE))
            + Fixtures.element(Tag(0x3006, 0x0050), .un, long)
        #expect(Array(output.suffix(expected.count)) == expected)
        #expect(try json(output) == json(file))
    }

    @Test func padsOddLengths() throws {
        let file =
            try Part10Writer().file(DataSet()) + Fixtures.element(Tag(0x0009, 0x1001), .ob, [1, 2, 3])
            + Fixtures.element(Tag(0x0010, 0x0020), .lo, "ABC") + Fixtures.element(.studyInstanceUID, .ui, "1.2")
        let expected =
            Fixtures.element(Tag(0x0009, 0x1001), .ob, [1, 2, 3, 0])
            + Fixtures.element(Tag(0x0010, 0x0020), .lo, "ABC ") + Fixtures.element(.studyInstanceUID, .ui, "1.2\0")
        #expect(try reencoded(file).suffix(expected.count).elementsEqual(expected))
    }

    @Test func givesFileMetaToABareDataSet() throws {
        let image = Fixtures.withPixels(Fixtures.image(), .explicitLittle)
        let output = try reencoded(Part10Writer(.implicitLittle).dataSet(image))
        let meta = try Part10File(BytesSource(output)).fileMeta
        #expect(meta[.mediaStorageSOPClassUID]?.value == image[.sopClassUID]?.value)
        #expect(meta[.mediaStorageSOPInstanceUID]?.value == image[.sopInstanceUID]?.value)
    }

    @Test func keepsWhoSentTheFile() throws {
        var file = try Part10Writer(.implicitLittle).file(Fixtures.image())
        let length = Int(file.uint32(at: 140, bigEndian: false))
        file.insert(contentsOf: Fixtures.element(Tag(0x0002, 0x0016), .ae, "SCANNER "), at: 144 + length)
        let meta = try Part10File(BytesSource(reencoded(file))).fileMeta
        #expect(meta[Tag(0x0002, 0x0016)]?.value == .bytes(Array("SCANNER ".utf8)))
    }

    @Test func turnsLongValuesAroundInPieces() throws {
        var image = Fixtures.image()
        image.set(.rows, 270)
        image.set(.columns, 270)
        image.set(.bitsAllocated, 32)
        image.set(.numberOfFrames, .is, "1")
        let samples = (0..<72_900).map { UInt32($0) * 50_021 }
        image.set(.pixelData, .ow, numbers: samples)
        let little = try Part10Writer().file(image)
        // The writer turns words around; a sample of two words lies as a whole.
        var swapped = image
        swapped.set(.pixelData, .ow, numbers: samples.map { ($0 << 16) | ($0 >> 16) })
        let big = try Part10Writer(.explicitBig).file(swapped)
        #expect(try frames(reencoded(big)) == frames(little))
        #expect(try reencoded(big) == reencoded(little))
    }

    @Test func joinsUncompressedFragments() throws {
        let syntax = try #require(Self.uncompressed)
        var image = Fixtures.image()
        image.set(.rows, 3)
        image.set(.columns, 1)
        image.set(.bitsAllocated, 8)
        image.set(.extendedOffsetTable, .ov, numbers: [UInt64(0), 12, 24])
        image.setPixelData(frames: [[1, 2, 3], [4, 5, 6], [7, 8, 9]])
        let output = try reencoded(Part10Writer(syntax).file(image))
        #expect(try frames(output) == [[1, 2, 3], [4, 5, 6], [7, 8, 9]])
        let expected = Fixtures.element(.pixelData, .ob, [1, 2, 3, 4, 5, 6, 7, 8, 9, 0])
        #expect(Array(output.suffix(expected.count)) == expected)
        #expect(try !json(output).contains("7FE00001"))
        image.set(.pixelData, .ob, .fragments(offsets: [0, 20, 32], [[1, 2], [3, 0], [4, 5, 6, 0], [7, 8, 9, 0]]))
        #expect(try reencoded(Part10Writer(syntax).file(image)) == output)
        image.set(.rows, 5)
        #expect(error(try Part10Writer(syntax).file(image))?.kind == .malformed)
    }

    @Test func refusesWhatNeedsACodec() throws {
        let compressed = try Part10Writer(.rle).file(Fixtures.withPixels(Fixtures.image(), .rle))
        #expect(error(compressed)?.kind == .unsupported)
        let plain = try Part10Writer().file(Fixtures.withPixels(Fixtures.image(), .explicitLittle))
        for target in [TransferSyntax.rle, .explicitBig, .deflated] {
            #expect(error(plain, to: target)?.kind == .unsupported)
        }
        // Fragments where the transfer syntax has none.
        let fragments = try Part10Writer().file(Fixtures.withPixels(Fixtures.image(), .rle))
        #expect(error(fragments)?.kind == .unsupported)
    }

    /// Written behind new file meta, it would be a part of it, and say another transfer syntax.
    @Test func refusesFileMetaWithinTheDataSet() throws {
        let syntax = Fixtures.element(.transferSyntaxUID, .ui, "1.2.840.10008.1.2.2\0")
        let file = try Part10Writer().file(DataSet()) + Fixtures.element(Tag(0x0001, 0x0010), .lo, "A ") + syntax
        #expect(error(file)?.kind == .malformed)
    }

    /// Without a VR of its own, an element that the dictionary has as a sequence would be read as one.
    @Test func refusesASequenceThatHasNoItemsWhereItsVRIsLost() throws {
        let text = Fixtures.element(Tag(0x0008, 0x1140), .lo, "WADOGATE")
        let unknown = Array("\u{8}\0\u{40}\u{11}zz".utf8) + [8, 0] + Array("WADOGATE".utf8)
        let file = try Part10Writer().file(DataSet()) + Fixtures.element(.sopInstanceUID, .ui, "1.4\0")
        #expect(error(file + text) == nil)
        #expect(error(file + text, to: .implicitLittle)?.kind == .malformed)
        #expect(error(file + unknown)?.kind == .malformed)
    }

    @Test func refusesAnObjectThatIsCutOffBeforeItsFirstByte() throws {
        let file = try Part10Writer().file(Fixtures.withPixels(Fixtures.image(), .explicitLittle))
        let source = BytesSource(file.dropLast())
        #expect(throws: DICOMError.self) { try Reencoder(Part10File(source)) }
    }

    @Test(arguments: sources + (uncompressed.map { [$0] } ?? []))
    func neverTrapsOnMutatedFiles(_ syntax: TransferSyntax) throws {
        var generator = SeededGenerator(14142)
        let file = try Part10Writer(syntax, usesUndefinedLengths: true)
            .file(Fixtures.withPixels(Fixtures.image(), syntax))
        for round in 0..<150 {
            let mutated = Fixtures.mutated(file, &generator)
            guard let output = try? reencoded(mutated, to: round % 2 == 0 ? .explicitLittle : .implicitLittle) else {
                continue
            }
            // What was written is read again: every length in it is sound.
            var reader = DataSetReader(try Part10File(BytesSource(output)))
            while try reader.next() != nil {}
        }
    }
}
