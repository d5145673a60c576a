import DICOM
import Testing

@Suite struct NativeModelTests {
    private static let head = """
        <?xml version="1.0" encoding="UTF-8"?>\
        <NativeDicomModel xmlns="http://dicom.nema.org/PS3.19/models/NativeDICOM" xml:space="preserve">
        """

    /// What stands in the root element.
    private func xml(_ dataSet: DataSet, _ syntax: TransferSyntax = .explicitLittle) throws -> String {
        var output: [UInt8] = []
        let file = try Part10File(BytesSource(Part10Writer(syntax, usesUndefinedLengths: true).file(dataSet)))
        try NativeModel(bulkDataBase: "\u{1A}B").write(file) { output += $0 }
        let document = String(decoding: output, as: UTF8.self)
        try #require(document.hasPrefix(Self.head) && document.hasSuffix("</NativeDicomModel>"))
        return String(document.dropFirst(Self.head.count).dropLast("</NativeDicomModel>".count))
    }

    /// What stands in one element, which is private and without a creator.
    private func content(_ vr: VR, _ bytes: [UInt8]) throws -> String {
        var dataSet = DataSet()
        dataSet.set(Tag(0x0009, 0x1001), vr, bytes: bytes)
        let element = try xml(dataSet)
        let head = "<DicomAttribute tag=\"00091001\" vr=\"\(vr)\">"
        try #require(element.hasPrefix(head) && element.hasSuffix("</DicomAttribute>"))
        return String(element.dropFirst(head.count).dropLast("</DicomAttribute>".count))
    }

    private static let texts: [(VR, String, String)] = [
        (.lo, "", ""), (.lo, "  ", ""), (.lo, "A ", "<Value number=\"1\">A</Value>"),
        (
            .cs, "MPG\\\\XR3",
            "<Value number=\"1\">MPG</Value><Value number=\"2\"></Value><Value number=\"3\">XR3</Value>"
        ),
        (.lo, "<a&\"b'>", "<Value number=\"1\">&lt;a&amp;&quot;b'&gt;</Value>"),
        (.lt, "a\\b\r\n\tc", "<Value number=\"1\">a\\b&#13;&#10;&#9;c</Value>"),
        (.lo, "\u{1}\u{1B}x\u{7F}", "<Value number=\"1\">\u{FFFD}\u{FFFD}x\u{7F}</Value>"),
        (.ds, " 1.50\\x", "<Value number=\"1\">1.50</Value><Value number=\"2\">x</Value>"),
        (.is, "+007", "<Value number=\"1\">+007</Value>"),
        (.ui, "1.2.3\0", "<Value number=\"1\">1.2.3</Value>"),
        (
            .pn, "Doe^Ann^M^Dr^PhD",
            "<PersonName number=\"1\"><Alphabetic><FamilyName>Doe</FamilyName><GivenName>Ann</GivenName>"
                + "<MiddleName>M</MiddleName><NamePrefix>Dr</NamePrefix><NameSuffix>PhD</NameSuffix></Alphabetic>"
                + "</PersonName>"
        ),
        (
            .pn, "A=^B=^^C^D^E^F\\\\G",
            "<PersonName number=\"1\"><Alphabetic><FamilyName>A</FamilyName></Alphabetic>"
                + "<Ideographic><GivenName>B</GivenName></Ideographic>"
                + "<Phonetic><MiddleName>C</MiddleName><NamePrefix>D</NamePrefix><NameSuffix>E^F</NameSuffix></Phonetic>"
                + "</PersonName><PersonName number=\"2\"></PersonName>"
                + "<PersonName number=\"3\"><Alphabetic><FamilyName>G</FamilyName></Alphabetic></PersonName>"
        ),
    ]

    @Test(arguments: texts.indices)
    func writesText(_ index: Int) throws {
        let (vr, text, expected) = Self.texts[index]
        #expect(try content(vr, Array(text.utf8)) == expected)
    }

    private static let numbers: [(VR, [UInt8], String)] = [
        (.us, [1, 0, 255, 255], "<Value number=\"1\">1</Value><Value number=\"2\">65535</Value>"),
        (.sv, [255, 255, 255, 255, 255, 255, 255, 127], "<Value number=\"1\">9223372036854775807</Value>"),
        (.fl, [0, 0, 0x80, 0x3E], "<Value number=\"1\">0.25</Value>"),
        (.fl, [0, 0, 0x80, 0x7F], "<BulkData uri=\"\u{1A}B/00091001\"/>"),
        (.at, [0xE0, 0x7F, 0x10, 0], "<Value number=\"1\">7FE00010</Value>"),
        (.un, [1, 2, 3, 4], "<InlineBinary>AQIDBA==</InlineBinary>"), (.ob, [], ""), (.sq, [], ""),
        (.ob, [UInt8](repeating: 0, count: 1026), "<BulkData uri=\"\u{1A}B/00091001\"/>"),
    ]

