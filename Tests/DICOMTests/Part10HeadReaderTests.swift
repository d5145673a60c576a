import DICOM
import Testing

@Suite struct Part10HeadReaderTests {
    /// The outcome of a file that comes in pieces of the given sizes, the last again and again.
    private func read(
        _ bytes: [UInt8], pieces: [Int] = [1 << 20], limit: Int = 4 << 20, toleratesOtherFileMeta: Bool = false
    ) throws(DICOMError) -> InstanceFacts {
        var reader = Part10HeadReader(limit: limit, toleratesOtherFileMeta: toleratesOtherFileMeta)
        var position = 0
        var pieces = pieces[...]
        while position < bytes.count {
            let end = min(position + (pieces.first ?? 1), bytes.count)
            if case .facts(let facts) = try reader.feed(Array(bytes[position..<end])) { return facts }
            position = end
            if pieces.count > 1 { pieces.removeFirst() }
        }
        return try reader.finish()
    }

    private func error(_ bytes: [UInt8], limit: Int = 4 << 20) -> DICOMError? {
        do throws(DICOMError) {
            _ = try read(bytes, limit: limit)
            return nil
        } catch {
            return error
        }
    }

    @Test(arguments: TransferSyntax.all, [false, true])
    func readsEverySyntax(_ syntax: TransferSyntax, undefinedLengths: Bool) throws {
        let writer = Part10Writer(syntax, usesUndefinedLengths: undefinedLengths)
        let file = try writer.file(Fixtures.withPixels(Fixtures.image(), syntax))
        #expect(try read(file) == Fixtures.facts(syntax))
        #expect(try read(file, pieces: [1]) == Fixtures.facts(syntax))
    }

    @Test(arguments: [TransferSyntax.implicitLittle, .explicitLittle, .explicitBig, .deflated])
    func readsAFileSplitAtEveryByte(_ syntax: TransferSyntax) throws {
        let file = try Part10Writer(syntax, usesUndefinedLengths: true).file(Fixtures.image())
        for split in 0...file.count {
            #expect(try read(file, pieces: [split, file.count]) == Fixtures.facts(syntax))
        }
    }

    @Test func answersTheSameOnceFactsAreKnown() throws {
        var reader = Part10HeadReader()
        let file = try Part10Writer().file(Fixtures.withPixels(Fixtures.image(), .explicitLittle))
        #expect(try reader.feed(file) == .facts(Fixtures.facts(.explicitLittle)))
        #expect(try reader.feed([0xFF, 0xFF]) == .facts(Fixtures.facts(.explicitLittle)))
        #expect(try reader.finish() == Fixtures.facts(.explicitLittle))
    }

    @Test func stopsAtColumnsWithoutWaitingForPixels() throws {
        var reader = Part10HeadReader()
        let file = try Part10Writer().file(Fixtures.image())
        // All but Bits Allocated, which is behind Columns.
        #expect(try reader.feed(Array(file.dropLast(10))) == .facts(Fixtures.facts(.explicitLittle)))
    }

    @Test func aCopyOfADeflatedReaderGoesOnByItself() throws {
        let file = try Part10Writer(.deflated).file(Fixtures.image())
        var reader = Part10HeadReader()
        #expect(try reader.feed(Array(file[..<(file.count - 40)])) == .needMore)
        var copy = reader
        #expect(try copy.feed(Array(file[(file.count - 40)...])) == .facts(Fixtures.facts(.deflated)))
        #expect(try reader.feed(Array(file[(file.count - 40)...])) == .facts(Fixtures.facts(.deflated)))
    }

    @Test(arguments: [TransferSyntax.implicitLittle, .explicitLittle, .explicitBig])
    func readsABareDataSet(_ syntax: TransferSyntax) throws {
        #expect(try read(Part10Writer(syntax).dataSet(Fixtures.image())) == Fixtures.facts(nil))
    }

    @Test func readsFileMetaWithoutPreamble() throws {
        let file = try Part10Writer().file(Fixtures.image())
        #expect(try read(Array(file[132...])) == Fixtures.facts(.explicitLittle))
    }

