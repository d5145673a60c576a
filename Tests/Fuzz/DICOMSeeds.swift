// Small files of every kind that the readers know, made by the writer of the synthetic studies.
import DICOM

enum DICOMSeeds {
    /// Whole files.
    static func files() -> [(name: String, bytes: [UInt8])] {
        var files: [(name: String, bytes: [UInt8])] = []
        let syntaxes: [TransferSyntax] = [.implicitLittle, .explicitLittle, .explicitBig, .deflated]
        for (index, syntax) in syntaxes.enumerated() {
            for usesUndefinedLengths in [false, true] {
                let writer = Part10Writer(syntax, usesUndefinedLengths: usesUndefinedLengths)
                files.append(("native-\(index)-\(usesUndefinedLengths)", file(writer, native())))
            }
        }
        let compressed = ["1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.5", "1.2.840.10008.1.2.1.98"]
        for (index, uid) in compressed.enumerated() {
            guard let syntax = UID(uid).flatMap({ TransferSyntax($0) }) else { continue }
            for withOffsets in [false, true] {
                files.append(
                    ("encapsulated-\(index)-\(withOffsets)", file(Part10Writer(syntax), encapsulated(withOffsets))))
            }
        }
        files.append(("bits", file(Part10Writer(.explicitLittle), oneBit())))
        files.append(("texts", file(Part10Writer(.explicitLittle), texts())))
        // Without preamble and file meta.
        files.append(("bare", Part10Writer(.implicitLittle).dataSet(native())))
        return files
    }

    /// What stands before the data set of a deflated file.
    static let deflatedHead: [UInt8] = {
        let whole = file(Part10Writer(.deflated), DataSet())
        // An empty data set is deflated to two bytes.
        return Array(whole.dropLast(2))
    }()

    /// Deflated data sets.
    static func deflated() -> [(name: String, bytes: [UInt8])] {
        let head = deflatedHead.count
        return [("native", native()), ("texts", texts())].map { name, dataSet in
            // Without SOP Class and Instance UID file meta is as short as that of an empty data set.
            (name, Array(file(Part10Writer(.deflated), dataSet).dropFirst(head)))
        }
    }

    static func frameIndexes() -> [(name: String, bytes: [UInt8])] {
        files().compactMap { name, bytes in
            guard let file = try? Part10File(BytesSource(bytes)), let index = try? FrameIndex(file) else { return nil }
            return (name, index.encoded())
        }
    }

    private static func file(_ writer: Part10Writer, _ dataSet: DataSet) -> [UInt8] {
        do { return try writer.file(dataSet) } catch { fatalError("\(error)") }
    }

    // MARK: Data sets

    private static func identified() -> DataSet {
        var set = DataSet()
        set.set(.specificCharacterSet, .cs, "ISO_IR 100")
        set.set(.sopClassUID, UID(literal: "1.2.840.10008.5.1.4.1.1.2"))
        set.set(.sopInstanceUID, UID(literal: "1.4"))
        set.set(Tag(0x0010, 0x0010), .pn, "WADOGATE^FUZZ=\u{E9}")
        set.set(.studyInstanceUID, UID(literal: "1.2"))
        set.set(.seriesInstanceUID, UID(literal: "1.3"))
        return set
    }

    /// Three frames of 2 × 3 pixels behind nested sequences and private elements.
    private static func native() -> DataSet {
        var set = pixels(bits: 16)
        var item = DataSet()
        item.set(Tag(0x0008, 0x1155), UID(literal: "1.5"))
        for _ in 0..<2 {
            var outer = DataSet()
            outer.set(.rows, 999)
            outer.set(Tag(0x0008, 0x1140), items: [DataSet(), item])
            item = outer
        }
        set.set(Tag(0x0008, 0x1140), items: [item])
        set.set(Tag(0x0009, 0x0010), .lo, "WADOGATE")
        set.set(Tag(0x0009, 0x1001), .ob, bytes: [1, 2, 3])
        set.set(Tag(0x0009, 0x1002), .un, bytes: [1, 2, 3, 4])
        set.set(.pixelData, .ow, numbers: (0..<18).map { UInt16($0) })
        return set
    }

    private static func encapsulated(_ withOffsets: Bool) -> DataSet {
        var set = pixels(bits: 8)
        set.setPixelData(frames: (1...3).map { [$0, 2, 3, 4, 0xFF, 0xD9] }, withOffsets: withOffsets)
        return set
    }

    private static func oneBit() -> DataSet {
        var set = pixels(bits: 1)
        set.set(.pixelData, .ob, bytes: [0x5A, 0xA5, 0x03])
        return set
    }

    private static func pixels(bits: UInt16) -> DataSet {
        var set = identified()
        set.set(.samplesPerPixel, 1)
        set.set(.numberOfFrames, .is, "3")
        set.set(.rows, 2)
        set.set(.columns, 3)
        set.set(.bitsAllocated, bits)
        return set
    }

    /// A value of most VRs, and text with escape sequences.
    private static func texts() -> DataSet {
        var set = identified()
        set.set(.specificCharacterSet, .cs, "", "ISO 2022 IR 87", "ISO 2022 IR 149")
        set.set(Tag(0x0010, 0x0010), .pn, bytes: Array("Yamada^Tarou=\u{1B}$B;3ED\u{1B}(B^\u{1B}$BB@O:\u{1B}(B=".utf8))
        set.set(Tag(0x0008, 0x0020), .da, "20261124")
        set.set(Tag(0x0010, 0x1010), .as, "042Y")
        set.set(Tag(0x0010, 0x1030), .ds, "70.5", "1e3", "x")
        set.set(Tag(0x0010, 0x4000), .lt, "line\r\nline\t\"\\")
        set.set(Tag(0x0018, 0x6011), items: [])
        set.set(Tag(0x0020, 0x9165), .at, numbers: [UInt16(0x0020), 0x9157])
        set.set(Tag(0x0040, 0xA30A), .ds, "")
        set.set(Tag(0x0040, 0xA161), .fd, bytes: [0, 0, 0, 0, 0, 0, 0xF8, 0x7F])
        set.set(Tag(0x0066, 0x0040), .ol, numbers: [UInt32(1), 2])
        set.set(Tag(0x7777, 0x0010), .lo, "WADOGATE")
        set.set(Tag(0x7777, 0x1001), .sv, numbers: [Int64.min, 1 << 60])
        set.set(Tag(0x7777, 0x1002), .fl, bytes: [0, 0, 0x80, 0x3F])
        return set
    }
}
