import CachePolicy
import Testing

@testable import Gateway

@Suite struct ReplayTests {
    private static let body = (0..<(3 << 20)).map { UInt8(truncatingIfNeeded: $0 &* 2_654_435_761 >> 13) }

    private func replay(of length: Int) -> Replay {
        var hasher = BlockHasher()
        let body = Self.body
        hasher.update(body.span.extracting(0..<length))
        return Replay(checksums: hasher.checksumsSoFar, length: Int64(length))
    }

    /// What comes of a second answer, in pieces; nil when it is refused.
    private func rest(of second: [UInt8], behind length: Int, pieces: Int) -> [UInt8]? {
        let replay = replay(of: length)
        var rest: [UInt8] = []
        for begin in stride(from: 0, to: second.count, by: pieces) {
            let piece = Array(second[begin..<min(begin + pieces, second.count)])
            if replay.isThrough {
                rest += piece
            } else if let new = replay.take(piece) {
                rest += new
            } else {
                return nil
            }
        }
        return replay.isThrough ? rest : nil
    }

    @Test(arguments: [1, 4096, 1 << 20, (1 << 20) + 1, (2 << 20) + 777], [1000, 65_536, 4 << 20])
    func theSameContentGoesOnWhereItEnded(length: Int, pieces: Int) {
        #expect(rest(of: Self.body, behind: length, pieces: pieces) == Array(Self.body[length...]))
    }

    @Test(arguments: [0, 1 << 20, (2 << 20) + 776])
    func anyDifferenceIsFoundBeforeAByteIsTaken(place: Int) {
        var other = Self.body
        other[place] ^= 1
        #expect(rest(of: other, behind: (2 << 20) + 777, pieces: 65_536) == nil)
    }

    @Test func aDifferenceBehindWhatIsThereIsNoneOfItsBusiness() {
        var other = Self.body
        other[5000] ^= 1
        #expect(rest(of: other, behind: 5000, pieces: 65_536) == Array(other[5000...]))
    }

    @Test func aShorterAnswerIsNeverThrough() {
        let replay = replay(of: 1000)
        #expect(replay.take(Array(Self.body[..<999])) == [])
        #expect(!replay.isThrough)
    }
}