    @Test(arguments: [nil, 0, 1, 77, 0xFFFF_FFFF] as [UInt32?])
    func toleratesAnyGroupLengthOfFileMeta(_ length: UInt32?) throws {
        let file = try Part10Writer().file(Fixtures.image())
        let replacement = length.map {
            Fixtures.header(.fileMetaGroupLength, .ul, 4) + Fixtures.header(.item, nil, $0)[4...]
        }
        let changed = Array(file[..<132]) + (replacement ?? []) + Array(file[144...])
        #expect(try read(changed, pieces: [5]) == Fixtures.facts(.explicitLittle))
    }

    @Test func readsImplicitThatIsSaidToBeExplicit() throws {
        let file = try Part10Writer().file(DataSet())
        let body = Part10Writer(.implicitLittle, usesUndefinedLengths: true).dataSet(Fixtures.image())
        var facts = Fixtures.facts(.explicitLittle)
        facts.sopClass = Fixtures.sopClass
        #expect(try read(file + body, pieces: [3]) == facts)
    }

    @Test func readsImplicitWithinUNOfUndefinedLength() throws {
        let inner = Part10Writer(.implicitLittle, usesUndefinedLengths: true).dataSet(Fixtures.image())
        let unknown =
            Fixtures.header(Tag(0x0009, 0x1002), .un, .max) + Fixtures.header(.item, nil, .max) + inner
            + Fixtures.header(.itemDelimitation, nil, 0) + Fixtures.header(.sequenceDelimitation, nil, 0)
        var before = DataSet()
        before.set(.sopInstanceUID, Fixtures.instance)
        let after = Part10Writer().dataSet(Fixtures.image())
        let file = try Part10Writer().file(before) + unknown + after
        #expect(try read(file, pieces: [11]).study == Fixtures.study)
    }

    @Test func stepsOverFragmentsOfAnIconAndOddLengths() throws {
        var icon = DataSet()
        icon.setPixelData(frames: [[1, 2, 3, 4], [5, 6]])
        var image = Fixtures.image()
        image.set(Tag(0x0009, 0x1010), items: [icon])
        image.set(Tag(0x0009, 0x1011), .ob, .bytes([1, 2, 3]))
        let file = try Part10Writer(usesUndefinedLengths: true).file(image)
        #expect(try read(file, pieces: [2]) == Fixtures.facts(.explicitLittle))
    }

