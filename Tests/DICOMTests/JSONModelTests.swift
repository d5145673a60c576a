import DICOM
import Testing

@Suite struct JSONModelTests {
    private func json(_ dataSet: DataSet, _ syntax: TransferSyntax = .explicitLittle) throws -> String {
        var output: [UInt8] = []
        let file = try Part10File(BytesSource(Part10Writer(syntax, usesUndefinedLengths: true).file(dataSet)))
        try JSONModel(bulkDataBase: "B").write(file) { output += $0 }
        return String(decoding: output, as: UTF8.self)
    }

    /// The object of one element, without braces.
    private func json(of tag: Tag, _ vr: VR, _ bytes: [UInt8], charset: String? = nil) throws -> String {
        var dataSet = DataSet()
        if let charset { dataSet.set(.specificCharacterSet, .cs, charset) }
        dataSet.set(tag, vr, bytes: bytes)
        let whole = try json(dataSet)
        let start = try #require(whole.firstRange(of: "\"\(tag.hex)\":{\"vr\":\"\(vr)\""))
        return String(whole[start.upperBound...].dropLast(2))
    }

    private static let texts: [(VR, String, String)] = [
        (.lo, "", ""), (.lo, "  ", ""), (.lo, "A ", ",\"Value\":[\"A\"]"), (.lo, " A", ",\"Value\":[\" A\"]"),
        (.lo, "A\\\\B", ",\"Value\":[\"A\",null,\"B\"]"), (.lo, "A\\", ",\"Value\":[\"A\",null]"),
        (.lo, "say \"x\"\u{1}", ",\"Value\":[\"say \\\"x\\\"\\u0001\"]"),
        (.lt, "a\\b\r\n", ",\"Value\":[\"a\\\\b\\r\\n\"]"), (.ut, "a\\b", ",\"Value\":[\"a\\\\b\"]"),
        (.ur, "http://x/a\\b", ",\"Value\":[\"http://x/a\\\\b\"]"),
        (.ui, "1.2.3\0", ",\"Value\":[\"1.2.3\"]"), (.ui, "1.2\\1.3", ",\"Value\":[\"1.2\",\"1.3\"]"),
        (.pn, "A^B", ",\"Value\":[{\"Alphabetic\":\"A^B\"}]"),
        (.pn, "A==P", ",\"Value\":[{\"Alphabetic\":\"A\",\"Phonetic\":\"P\"}]"),
        (.pn, "=I\\A", ",\"Value\":[{\"Ideographic\":\"I\"},{\"Alphabetic\":\"A\"}]"),
        (.is, "12\\ -3 \\", ",\"Value\":[12,-3,null]"), (.is, "+007", ",\"Value\":[7]"),
        (.is, "1A", ",\"Value\":[\"1A\"]"),
        (.ds, "1.50", ",\"Value\":[1.50]"), (.ds, ".5\\5.\\-.5E-3\\+1e10", ",\"Value\":[0.5,5,-0.5e-3,1e10]"),
        (.ds, "1e999\\-\\1,5", ",\"Value\":[\"1e999\",\"-\",\"1,5\"]"),
    ]

    @Test(arguments: texts.indices)
    func writesText(_ index: Int) throws {
        let (vr, text, expected) = Self.texts[index]
        #expect(try json(of: Tag(0x0009, 0x1001), vr, Array(text.utf8)) == expected)
    }

    private static let numbers: [(VR, [UInt8], String)] = [
        (.us, [1, 0, 255, 255], ",\"Value\":[1,65535]"), (.ss, [255, 255], ",\"Value\":[-1]"),
        (.ul, [255, 255, 255, 255], ",\"Value\":[4294967295]"), (.sl, [0, 0, 0, 128], ",\"Value\":[-2147483648]"),
        (.uv, [0, 0, 0, 0, 0, 0, 32, 0], ",\"Value\":[9007199254740992]"),
        (.uv, [1, 0, 0, 0, 0, 0, 32, 0], ",\"Value\":[\"9007199254740993\"]"),
        (.sv, [255, 255, 255, 255, 255, 255, 255, 255], ",\"Value\":[-1]"),
        (.fl, [0, 0, 0x80, 0x3E], ",\"Value\":[0.25]"), (.fd, [0, 0, 0, 0, 0, 0, 0xD0, 0xBF], ",\"Value\":[-0.25]"),
        (.fl, [0, 0, 0x80, 0x7F], ",\"BulkDataURI\":\"B/00091001\""),
        (.fd, [0, 0, 0, 0, 0, 0, 0xF8, 0x7F], ",\"BulkDataURI\":\"B/00091001\""),
        (.at, [0xE0, 0x7F, 0x10, 0], ",\"Value\":[\"7FE00010\"]"), (.us, [7], ",\"Value\":[7]"),
        (.ob, [1, 2, 3], ",\"InlineBinary\":\"AQIDAA==\""), (.un, [255, 254], ",\"InlineBinary\":\"//4=\""),
        (.ob, [], ""), (.sq, [], ""),
    ]

