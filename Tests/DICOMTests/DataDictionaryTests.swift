import DICOM
import Testing

@Suite struct DataDictionaryTests {
    @Test(arguments: [
        (Tag.specificCharacterSet, DataDictionary.Entry.fixed(.cs), "SpecificCharacterSet"),
        (Tag(0x0010, 0x0010), .fixed(.pn), "PatientName"),
        (Tag.pixelData, .obOrOW, "PixelData"),
        (Tag(0x0028, 0x0106), .usOrSS, "SmallestImagePixelValue"),
        (Tag(0x0028, 0x3006), .usOrOW, "LUTData"),
        (Tag(0x6002, 0x3000), .obOrOW, "OverlayData"),
        (Tag(0x60FE, 0x0010), .fixed(.us), "OverlayRows"),
        (Tag(0x0020, 0x3142), .fixed(.cs), "SourceImageIDs"),
    ])
    func knowsStandardElements(_ tag: Tag, _ entry: DataDictionary.Entry, _ keyword: String) {
        #expect(DataDictionary.entry(of: tag) == entry)
        #expect(DataDictionary.keyword(of: tag) == keyword)
    }

    @Test func knowsPrivateCreatorsAndGroupLengthsOfAnyGroup() {
        #expect(DataDictionary.entry(of: Tag(0x0029, 0x0010)) == .fixed(.lo))
        #expect(DataDictionary.entry(of: Tag(0x0029, 0x0000)) == .fixed(.ul))
        #expect(DataDictionary.entry(of: Tag(0x0029, 0x1010)) == nil)
        #expect(DataDictionary.entry(of: Tag(0x0008, 0xFFF0)) == nil)
        #expect(DataDictionary.keyword(of: Tag(0x6001, 0x3000)) == nil)
    }
}

@Suite struct TagTests {
    @Test func readsAndWritesEightHexDigits() {
        #expect(Tag(hex: "7fe00010") == .pixelData)
        #expect(Tag.pixelData.hex == "7FE00010")
        #expect(Tag.sopInstanceUID.hex == "00080018")
        #expect(Tag.rows.description == "(0028,0010)")
    }

    @Test(arguments: ["", "7FE0001", "7FE000100", "+7FE0001", "7FE0 010", "PatientN"])
    func refusesOtherText(_ text: String) {
        #expect(Tag(hex: text) == nil)
    }
}

@Suite struct TransferSyntaxTests {
    @Test func knowsEveryUIDOnce() {
        #expect(Set(TransferSyntax.all.map(\.uid)).count == TransferSyntax.all.count)
        for syntax in TransferSyntax.all { #expect(TransferSyntax(syntax.uid) == syntax) }
        #expect(TransferSyntax(UID(literal: "1.2.3")) == nil)
    }

    @Test func hasOneDefaultForEachMediaType() {
        let defaults = Dictionary(grouping: TransferSyntax.all.filter(\.isDefaultOfMediaType), by: \.pixelMediaType)
        for syntax in TransferSyntax.all { #expect(defaults[syntax.pixelMediaType]?.count == 1) }
    }

    @Test(arguments: [
        ("1.2.840.10008.1.2.4.50", "image/jpeg", true, true), ("1.2.840.10008.1.2.4.70", "image/jpeg", true, false),
        ("1.2.840.10008.1.2.5", "image/dicom-rle", true, false),
        ("1.2.840.10008.1.2.4.107", "video/H265", true, true),
        ("1.2.840.10008.1.2.1", "application/octet-stream", false, false),
    ])
    func tellsMediaTypeAndLoss(_ uid: String, _ mediaType: String, _ isEncapsulated: Bool, _ isLossy: Bool) throws {
        let syntax = try #require(UID(uid).flatMap { TransferSyntax($0) })
        #expect(syntax.pixelMediaType == mediaType)
        #expect(syntax.isEncapsulated == isEncapsulated)
        #expect(syntax.isLossy == isLossy)
    }
}
