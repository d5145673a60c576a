// The second try of a fill whose source has failed half-way: what comes again is held against what is there already.
import CachePolicy

/// Passes over the bytes that the first answer has left, and lets nothing by unless they come again exactly so.
///
/// Unchecked because it belongs to its filler, which runs as one task.
final class Replay: @unchecked Sendable {
    private let expected: [UInt64]
    private var missing: Int
    private var hasher = BlockHasher()

    /// - Parameters:
    ///   - checksums: of the first answer's blocks, the last of them cut where the answer ended.
    ///   - length: its bytes.
    init(checksums: [UInt64], length: Int64) {
        expected = checksums
        missing = Int(length)
    }

    /// Whether all of it has come again.
    var isThrough: Bool { missing == 0 }

    /// Takes the next bytes of the second answer.
    ///
    /// - Returns: those that are new; nil when the two answers differ.
    func take(_ bytes: [UInt8]) -> [UInt8]? {
        let count = min(missing, bytes.count)
        hasher.update(bytes.span.extracting(0..<count))
        missing -= count
        if missing > 0 { return [] }
        return hasher.finish() == expected ? Array(bytes[count...]) : nil
    }
}