    @Test(arguments: [Tag.sopInstanceUID, .studyInstanceUID, .seriesInstanceUID])
    func refusesAnInstanceThatIsTwo(_ tag: Tag) throws {
        var once = DataSet()
        once.set(tag, UID(literal: "1.2.3"))
        let bytes = Part10Writer().dataSet(once)
        #expect(
            error(try Part10Writer().file(DataSet()) + bytes + Part10Writer().dataSet(Fixtures.image()))?.kind
                == .malformed)
    }

    @Test func toleratesAnElementThatIsRepeated() throws {
        var once = DataSet()
        once.set(.sopInstanceUID, Fixtures.instance)
        var facts = Fixtures.facts(.explicitLittle)
        facts.sopClass = Fixtures.sopClass
        let file = try Part10Writer().file(DataSet()) + Part10Writer().dataSet(once)
        #expect(try read(file + Part10Writer().dataSet(Fixtures.image())) == facts)
    }

    @Test func skipsLargeValuesWithoutHoldingThem() throws {
        // 3 GiB are announced; nothing but the counter may grow.
        var reader = Part10HeadReader(limit: .max)
        var start = DataSet()
        start.set(.sopInstanceUID, Fixtures.instance)
        let piece = [UInt8](repeating: 7, count: 64 << 20)
        _ = try reader.feed(
            Part10Writer().file(start) + Fixtures.header(Tag(0x0009, 0x1001), .ob, UInt32(48 * piece.count)))
        for _ in 0..<48 { #expect(try reader.feed(piece) == .needMore) }
        var rest = DataSet()
        rest.set(.studyInstanceUID, Fixtures.study)
        rest.set(.seriesInstanceUID, Fixtures.series)
        rest.set(.pixelData, .ob, bytes: [])
        let expected = InstanceFacts(
            study: Fixtures.study, series: Fixtures.series, instance: Fixtures.instance,
            transferSyntax: TransferSyntax.explicitLittle.uid)
        #expect(try reader.feed(Part10Writer().dataSet(rest)) == .facts(expected))
    }

    @Test func trimsNULsAndSpacesOfUIDs() throws {
        var image = Fixtures.image()
        image.set(.studyInstanceUID, .ui, bytes: Array(" \(Fixtures.study)\0\0 \0".utf8))
        #expect(try read(Part10Writer().file(image)) == Fixtures.facts(.explicitLittle))
    }

    @Test(arguments: [("", 1), ("0 ", 1), ("17", 17), (" 4 ", 4), ("four", 1)])
    func readsNumberOfFrames(_ text: String, _ count: Int) throws {
        var image = Fixtures.image()
        image.set(.numberOfFrames, .is, text)
        #expect(try read(Part10Writer().file(image)).numberOfFrames == count)
    }

    @Test func namesTheMissingUID() throws {
        for (tag, name) in [
            (Tag.sopInstanceUID, "SOP Instance UID"), (.studyInstanceUID, "Study Instance UID"),
            (.seriesInstanceUID, "Series Instance UID"),
        ] {
            var image = Fixtures.image()
            image.set(tag, .ui, bytes: [])
            let error = error(try Part10Writer().file(image))
            #expect(error?.kind == .missingAttribute)
            #expect(error?.detail.contains(name) == true)
        }
    }

    @Test func refusesFileMetaOfAnotherInstance() throws {
        var other = DataSet()
        other.set(.sopInstanceUID, UID(literal: "1.2.3.4"))
        let file = try Array(Part10Writer().file(other).dropLast(16)) + Part10Writer().dataSet(Fixtures.image())
        #expect(error(file)?.kind == .malformed)
        #expect(try read(file, toleratesOtherFileMeta: true).instance == Fixtures.instance)
    }

    @Test(arguments: [
        ("<!DOCTYPE html><html><body>no such study</body></html>", DICOMError.Kind.notDICOM),
        ("{\"error\": \"no such study\"}", .notDICOM), ("\u{FFFD}\u{FFFD}\u{FFFD}", .notDICOM), ("short", .truncated),
        ("", .truncated),
    ])
    func refusesWhatIsNoDICOM(_ text: String, _ kind: DICOMError.Kind) {
        #expect(error(Array(text.utf8))?.kind == kind)
    }

    /// Elements behind a SOP Instance UID, and the offset from there at which they are wrong.
    private static let malformed: [(String, [UInt8], DICOMError.Kind, Int)] = [
        ("a UID that is none", Fixtures.element(.studyInstanceUID, .ui, "1..2"), .malformed, 8),
        ("a UID with a slash", Fixtures.element(.studyInstanceUID, .ui, "../../etc "), .malformed, 8),
        ("a UID of 60000 bytes", Fixtures.header(.studyInstanceUID, .ui, 60000), .malformed, 0),
        ("undefined length of a UID", Fixtures.header(.studyInstanceUID, .un, .max), .malformed, 0),
        ("undefined length of text", Fixtures.header(Tag(0x0009, 1), .ut, .max), .malformed, 0),
        (
            "an element where an item must stand",
            Fixtures.header(Tag(0x0009, 1), .sq, .max) + Fixtures.element(.rows, .us, [1, 2]), .malformed, 12
        ),
        (
            "a sequence's end within an item",
            Fixtures.header(Tag(0x0009, 1), .sq, .max) + Fixtures.header(.item, nil, .max)
                + Fixtures.header(.sequenceDelimitation, nil, .max), .malformed, 20
        ),
        (
            "an end within a header", Array(Fixtures.header(Tag(0x0009, 1), .ob, 0).dropLast(2)), .truncated, 10
        ),
        ("an end within a value", Fixtures.header(Tag(0x0009, 1), .ob, 9) + [1], .truncated, 13),
        (
            "an end within a sequence", Fixtures.header(Tag(0x0009, 1), .sq, .max) + Fixtures.header(.item, nil, .max),
            .truncated, 20
        ),
    ]

    @Test(arguments: malformed.indices)
    func saysWhereItIsMalformed(_ index: Int) throws {
        let (name, bytes, kind, offset) = Self.malformed[index]
        var start = DataSet()
        start.set(.sopInstanceUID, Fixtures.instance)
        let file = try Part10Writer().file(start)
        let error = error(file + bytes)
        #expect(error?.kind == kind, "\(name)")
        #expect(error?.offset == file.count + offset, "\(name)")
    }

    @Test func boundsDepth() throws {
        #expect(try read(Part10Writer(usesUndefinedLengths: true).file(Fixtures.image(nesting: 62))).rows == 4)
        let deep = try Part10Writer(usesUndefinedLengths: true).file(Fixtures.image(nesting: 70))
        #expect(error(deep)?.kind == .tooLarge)
    }

    @Test func boundsTheHead() throws {
        var image = Fixtures.image()
        image.set(Tag(0x0009, 0x1002), .ob, bytes: [UInt8](repeating: 0, count: 200_000))
        let file = try Part10Writer().file(image)
        var reader = Part10HeadReader(limit: 100_000)
        #expect(try reader.feed(Array(file[..<90_000])) == .needMore)
        do throws(DICOMError) {
            _ = try reader.feed(Array(file[90_000..<120_000]))
            Issue.record("the bound holds nothing")
        } catch {
            #expect(error.kind == .tooLarge)
        }
    }

    @Test func boundsWhatIsInflated() throws {
        // 64 MiB of zeros deflate to 64 KiB.
        var image = Fixtures.image()
        image.set(Tag(0x0009, 0x1002), .ob, bytes: [UInt8](repeating: 0, count: 64 << 20))
        #expect(error(try Part10Writer(.deflated).file(image))?.kind == .tooLarge)
    }

    @Test func answersUIDsWhenTheHeadIsLongerThanItsBound() throws {
        var image = Fixtures.image()
        image.set(Tag(0x0021, 0x0010), .lo, "WADOGATE")
        image.set(Tag(0x0021, 0x1001), .ob, bytes: [UInt8](repeating: 1, count: 100_000))
        var expected = Fixtures.facts(.explicitLittle)
        (expected.rows, expected.columns, expected.numberOfFrames) = (nil, nil, 1)
        #expect(try read(Part10Writer().file(image), pieces: [1000], limit: 50_000) == expected)
    }

    @Test func corruptDeflateIsMalformed() throws {
        let meta = try Part10Writer(.deflated).file(DataSet())
        // What an empty data set deflates to is 03 00; a block of the reserved type 3 begins with 07.
        #expect(meta.suffix(2) == [3, 0])
        let error = error(meta.dropLast(2) + [UInt8](repeating: 7, count: 20))
        #expect(error?.kind == .malformed)
    }

    /// What stands before the fault is read, and the fault lies at one place, however the file comes.
    @Test func corruptDeflateIsTheSameInPieces() throws {
        var image = Fixtures.image()
        var generator = SeededGenerator(42)
        image.set(Tag(0x0009, 0x1002), .ob, bytes: (0..<400).map { _ in .random(in: 0...255, using: &generator) })
        let file = try Part10Writer(.deflated).file(image)
        for place in stride(from: file.count - 500, to: file.count, by: 3) {
            var corrupt = file
            corrupt[place] ^= 0xA5
            let whole = Result { () throws(DICOMError) in try read(corrupt) }
            #expect(Result { () throws(DICOMError) in try read(corrupt, pieces: [1]) } == whole, "at \(place)")
            #expect(Result { () throws(DICOMError) in try read(corrupt, pieces: [300, 7]) } == whole, "at \(place)")
        }
    }

    @Test(arguments: [TransferSyntax.implicitLittle, .explicitLittle, .explicitBig, .deflated])
    func neverTrapsOnMutatedFiles(_ syntax: TransferSyntax) throws {
        var generator = SeededGenerator(4711)
        let file = try Part10Writer(syntax, usesUndefinedLengths: true).file(Fixtures.image())
        for _ in 0..<600 {
            let mutated = Fixtures.mutated(file, &generator)
            let piece = Int.random(in: 1...300, using: &generator)
            do throws(DICOMError) {
                _ = try read(mutated, pieces: [piece])
            } catch {
                #expect(error.offset >= 0)
            }
        }
    }
}