    @Test(arguments: numbers.indices)
    func writesNumbersAndBytes(_ index: Int) throws {
        let (vr, bytes, expected) = Self.numbers[index]
        #expect(try content(vr, bytes) == expected)
    }

    @Test(arguments: [TransferSyntax.implicitLittle, .explicitLittle, .explicitBig, .deflated])
    func writesTheSameForEverySyntax(_ syntax: TransferSyntax) throws {
        var inner = DataSet()
        inner.set(Tag(0x0028, 0x1202), .ow, bytes: [UInt8](repeating: 1, count: 1026))
        var image = DataSet()
        image.set(.specificCharacterSet, .cs, "ISO_IR 100")
        image.set(Tag(0x0008, 0x0000), .ul, numbers: [UInt32(99)])
        image.set(Tag(0x0008, 0x1140), items: [DataSet(), inner])
        image.set(Tag(0x0010, 0x0020), .lo, bytes: [0xC4, 0x5E, 0x42, 0x20])
        image.set(.pixelData, .ow, bytes: [1, 2])
        #expect(
            try xml(image, syntax) == """
                <DicomAttribute tag="00080005" vr="CS" keyword="SpecificCharacterSet">\
                <Value number="1">ISO_IR 192</Value></DicomAttribute>\
                <DicomAttribute tag="00081140" vr="SQ" keyword="ReferencedImageSequence">\
                <Item number="1"></Item><Item number="2">\
                <DicomAttribute tag="00281202" vr="OW" keyword="GreenPaletteColorLookupTableData">\
                <BulkData uri="\u{1A}B/00081140/2/00281202"/></DicomAttribute></Item></DicomAttribute>\
                <DicomAttribute tag="00100020" vr="LO" keyword="PatientID">\
                <Value number="1">Ä^B</Value></DicomAttribute>\
                <DicomAttribute tag="7FE00010" vr="OW" keyword="PixelData">\
                <BulkData uri="\u{1A}B/7FE00010"/></DicomAttribute>
                """)
    }

    @Test func clearsBlocksOfPrivateElementsAndNamesTheirCreators() throws {
        var inner = DataSet()
        inner.set(Tag(0x0009, 0x1001), .lo, "no creator here")
        var dataSet = DataSet()
        dataSet.set(Tag(0x0009, 0x0010), .lo, "ACME \"1\"")
        dataSet.set(Tag(0x0009, 0x00FE), .lo, "Other")
        dataSet.set(Tag(0x0009, 0x1001), items: [inner])
        dataSet.set(Tag(0x0009, 0x1101), .lo, "unreserved")
        dataSet.set(Tag(0x0009, 0xFE01), .lo, "x")
        dataSet.set(Tag(0x000B, 0x1001), .lo, "another group")
        #expect(
            try xml(dataSet) == """
                <DicomAttribute tag="00090010" vr="LO"><Value number="1">ACME &quot;1&quot;</Value></DicomAttribute>\
                <DicomAttribute tag="000900FE" vr="LO"><Value number="1">Other</Value></DicomAttribute>\
                <DicomAttribute tag="00090001" vr="SQ" privateCreator="ACME &quot;1&quot;"><Item number="1">\
                <DicomAttribute tag="00091001" vr="LO"><Value number="1">no creator here</Value></DicomAttribute>\
                </Item></DicomAttribute>\
                <DicomAttribute tag="00091101" vr="LO"><Value number="1">unreserved</Value></DicomAttribute>\
                <DicomAttribute tag="00090001" vr="LO" privateCreator="Other"><Value number="1">x</Value></DicomAttribute>\
                <DicomAttribute tag="000B1001" vr="LO"><Value number="1">another group</Value></DicomAttribute>
                """)
    }

    @Test func replacesWhatUTF8HasAndXMLHasNot() throws {
        var dataSet = DataSet()
        dataSet.set(.specificCharacterSet, .cs, "ISO_IR 192")
        dataSet.set(Tag(0x0010, 0x4000), .lt, bytes: [0xEF, 0xBF, 0xBE, 0xFF, 0xF0, 0x9F, 0x98, 0x80])
        #expect(try xml(dataSet).contains("<Value number=\"1\">\u{FFFD}\u{FFFD}😀</Value>"))
    }

    @Test(arguments: [TransferSyntax.implicitLittle, .explicitBig])
    func neverTrapsOnMutatedFiles(_ syntax: TransferSyntax) throws {
        var generator = SeededGenerator(16180)
        let file = try Part10Writer(syntax, usesUndefinedLengths: true)
            .file(Fixtures.withPixels(Fixtures.image(), syntax))
        for _ in 0..<100 {
            do {
                let mutated = Fixtures.mutated(file, &generator)
                try NativeModel(bulkDataBase: "B").write(Part10File(BytesSource(mutated))) { _ in }
            } catch {
                #expect(error is DICOMError)
            }
        }
    }
}
