// An answer's body as a list of pieces: bytes, objects in the cache and fills in progress; measured and cut without I/O.
import CachePolicy
import DiskCache

/// One piece of an answer's body.
enum AnswerPiece: Sendable {
    case bytes([UInt8])
    /// A range of a stored object's body.
    case stored(StoredObject, Range<Int64>)
    /// A fill in progress from one offset up to another; nil: to its end.
    case filling(Follower, from: Int64, to: Int64?)
    /// A stored document whose placeholders are completed with the client's base URL.
    case completed(StoredObject, Range<Int64>, placeholders: Int)
    /// The same of a document that is still growing, or passes through.
    case completing(Follower)

    /// Nil when it is not known yet.
    func length(baseLength: Int) -> Int64? {
        switch self {
        case .bytes(let bytes): Int64(bytes.count)
        case .stored(_, let range): range.upperBound - range.lowerBound
        case .filling(let follower, let from, let to): (to ?? follower.fill.expectedLength).map { $0 - from }
        case .completed(_, let range, let placeholders):
            range.upperBound - range.lowerBound + Int64(placeholders * (baseLength - 1))
        case .completing: nil
        }
    }

    /// The part of this piece between two of its offsets; nil when it cannot be cut.
    func cut(_ range: Range<Int64>) -> AnswerPiece? {
        switch self {
        case .bytes(let bytes): .bytes(Array(bytes[Int(range.lowerBound)..<Int(range.upperBound)]))
        case .stored(let object, let own):
            .stored(object, own.lowerBound + range.lowerBound..<own.lowerBound + range.upperBound)
        case .filling(let follower, let from, _):
            .filling(follower, from: from + range.lowerBound, to: from + range.upperBound)
        case .completed, .completing: nil
        }
    }
}

extension [AnswerPiece] {
    /// The whole length, when every piece's is known.
    func length(baseLength: Int) -> Int64? {
        var sum: Int64 = 0
        for piece in self {
            guard let length = piece.length(baseLength: baseLength) else { return nil }
            sum += length
        }
        return sum
    }

    /// The pieces of a range of the whole; nil when a length is unknown or a piece cannot be cut.
    func cut(_ range: Range<Int64>, baseLength: Int) -> [AnswerPiece]? {
        var pieces: [AnswerPiece] = []
        var start: Int64 = 0
        for piece in self {
            guard let length = piece.length(baseLength: baseLength) else { return nil }
            let lower = Swift.max(range.lowerBound, start) - start
            let upper = Swift.min(range.upperBound, start + length) - start
            if lower < upper {
                guard let part = piece.cut(lower..<upper) else { return nil }
                pieces.append(part)
            }
            start += length
        }
        return pieces
    }
}
