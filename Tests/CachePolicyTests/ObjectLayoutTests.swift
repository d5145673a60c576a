import CachePolicy
import Testing

@Suite struct ObjectLayoutTests {
    static let mebi: Int64 = 1 << 20

    @Test(
        arguments: [
            (0, 0), (1, 1), (mebi - 1, 1), (mebi, 1), (mebi + 1, 2), (8 << 30, 8192), (ObjectLayout.bodyLimit, 1 << 20),
        ] as [(Int64, Int)])
    func blocksCoverTheBody(length: Int64, count: Int) {
        #expect(ObjectLayout.blockCount(length: length) == count)
        let size = ObjectLayout.fileSize(bodyOffset: 4096, length: length)
        #expect(size == 4096 + length + 8 * Int64(count))
    }

    @Test(
        arguments: [
            (0..<0, 0..<0), (0..<1, 0..<1), (0..<mebi, 0..<1), (0..<(mebi + 1), 0..<2), (mebi..<(mebi + 1), 1..<2),
            ((3 * mebi - 1)..<(9 * mebi), 2..<3), ((3 * mebi)..<(4 * mebi), 0..<0), (-5..<(.max), 0..<3),
        ] as [(Range<Int64>, Range<Int>)])
    func aRangeTouchesItsBlocksOnly(range: Range<Int64>, blocks: Range<Int>) {
        #expect(ObjectLayout.blocks(touching: range, length: 3 * Self.mebi) == blocks)
    }

    @Test func theLastBlockEndsWithTheBody() {
        #expect(ObjectLayout.range(ofBlock: 1, length: Self.mebi + 5) == Self.mebi..<(Self.mebi + 5))
    }

    @Test func checksumsSurviveTheTrailer() {
        let checksums: [UInt64] = [0, 1, .max, 0x0123_4567_89ab_cdef]
        #expect(ObjectLayout.checksums(of: ObjectLayout.trailer(of: checksums)) == checksums)
        #expect(ObjectLayout.checksums(of: [1, 2, 3]) == [])
    }

    @Test func chargedSizesAreWholePages() {
        #expect([0, 1, 4096, 4097].map { ObjectLayout.chargedSize(fileSize: $0) } == [0, 4096, 4096, 8192])
        #expect(ObjectLayout.chargedSize(fileSize: .max) > 0)
    }

    @Test func hashingDoesNotDependOnThePieces() {
        let body = (0..<10_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        let whole = stride(from: 0, to: body.count, by: 64).map {
            ContentHash.checksum(Array(body[$0..<min($0 + 64, body.count)]))
        }
        for step in [1, 7, 63, 64, 65, 1000, 10_000] {
            var hasher = BlockHasher(blockSize: 64)
            for begin in stride(from: 0, to: body.count, by: step) {
                hasher.update(Array(body[begin..<min(begin + step, body.count)]).span)
            }
            #expect(hasher.finish() == whole)
        }
    }

    @Test func anEmptyBodyHasNoBlocks() {
        var hasher = BlockHasher()
        #expect(hasher.finish() == [])
    }

    /// Known values of XXH3, so that caches stay readable whatever library is linked.
    @Test func theHashIsXXH3() {
        #expect(ContentHash.checksum([]) == 0x2d06_8005_38d3_94c2)
        #expect(ContentHash.name([]) == "99aa06d3014798d86001c324468d497f")
    }
}
