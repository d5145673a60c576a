import DICOM
import Testing

@Suite struct DataSetReaderTests {
    /// What a reader tells of a file, one line an event.
    private func events(_ bytes: [UInt8]) throws -> [String] {
        var reader = try DataSetReader(Part10File(BytesSource(bytes)))
        var lines: [String] = []
        while let event = try reader.next() {
            switch event {
            case .element(let element): lines.append("\(element.tag) \(element.vr) \(element.length ?? -1)")
            case .beginSequence(let tag): lines.append("\(tag) [")
            case .beginItem(let number): lines.append("\(number) {")
            case .endItem: lines.append("}")
            case .endSequence: lines.append("]")
            }
        }
        return lines
    }

    private func error(_ bytes: [UInt8]) -> DICOMError? {
        do {
            _ = try events(bytes)
            return nil
        } catch {
            return error as? DICOMError
        }
    }

    private static let small: DataSet = {
        var inner = DataSet()
        inner.set(Tag(0x0008, 0x1155), UID(literal: "1.2"))
        var outer = DataSet()
        outer.set(.specificCharacterSet, .cs, "ISO_IR 100")
        outer.set(Tag(0x0008, 0x1140), items: [inner, DataSet()])
        outer.set(Tag(0x0008, 0x2112), items: [])
        outer.set(.rows, 4)
        return outer
    }()

    private static let smallEvents = [
        "(0008,0005) CS 10", "(0008,1140) [", "1 {", "(0008,1155) UI 4", "}", "2 {", "}", "]", "(0008,2112) [", "]",
        "(0028,0010) US 2",
    ]

    @Test(arguments: [TransferSyntax.implicitLittle, .explicitLittle, .explicitBig, .deflated, .rle], [false, true])
    func tellsTheSameInEverySyntax(_ syntax: TransferSyntax, undefinedLengths: Bool) throws {
        let file = try Part10Writer(syntax, usesUndefinedLengths: undefinedLengths).file(Self.small)
        #expect(try events(file) == Self.smallEvents)
    }

    @Test func readsValuesOfTheirOwnByteOrder() throws {
        for syntax in [TransferSyntax.implicitLittle, .explicitBig] {
            let file = try Part10File(BytesSource(Part10Writer(syntax).file(Self.small)))
            let path = try #require(ElementPath(["00280010"]))
            let element = try #require(try DataSetReader.find(path, in: file))
            var value: [UInt8] = []
            try element.read(from: file.source) { value += $0 }
            #expect(value == [4, 0])
        }
    }

    @Test func findsNestedElements() throws {
        let file = try Part10File(BytesSource(Part10Writer(usesUndefinedLengths: true).file(Fixtures.image())))
        let path = try #require(ElementPath(["00081140", "1", "00081140", "2", "00280010"]))
        #expect(path.description == "00081140/1/00081140/2/00280010")
        #expect(try DataSetReader.find(path, in: file)?.length == 2)
        let absent = try #require(ElementPath(["00081140", "1", "00081140", "1", "00280010"]))
        #expect(try DataSetReader.find(absent, in: file) == nil)
        let odd = try #require(ElementPath(["00091001"]))
        #expect(try DataSetReader.find(odd, in: file)?.length == 78)
    }

    @Test(arguments: ["", "0008114", "00081140/1", "00081140/0/00280010", "00081140/00280010", "00081140/+1/00280010"])
    func refusesPathsOfNoElement(_ path: String) {
        #expect(ElementPath(path.split(separator: "/")) == nil)
    }

