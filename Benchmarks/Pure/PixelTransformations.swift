// The ways in which pixels are not copied as they lie: words turned around, bits moved.
import DICOM

/// 100 MB of Explicit VR Big Endian, re-encoded as Little Endian.
enum Reencoding {
    static func run() throws -> BenchmarkCases.Figures {
        var object = Slice.head()
        object.set(.rows, 5000)
        object.set(.columns, 10_000)
        object.set(.pixelData, .ow, bytes: [UInt8](repeating: 1, count: 100_000_000))
        let source = BytesSource(try Part10Writer(.explicitBig).file(object))
        object = DataSet()
        let clock = CPUClock()
        var reencoder = try Reencoder(try Part10File(source))
        var written = 0
        while let piece = try reencoder.next() { written += piece.count }
        return [("MB/s", Double(written) / clock.seconds / 1e6)]
    }
}

/// 1-bit frames of which every second begins within a byte, each read once.
enum BitFrames {
    static func run() throws -> BenchmarkCases.Figures {
        let (frames, rows, columns) = (400, 1001, 1001)
        var object = Slice.head()
        object.set(.rows, UInt16(rows))
        object.set(.columns, UInt16(columns))
        object.set(.bitsAllocated, 1)
        object.set(.numberOfFrames, .is, "\(frames)")
        object.set(.pixelData, .ob, bytes: [UInt8](repeating: 0x5A, count: (frames * rows * columns + 7) / 8))
        let file = try Part10File(BytesSource(try Part10Writer().file(object)))
        let clock = CPUClock()
        let index = try FrameIndex(file)
        var read = 0
        for frame in 1...frames { try index.read(frame, from: file.source) { read += $0.count } }
        return [("MB/s", Double(read) / clock.seconds / 1e6)]
    }
}
