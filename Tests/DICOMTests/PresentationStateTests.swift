import DICOM
import Testing

@Suite struct PresentationStateTests {
    private typealias Reference = PresentationState.Reference

    private func image(_ uid: String, frames: String? = nil) -> DataSet {
        var image = DataSet()
        image.set(Tag(0x0008, 0x1150), Fixtures.sopClass)
        image.set(Tag(0x0008, 0x1155), .ui, uid)
        if let frames { image.set(Tag(0x0008, 0x1160), .is, frames) }
        return image
    }

    private func series(_ uid: String?, _ images: [DataSet]) -> DataSet {
        var series = DataSet()
        series.set(Tag(0x0008, 0x1140), items: images)
        if let uid { series.set(.seriesInstanceUID, .ui, uid) }
        return series
    }

    /// A presentation state with other sequences of the same names around the one that counts.
    private func file(_ items: [DataSet], _ syntax: TransferSyntax = .explicitLittle) throws -> [UInt8] {
        var state = DataSet()
        state.set(.sopClassUID, UID(literal: "1.2.840.10008.5.1.4.1.1.11.1"))
        state.set(.sopInstanceUID, Fixtures.instance)
        state.set(Tag(0x0008, 0x1115), items: items)
        state.set(Tag(0x0008, 0x1140), items: [image("6.6.6")])
        state.set(.studyInstanceUID, Fixtures.study)
        state.set(.seriesInstanceUID, Fixtures.series)
        var layer = DataSet()
        layer.set(Tag(0x0008, 0x1140), items: [image("7.7.7")])
        state.set(Tag(0x0070, 0x0001), items: [layer])
        return try Part10Writer(syntax).file(state)
    }

    private func references(_ bytes: [UInt8]) throws -> [PresentationState.Reference] {
        try PresentationState(Part10File(BytesSource(bytes))).references
    }

    @Test(arguments: [TransferSyntax.explicitLittle, .implicitLittle, .explicitBig])
    func namesItsImagesInOrder(syntax: TransferSyntax) throws {
        let bytes = try file(
            [
                series("1.1", [image("1.1.3"), image("1.1.1", frames: "2\\ 10 ")]),
                series("1.2", [image("1.2.1"), image("1.2.1")]), series(nil, [image("1.3.1")]), series("1.4", []),
            ], syntax)
        #expect(
            try references(bytes) == [
                Reference(series: UID(literal: "1.1"), instance: UID(literal: "1.1.3")),
                Reference(series: UID(literal: "1.1"), instance: UID(literal: "1.1.1"), frames: .several),
                Reference(series: UID(literal: "1.2"), instance: UID(literal: "1.2.1")),
            ])
    }

    @Test func otherReferencesAreNotItsImages() throws {
        var inner = image("1.1.1")
        inner.set(Tag(0x0008, 0x1115), items: [series("9", [image("9.9")])])
        #expect(try references(file([series("1.1", [inner])])).map(\.instance.string) == ["1.1.1"])
        #expect(try references(Part10Writer().file(Fixtures.image())).isEmpty)
    }

    @Test(
        arguments: [
            (nil, .all), ("", .all), ("  ", .all), ("1", .one(1)), (" 7 ", .one(7)), ("1\\1", .several),
            ("2\\ 10 ", .several),
        ] as [(String?, Reference.Frames)])
    func tellsWholeImagesFromFrames(list: String?, expected: PresentationState.Reference.Frames) throws {
        #expect(try references(file([series("1.1", [image("1.1.1", frames: list)])])).map(\.frames) == [expected])
    }

    @Test(arguments: ["x", "0", "-1", "1\\", "\\2", "1.5", "99999999999999999999"])
    func whatIsNoFrameNumberIsMalformed(list: String) throws {
        let bytes = try file([series("1.1", [image("1.1.1", frames: list)])])
        #expect { try references(bytes) } throws: { ($0 as? DICOMError)?.kind == .malformed }
    }

    @Test func whatIsNoUIDIsNoReference() throws {
        #expect(try references(file([series("1.1", [image("x"), image("1.1.2")])])).count == 1)
        #expect(try references(file([series("../etc", [image("1.1.2")])])).isEmpty)
    }

    @Test func boundsTheNumberOfImages() throws {
        let many = (0...PresentationState.referenceLimit).map { image("1.\($0)") }
        #expect { try references(file([series("1.1", many)])) } throws: { ($0 as? DICOMError)?.kind == .tooLarge }
        #expect(try references(file([series("1.1", Array(many.dropLast()))])).count == PresentationState.referenceLimit)
    }

    @Test func hostileBytesEndInAnError() throws {
        let bytes = try file([series("1.1", [image("1.1.3"), image("1.1.1", frames: "2\\10")])])
        var generator = SeededGenerator(11)
        for _ in 0..<2000 { _ = try? references(Fixtures.mutated(bytes, &generator)) }
    }

    @Test(arguments: [
        ("1.2.840.10008.5.1.4.1.1.11.1", true), ("1.2.840.10008.5.1.4.1.1.11.12", true),
        ("1.2.840.10008.5.1.4.1.1.1.1", false), ("1.2.840.10008.5.1.4.1.1.2", false),
    ])
    func knowsItsClasses(uid: String, expected: Bool) throws {
        #expect(PresentationState.isClass(try #require(UID(uid))) == expected)
    }
}