    @Test func readsUNOfUndefinedLengthAsImplicit() throws {
        var inner = DataSet()
        inner.set(Tag(0x0008, 0x1155), UID(literal: "1.2"))
        let content = Part10Writer(.implicitLittle, usesUndefinedLengths: true).dataSet(inner)
        let unknown =
            Fixtures.header(Tag(0x0009, 0x1002), .un, .max) + Fixtures.header(.item, nil, .max) + content
            + Fixtures.header(.itemDelimitation, nil, 0) + Fixtures.header(.sequenceDelimitation, nil, 0)
        let file = try Part10Writer().file(DataSet()) + unknown + Fixtures.element(.rows, .us, [4, 0])
        #expect(
            try events(file) == ["(0009,1002) [", "1 {", "(0008,1155) UI 4", "}", "]", "(0028,0010) US 2"])
    }

    @Test func readsKnownElementsBehindUN() throws {
        let file =
            try Part10Writer().file(DataSet()) + Fixtures.element(Tag(0x0010, 0x0010), .un, "DEMO")
            + Fixtures.element(Tag(0x0011, 0x1010), .un, "DEMO")
        #expect(try events(file) == ["(0010,0010) PN 4", "(0011,1010) UN 4"])
    }

    @Test(arguments: [(UInt16(0), VR.us), (1, .ss)])
    func resolvesSignedByPixelRepresentation(_ representation: UInt16, _ vr: VR) throws {
        var image = DataSet()
        image.set(.pixelRepresentation, representation)
        image.set(Tag(0x0028, 0x0106), 7)
        var nested = DataSet()
        nested.set(Tag(0x0028, 0x0106), 7)
        image.set(Tag(0x0040, 0x9096), items: [nested])
        let lines = try events(Part10Writer(.implicitLittle).file(image))
        #expect(lines.filter { $0 == "(0028,0106) \(vr) 2" }.count == 2)
        #expect(lines.contains("(0040,9096) ["))
    }

    @Test func stepsOverFragments() throws {
        var image = Self.small
        image.setPixelData(frames: [[1, 2, 3], [4]])
        image.set(Tag(0xFFFC, 0xFFFC), .ob, bytes: [0, 0])
        let file = try Part10Writer(.rle).file(image)
        #expect(try events(file) == Self.smallEvents + ["(7FE0,0010) OB -1", "(FFFC,FFFC) OB 2"])
    }

    @Test func announcesPixelDataThatIsCutOff() throws {
        let file = try Part10Writer().file(Fixtures.withPixels(Fixtures.image(), .explicitLittle))
        #expect(try events(file.dropLast(10)).last == "(7FE0,0010) OW 144")
        #expect(error(try Part10Writer().file(Fixtures.image()).dropLast(1))?.kind == .truncated)
    }

    @Test(arguments: [1, 9, 17]) func announcesFragmentsThatAreCutOff(_ missing: Int) throws {
        let file = try Part10Writer(.rle).file(Fixtures.withPixels(Fixtures.image(), .rle))
        #expect(try events(file.dropLast(missing)).last == "(7FE0,0010) OB -1")
    }

    private static let malformed: [([UInt8], DICOMError.Kind)] = [
        (Fixtures.header(Tag(0x0009, 1), .ut, .max), .malformed),
        (Fixtures.header(Tag(0x0009, 1), .sq, .max) + Fixtures.element(.rows, .us, [1, 2]), .malformed),
        (Fixtures.header(Tag(0x0009, 1), .sq, 8) + Fixtures.header(.item, nil, 9) + [0], .malformed),
        (Fixtures.header(Tag(0x0009, 1), .sq, 20) + [], .truncated),
        (
            Fixtures.header(Tag(0x0009, 1), .sq, 18) + Fixtures.header(.item, nil, 8)
                + Fixtures.header(Tag(0x0008, 0x0005), .cs, 4) + [32, 32, 32, 32], .malformed
        ),
        (Fixtures.header(.pixelData, .ob, .max) + Fixtures.header(.rows, nil, 0), .malformed),
    ]

    @Test(arguments: malformed.indices)
    func refusesMalformedData(_ index: Int) throws {
        let (bytes, kind) = Self.malformed[index]
        #expect(error(try Part10Writer().file(DataSet()) + bytes)?.kind == kind)
    }

    @Test func boundsDepthAndInflating() throws {
        #expect(
            error(try Part10Writer(usesUndefinedLengths: true).file(Fixtures.image(nesting: 70)))?.kind == .tooLarge)
        #expect(error(try Part10Writer().file(Fixtures.image(nesting: 70)))?.kind == .tooLarge)
        var image = DataSet()
        image.set(Tag(0x0009, 0x1002), .ob, bytes: [UInt8](repeating: 0, count: 3 << 20))
        let source = try BytesSource(Part10Writer(.deflated).file(image))
        #expect(throws: DICOMError.self) { try Part10File(source, inflateLimit: 1 << 20) }
    }
}