    @Test(arguments: numbers.indices)
    func writesNumbersAndBytes(_ index: Int) throws {
        let (vr, bytes, expected) = Self.numbers[index]
        #expect(try json(of: Tag(0x0009, 0x1001), vr, bytes) == expected)
    }

    @Test(arguments: [TransferSyntax.implicitLittle, .explicitLittle, .explicitBig, .deflated])
    func writesTheSameForEverySyntax(_ syntax: TransferSyntax) throws {
        var inner = DataSet()
        inner.set(Tag(0x0028, 0x1201), .ow, numbers: [UInt16(1), 2])
        inner.set(Tag(0x0028, 0x1202), .ow, bytes: [UInt8](repeating: 1, count: 1026))
        var image = DataSet()
        image.set(.specificCharacterSet, .cs, "ISO_IR 100")
        image.set(Tag(0x0008, 0x0000), .ul, numbers: [UInt32(99)])
        image.set(Tag(0x0008, 0x1140), items: [DataSet(), inner])
        image.set(Tag(0x0010, 0x0010), .pn, bytes: [0xC4, 0x5E, 0x42, 0x20])
        image.set(.rows, 4)
        image.set(.pixelData, .ow, bytes: [1, 2])
        #expect(
            try json(image, syntax) == """
                {"00080005":{"vr":"CS","Value":["ISO_IR 192"]},\
                "00081140":{"vr":"SQ","Value":[{},{"00281201":{"vr":"OW","InlineBinary":"AQACAA=="},\
                "00281202":{"vr":"OW","BulkDataURI":"B/00081140/2/00281202"}}]},\
                "00100010":{"vr":"PN","Value":[{"Alphabetic":"Ä^B"}]},\
                "00280010":{"vr":"US","Value":[4]},\
                "7FE00010":{"vr":"OW","BulkDataURI":"B/7FE00010"}}
                """)
    }

    @Test func writesABaseAsItIsAndNoSuchByteElsewhere() throws {
        var dataSet = DataSet()
        dataSet.set(Tag(0x0010, 0x0020), .lo, "\u{1A}/studies")
        dataSet.set(.pixelData, .ow, bytes: [1, 2])
        var output: [UInt8] = []
        try JSONModel(bulkDataBase: "\u{1A}/s").write(Part10File(BytesSource(Part10Writer().file(dataSet)))) {
            output += $0
        }
        let json = String(decoding: output, as: UTF8.self)
        #expect(json.contains("{\"vr\":\"LO\",\"Value\":[\"\\u001a/studies\"]}"))
        #expect(json.contains("\"BulkDataURI\":\"\u{1A}/s/7FE00010\""))
    }

    @Test func leavesOutPixelsInFragments() throws {
        #expect(
            try json(Fixtures.withPixels(DataSet(), .rle), .rle) == """
                {"7FE00010":{"vr":"OB","BulkDataURI":"B/7FE00010"}}
                """)
        #expect(try json(DataSet()) == "{}")
    }

    @Test func keepsOneOfTwoEqualTags() throws {
        let file =
            try Part10Writer().file(DataSet()) + Fixtures.element(.rows, .us, [4, 0])
            + Fixtures.element(.rows, .us, [5, 0])
            + Fixtures.element(.rows, .sq, Fixtures.header(.item, nil, 8) + Fixtures.element(.columns, .us, []))
            + Fixtures.element(.columns, .us, [6, 0])
        var output: [UInt8] = []
        try JSONModel(bulkDataBase: "B").write(Part10File(BytesSource(file))) { output += $0 }
        #expect(
            String(decoding: output, as: UTF8.self)
                == "{\"00280010\":{\"vr\":\"US\",\"Value\":[4]},\"00280011\":{\"vr\":\"US\",\"Value\":[6]}}")
    }

    @Test func movesLongTextOutAndRefusesWhatCannotMove() throws {
        var dataSet = DataSet()
        dataSet.set(Tag(0x0040, 0xA160), .ut, bytes: [UInt8](repeating: 65, count: 70_000))
        #expect(try json(dataSet).contains("\"BulkDataURI\":\"B/0040A160\""))
        let file =
            try Part10Writer(.implicitLittle).file(DataSet())
            + Fixtures.element(Tag(0x0008, 0x0018), nil, [UInt8](repeating: 65, count: 2 << 20))
        let source = BytesSource(file)
        #expect(throws: DICOMError.self) { try JSONModel(bulkDataBase: "B").write(Part10File(source)) { _ in } }
    }

    @Test func writesLongDocumentsInPieces() throws {
        var item = DataSet()
        item.set(Tag(0x0008, 0x0104), .lo, "Code meaning")
        var dataSet = DataSet()
        dataSet.set(Tag(0x0008, 0x1140), items: Array(repeating: item, count: 5000))
        let file = try Part10File(BytesSource(Part10Writer().file(dataSet)))
        var pieces: [Int] = []
        try JSONModel(bulkDataBase: "B").write(file) { pieces.append($0.count) }
        #expect(pieces.count > 3)
        #expect(pieces.allSatisfy { $0 < 80_000 })
    }
}
