import Testing

@testable import DICOM

@Suite struct InflaterTests {
    private func inflated(_ file: [UInt8]) throws -> (pieces: Int, bytes: [UInt8]) {
        var inflater = try Inflater(BytesSource(file))
        var bytes: [UInt8] = []
        var pieces = 0
        while let piece = try inflater.next() {
            bytes += piece
            pieces += 1
        }
        return (pieces, bytes)
    }

    @Test func theDataSetIsThatOfAFileWrittenWithoutDeflating() throws {
        let image = Fixtures.image()
        let plain = try Part10Writer(.explicitLittle).file(image)
        #expect(try inflated(Part10Writer(.deflated).file(image)).bytes == plain)
    }

    @Test func aLargeObjectComesInPieces() throws {
        var image = Fixtures.image()
        image.set(Tag(0x7FE0, 0x0010), .ow, bytes: [UInt8](repeating: 7, count: 3 << 20))
        let result = try inflated(Part10Writer(.deflated).file(image))
        #expect(result.pieces >= 20)
        #expect(result.bytes == (try Part10Writer(.explicitLittle).file(image)))
    }

    @Test func whatIsNotDeflatedIsRefused() throws {
        let plain = try Part10Writer(.explicitLittle).file(Fixtures.image())
        #expect { try inflated(plain) } throws: { ($0 as? DICOMError)?.kind == .unsupported }
    }

    @Test func aStreamWithoutEndIsTruncated() throws {
        let file = try Part10Writer(.deflated).file(Fixtures.image())
        #expect { try inflated(Array(file.dropLast(20))) } throws: { ($0 as? DICOMError)?.kind == .truncated }
    }

    @Test func whatIsNoStreamIsMalformed() throws {
        var file = try Part10Writer(.deflated).file(Fixtures.image())
        let meta = try Part10File.fileMeta(of: BytesSource(file))
        for index in Int(meta.2)..<file.count { file[index] = 0xFF }
        #expect { try inflated(file) } throws: { ($0 as? DICOMError)?.kind == .malformed }
    }
}