@Suite struct SpecificCharacterSetTests {
    private static let samples: [(terms: [String], bytes: [UInt8], text: String)] = [
        ([], Array("Adams^John".utf8), "Adams^John"),
        (["ISO_IR 100"], [0x42, 0x75, 0x63, 0x2D, 0x4A, 0xE9, 0x72, 0xF4, 0x6D, 0x65], "Buc-Jérôme"),
        (["iso ir 100 "], [0xC4], "Ä"),
        (["ISO_IR 144"], [0xBB, 0xEE, 0xDA, 0x63, 0x65, 0xDC], "Люкceм"),
        (["ISO_IR 126"], [0xC4, 0xE9], "Δι"),
        (["ISO_IR 192"], Array("王^小東".utf8), "王^小東"),
        (["GB18030"], [0xCD, 0xF5, 0x5E, 0xD0, 0xA1, 0xB6, 0xAB], "王^小东"),
        (["ISO_IR 13"], [0xD4, 0xCF, 0xC0, 0xDE], "ﾔﾏﾀﾞ"),
        (
            ["", "ISO 2022 IR 87"],
            Array("Yamada^Tarou=".utf8) + [0x1B, 0x24, 0x42, 0x3B, 0x33, 0x45, 0x44, 0x1B, 0x28, 0x42, 0x5E]
                + [0x1B, 0x24, 0x42, 0x42, 0x40, 0x4F, 0x3A, 0x1B, 0x28, 0x42], "Yamada^Tarou=山田^太郎"
        ),
        (
            ["", "ISO 2022 IR 149"],
            Array("Hong=".utf8) + [0x1B, 0x24, 0x29, 0x43, 0xFB, 0xF3, 0x5E, 0x1B, 0x24, 0x29, 0x43, 0xD1, 0xCE],
            "Hong=洪^吉"
        ),
        (["ISO 2022 IR 6", "ISO 2022 IR 58"], [0x1B, 0x24, 0x29, 0x41, 0xB5, 0xDA], "第"),
        (["ISO 2022 IR 100", "ISO 2022 IR 144"], [0xC4, 0x1B, 0x2D, 0x4C, 0xBB], "ÄЛ"),
        // A backslash within a two-byte character is none, and after it the first set counts again.
        (["", "ISO 2022 IR 87"], [0x1B, 0x24, 0x42, 0x25, 0x5C, 0x1B, 0x28, 0x42, 0x5C, 0x41], "ボ\\A"),
        (["ISO_IR 6"], [0xE9], "é"),
        (["ISO_IR 192"], [0x41, 0xFF], "A\u{FFFD}"),
        (["GB18030"], [0x41, 0xFF], "A\u{FFFD}"),
        (["no such set"], [0x41, 0xE9], "Aé"),
    ]

    @Test(arguments: samples.indices)
    func readsText(_ index: Int) {
        let (terms, bytes, text) = Self.samples[index]
        #expect(SpecificCharacterSet(terms: terms).string(bytes, delimiters: .names) == text)
    }

    @Test func neverTrapsOnAnyBytes() {
        var generator = SeededGenerator(99)
        let terms = ["", "ISO 2022 IR 87", "ISO 2022 IR 159", "ISO 2022 IR 149", "GBK", "ISO_IR 13", "ISO_IR 166"]
        for _ in 0..<3000 {
            let set = SpecificCharacterSet(terms: Array(terms.shuffled(using: &generator).prefix(3)))
            let length = Int.random(in: 0...24, using: &generator)
            let bytes: [UInt8] = (0..<length).map { _ in
                let choices: [UInt8] = [
                    0x1B, 0x24, 0x28, 0x42, 0x29, 0x5C, 0x5E, .random(in: 0...255, using: &generator),
                ]
                return choices.randomElement(using: &generator) ?? 0
            }
            _ = set.string(bytes, delimiters: .names)
        }
    }
}
