import DICOM
import Testing

@Suite struct FrameIndexEncodingTests {
    private static let a: [UInt8] = [0xFF, 0xD8, 1, 2]
    private static let b: [UInt8] = [3, 4, 0xFF, 0xD9]

    /// One object of each layout there is.
    private static func files() throws -> [[UInt8]] {
        let syntaxes: [TransferSyntax] = [.implicitLittle, .explicitLittle, .explicitBig, .deflated, .rle]
        var files = try syntaxes.map { try Part10Writer($0).file(Fixtures.withPixels(Fixtures.image(), $0)) }
        var single = Fixtures.image()
        single.set(.bitsAllocated, 1)
        single.set(.pixelData, .ow, bytes: Array(0..<10))
        files.append(try Part10Writer().file(single))
        var fragments = Fixtures.image()
        fragments.set(.numberOfFrames, .is, "2")
        fragments.set(.pixelData, .ob, .fragments(offsets: [], [a, b, [UInt8](repeating: 9, count: 40_000), a, b]))
        files.append(try Part10Writer(.rle).file(fragments))
        fragments.set(.extendedOffsetTable, .ov, numbers: [UInt64(0), 12])
        fragments.set(.extendedOffsetTableLengths, .ov, numbers: [UInt64(3), 3])
        fragments.set(.pixelData, .ob, .fragments(offsets: [], [a, b]))
        files.append(try Part10Writer(.rle).file(fragments))
        return files
    }

    private func frames(_ index: FrameIndex, _ source: any ByteSource) throws -> [[UInt8]] {
        try (1...index.numberOfFrames).map { number in
            var frame: [UInt8] = []
            try index.read(number, from: source) { frame += $0 }
            return frame
        }
    }

    @Test func comesBackAsItWas() throws {
        for bytes in try Self.files() {
            let file = try Part10File(BytesSource(bytes))
            let index = try FrameIndex(file)
            let decoded = try FrameIndex(encoded: index.encoded(), sourceLength: file.source.length)
            #expect(try frames(decoded, file.source) == frames(index, file.source))
            #expect(decoded.encoded() == index.encoded())
            #expect(decoded.numberOfFrames == index.numberOfFrames)
            #expect(decoded == index)
        }
    }

    @Test func takesFewBytes() throws {
        let native = Fixtures.withPixels(Fixtures.image(), .explicitLittle)
        #expect(try FrameIndex(Part10File(BytesSource(Part10Writer().file(native)))).encoded().count < 48)
        var image = Fixtures.image()
        image.set(.numberOfFrames, .is, "2000")
        image.setPixelData(frames: Array(repeating: [UInt8](repeating: 1, count: 200), count: 2000))
        let index = try FrameIndex(Part10File(BytesSource(Part10Writer(.rle).file(image))))
        #expect(index.numberOfFrames == 2000)
        #expect(index.encoded().count < 4048)
    }

    @Test func refusesOtherVersions() throws {
        let file = try Part10File(BytesSource(Self.files()[0]))
        var bytes = try FrameIndex(file).encoded()
        bytes[0] += 1
        for bytes in [bytes, []] {
            let error = #expect(throws: DICOMError.self) {
                try FrameIndex(encoded: bytes, sourceLength: file.source.length)
            }
            #expect(error?.kind == .unsupported)
        }
    }

    @Test func refusesPlacesBeyondTheSource() throws {
        for bytes in try Self.files() {
            let file = try Part10File(BytesSource(bytes))
            let index = try FrameIndex(file)
            #expect(throws: DICOMError.self) { try FrameIndex(encoded: index.encoded(), sourceLength: 40) }
            let short = BytesSource(try file.source.read(at: 0, count: 40))
            #expect(throws: DICOMError.self) { try index.read(1, from: short) { _ in } }
        }
    }

    @Test func refusesEveryBeginningOfAnIndex() throws {
        for bytes in try Self.files() {
            let file = try Part10File(BytesSource(bytes))
            let encoded = try FrameIndex(file).encoded()
            for count in 0..<encoded.count {
                #expect(throws: DICOMError.self) {
                    try FrameIndex(encoded: Array(encoded[..<count]), sourceLength: file.source.length)
                }
            }
            #expect(throws: DICOMError.self) {
                try FrameIndex(encoded: encoded + [0], sourceLength: file.source.length)
            }
        }
    }

    @Test func neverTrapsOnMutatedIndexes() throws {
        var generator = SeededGenerator(271828)
        for bytes in try Self.files() {
            let file = try Part10File(BytesSource(bytes))
            let encoded = try FrameIndex(file).encoded()
            for _ in 0..<400 {
                var mutated = encoded
                for _ in 0..<Int.random(in: 1...3, using: &generator) {
                    let place = Int.random(in: 0..<mutated.count, using: &generator)
                    mutated[place] = Bool.random(using: &generator) ? 0xFF : .random(in: 0...255, using: &generator)
                }
                guard let index = try? FrameIndex(encoded: mutated, sourceLength: file.source.length) else { continue }
                // What is believed is also what would be written, and can be read without harm.
                #expect(index.encoded() == mutated)
                for number in [1, index.numberOfFrames] { try index.read(number, from: file.source) { _ in } }
            }
        }
    }
}
