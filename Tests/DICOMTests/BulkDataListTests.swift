import DICOM
import Testing

@Suite struct BulkDataListTests {
    private static let lut = Tag(0x0028, 0x1202)

    private func file(_ dataSet: DataSet, _ syntax: TransferSyntax = .explicitLittle) throws -> Part10File {
        try Part10File(BytesSource(Part10Writer(syntax, usesUndefinedLengths: true).file(dataSet)))
    }

    /// A nested table, a private one, a short value, and pixels.
    private func image(encapsulated: Bool = false) -> DataSet {
        var inner = DataSet()
        inner.set(Self.lut, .ow, bytes: [UInt8](repeating: 1, count: 1026))
        var image = DataSet()
        image.set(Tag(0x0008, 0x1140), items: [DataSet(), inner])
        image.set(Tag(0x0009, 0x0010), .lo, "WADOGATE")
        image.set(Tag(0x0009, 0x1001), .ob, bytes: [UInt8](repeating: 2, count: 2000))
        image.set(Tag(0x0009, 0x1002), .ob, bytes: [1, 2, 3, 4])
        if encapsulated { image.setPixelData(frames: [[1, 2, 3]]) } else { image.set(.pixelData, .ow, bytes: [5, 6]) }
        return image
    }

    @Test(arguments: [TransferSyntax.implicitLittle, .explicitLittle, .explicitBig, .deflated])
    func listsWhatStandsInNoDocument(_ syntax: TransferSyntax) throws {
        let file = try file(image(), syntax)
        let list = try BulkDataList(file).entries
        #expect(list.map { "\($0.path)" } == ["00081140/2/00281202", "00091001", "7FE00010"])
        #expect(list.map { $0.element.length } == [1026, 2000, 2])
        var value: [UInt8] = []
        try list[1].element.read(from: file.source) { value += $0 }
        #expect(value == [UInt8](repeating: 2, count: 2000))
    }

    @Test func everyEntryIsFoundAgainByItsPath() throws {
        let file = try file(image())
        for entry in try BulkDataList(file).entries {
            #expect(try DataSetReader.find(entry.path, in: file) == entry.element)
        }
    }

    @Test func listsExactlyTheURLsOfTheMetadata() throws {
        let file = try file(
            image(encapsulated: true), TransferSyntax(UID(literal: "1.2.840.10008.1.2.4.50")) ?? .explicitLittle)
        var document: [UInt8] = []
        try JSONModel(bulkDataBase: "B").write(file) { document += $0 }
        let pieces = String(decoding: document, as: UTF8.self).split(separator: "\"BulkDataURI\":\"B/")
        let urls = pieces.dropFirst().map { $0.prefix { $0 != "\"" } }
        let list = try BulkDataList(file).entries
        #expect(list.map { Substring("\($0.path)") } == urls)
        #expect(list.last?.element.length == nil)
    }

    @Test func refusesMoreThanTheLimit() throws {
        let file = try file(image())
        #expect(throws: DICOMError.self) { try BulkDataList(file, limit: 2) }
        #expect(try BulkDataList(file, limit: 3).entries.count == 3)
    }
}
