// Multi-frame objects of any size, in a file of holes: only what a reader of headers looks at takes room.
import DICOM
import Glibc

/// An enhanced multi-frame CT with functional groups for each frame, and the file that it lies in.
struct LargeObject: ByteSource {
    enum Kind: CaseIterable {
        /// Frames of 512 KiB.
        case native
        /// Frames of 200 KiB, a fragment each, behind a basic offset table.
        case encapsulated

        var frameLength: Int { self == .native ? 512 << 10 : 200 << 10 }
    }

    private(set) var length: Int64 = 0
    private let file: Int32

    init(_ kind: Kind, megabytes: Int) throws {
        var path = Array("/tmp/wadogate-benchmark-XXXXXX".utf8CString)
        file = unsafe mkstemp(&path)
        guard file >= 0 else { throw FileFailure(code: errno) }
        unsafe unlink(path)
        let frames = megabytes * 1_000_000 / kind.frameLength
        try writeHead(kind, frames)
        switch kind {
        case .native:
            let pixels = frames * kind.frameLength
            try write { $0.append(header: Tag.pixelData, "OW", length: UInt32(pixels)) }
            length += Int64(pixels)
        case .encapsulated: try writeFragments(frames, of: kind.frameLength)
        }
        guard ftruncate(file, Int(length)) == 0 else { throw FileFailure(code: errno) }
    }

    func read(at offset: Int64, count: Int) throws -> [UInt8] {
        // pread() writes at most `count` bytes into the room for so many.
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: count) { room, length in
            length = unsafe max(0, pread(file, room.baseAddress, count, Int(offset)))
        }
        guard bytes.count == count else { throw FileFailure(code: errno) }
        return bytes
    }

    /// Everything before Pixel Data, a frame's groups at a time, so that the measured peak is not this one's.
    private mutating func writeHead(_ kind: Kind, _ frames: Int) throws {
        let syntax = kind == .native ? TransferSyntax.explicitLittle : Self.jpeg2000
        let head = try Part10Writer(syntax).file(Self.dataSet(frames))
        try write {
            $0 += head
            $0.append(header: Tag(0x5200, 0x9230), "SQ", length: UInt32.max)
        }
        for frame in 1...frames {
            let groups = Part10Writer().dataSet(Self.groups(frame))
            try write {
                $0.append(item: groups.count)
                $0 += groups
            }
        }
        try write { $0 += Self.delimiter }
    }

    private mutating func writeFragments(_ frames: Int, of count: Int) throws {
        try write {
            $0.append(header: Tag.pixelData, "OB", length: UInt32.max)
            $0.append(item: 4 * frames)
            for frame in 0..<frames { $0.append(littleEndian: UInt32(frame * (8 + count))) }
        }
        for _ in 0..<frames {
            try write { $0.append(item: count) }
            length += Int64(count)
        }
        try write { $0 += Self.delimiter }
    }

    private mutating func write(_ fill: (inout [UInt8]) -> Void) throws {
        var bytes: [UInt8] = []
        fill(&bytes)
        // The array lives through the call.
        guard unsafe pwrite(file, bytes, bytes.count, Int(length)) == bytes.count else {
            throw FileFailure(code: errno)
        }
        length += Int64(bytes.count)
    }

    /// Behind a sequence's items, and behind fragments.
    private static let delimiter: [UInt8] = [0xFE, 0xFF, 0xDD, 0xE0, 0, 0, 0, 0]

    private static let jpeg2000 =
        TransferSyntax.all.first { $0.uid.string == "1.2.840.10008.1.2.4.90" } ?? .explicitLittle

    private static func dataSet(_ frames: Int) -> DataSet {
        var object = DataSet()
        object.set(.specificCharacterSet, .cs, "ISO_IR 192")
        object.set(.sopClassUID, .ui, "1.2.840.10008.5.1.4.1.1.2.1")
        object.set(.sopInstanceUID, .ui, MetadataDocument.series + ".1")
        object.set(.studyInstanceUID, .ui, MetadataDocument.study)
        object.set(.seriesInstanceUID, .ui, MetadataDocument.series)
        object.set(Tag(0x0010, 0x0010), .pn, "Doe^Jane")
        object.set(.samplesPerPixel, 1)
        object.set(.photometricInterpretation, .cs, "MONOCHROME2")
        object.set(.numberOfFrames, .is, "\(frames)")
        object.set(.rows, 512)
        object.set(.columns, 512)
        object.set(.bitsAllocated, 16)
        return object
    }

    private static func groups(_ frame: Int) -> DataSet {
        func item(_ fill: (inout DataSet) -> Void) -> [DataSet] {
            var item = DataSet()
            fill(&item)
            return [item]
        }
        var groups = DataSet()
        groups.set(
            Tag(0x0020, 0x9111),
            items: item {
                $0.set(Tag(0x0020, 0x9056), .sh, "1")
                $0.set(Tag(0x0020, 0x9057), .ul, numbers: [UInt32(frame)])
                $0.set(Tag(0x0020, 0x9157), .ul, numbers: [UInt32(1), UInt32(frame)])
            })
        groups.set(
            Tag(0x0020, 0x9113), items: item { $0.set(Tag(0x0020, 0x0032), .ds, "-180.64", "-343.64", "\(frame).5") })
        groups.set(
            Tag(0x0020, 0x9116), items: item { $0.set(Tag(0x0020, 0x0037), .ds, "1", "0", "0", "0", "1", "0") })
        groups.set(
            Tag(0x0028, 0x9110),
            items: item {
                $0.set(Tag(0x0018, 0x0050), .ds, "2.5")
                $0.set(Tag(0x0028, 0x0030), .ds, "0.70703125", "0.70703125")
            })
        return groups
    }
}

struct FileFailure: Error {
    let code: Int32
}

extension [UInt8] {
    fileprivate mutating func append(littleEndian number: UInt32) {
        for shift in stride(from: 0, to: 32, by: 8) { append(UInt8(truncatingIfNeeded: number >> UInt32(shift))) }
    }

    /// An element header in Explicit VR Little Endian, of a VR with a long length.
    fileprivate mutating func append(header tag: Tag, _ vr: String, length: UInt32) {
        append(littleEndian: UInt32(tag.group) | UInt32(tag.element) << 16)
        self += Array(vr.utf8) + [0, 0]
        append(littleEndian: length)
    }

    fileprivate mutating func append(item length: Int) {
        self += [0xFE, 0xFF, 0x00, 0xE0]
        append(littleEndian: UInt32(length))
    }
}
