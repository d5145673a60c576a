// The bytes of a body that passes through: a queue in memory, bounded for itself and for the process. Takes no lock.
//
// Pieces in memory and no file: a descriptor may be just what is not to be had, and a page that a socket still sends must
// not be punched out of a file behind it.
import Synchronization

/// The memory that all bodies share which pass through.
final class WindowBudget: Sendable {
    private let limit: Int
    private let used = Atomic<Int>(0)

    init(limit: Int = 64 << 20) { self.limit = limit }

    /// In bytes.
    var inUse: Int { used.load(ordering: .relaxed) }
    var isExceeded: Bool { inUse > limit }

    fileprivate func add(_ bytes: Int) { used.wrappingAdd(bytes, ordering: .relaxed) }
}

/// One holder's part of the budget, given back with its last holder.
final class WindowShare: Sendable {
    private let budget: WindowBudget
    private let held = Atomic<Int>(0)
    /// Whether all holders together have more than there is for them.
    var isExceeded: Bool { budget.isExceeded }

    init(of budget: WindowBudget) { self.budget = budget }

    deinit { budget.add(-held.load(ordering: .relaxed)) }

    func add(_ bytes: Int) {
        held.wrappingAdd(bytes, ordering: .relaxed)
        budget.add(bytes)
    }
}

/// The bytes from `begin` to `end` of a body. Kept from its first byte until there is no room, then let go from the front.
struct FillWindow: Sendable {
    /// The most that it holds before the source has to wait. Beyond it lies one piece at most.
    static let limit = 4 << 20
    /// What it may hold however much the others have: each goes on, if slowly.
    private static let floor = 256 << 10
    /// Smaller pieces are joined.
    private static let pieceSize = 64 << 10

    private struct Piece {
        let begin: Int64
        var bytes: [UInt8]
        var end: Int64 { begin + Int64(bytes.count) }
    }

    private(set) var end: Int64
    private var pieces: [Piece] = []
    private let share: WindowShare

    init(from begin: Int64, budget: WindowBudget) {
        end = begin
        share = WindowShare(of: budget)
    }

    /// Bytes in memory.
    var count: Int { pieces.first.map { Int(end - $0.begin) } ?? 0 }

    var isFull: Bool { count > Self.limit || (share.isExceeded && count > Self.floor) }

    mutating func append(_ bytes: [UInt8]) {
        if bytes.isEmpty { return }
        if let last = pieces.indices.last, pieces[last].bytes.count + bytes.count <= Self.pieceSize {
            pieces[last].bytes += bytes
        } else {
            pieces.append(Piece(begin: end, bytes: bytes))
        }
        end += Int64(bytes.count)
        share.add(bytes.count)
    }

    /// Lets whole pieces go that lie before that place of the body.
    mutating func drop(below offset: Int64) {
        let gone = pieces.prefix { $0.end <= offset }
        share.add(-gone.reduce(0) { $0 + $1.bytes.count })
        pieces.removeFirst(gone.count)
    }

    /// What one piece holds from `begin` on, up to `limit`; nil when it was let go or is not there yet.
    func bytes(from begin: Int64, upTo limit: Int64) -> [UInt8]? {
        guard let piece = pieces.first(where: { $0.end > begin }), piece.begin <= begin, begin < limit else {
            return nil
        }
        if piece.begin == begin, piece.end <= limit { return piece.bytes }
        return Array(piece.bytes[Int(begin - piece.begin)..<Int(min(piece.end, limit) - piece.begin)])
    }
}
