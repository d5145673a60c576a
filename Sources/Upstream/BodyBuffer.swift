// Body bytes that have come and were not taken yet. Each byte is copied once, from libcurl's buffer into a piece that is
// then handed out as it is.

/// The unread part of a body, in pieces of at most 256 KiB.
struct BodyBuffer {
    static let maxPiece = 256 << 10
    private static let minPiece = 16 << 10

    /// Bytes in the buffer.
    private(set) var count = 0
    private var pieces: [[UInt8]] = []
    private var received = 0

    var isEmpty: Bool { count == 0 }

    /// - Parameter expected: bytes of the body still to come, these included; nil when nobody knows.
    mutating func append(_ bytes: UnsafeBufferPointer<UInt8>, expected: Int?) {
        count += bytes.count
        received += bytes.count
        var start = 0
        while start < bytes.count {
            // A piece is not grown, since that would copy it.
            let room = pieces.last.map { min($0.capacity, Self.maxPiece) - $0.count } ?? 0
            if room <= 0 {
                // As much as has come already: short bodies take little memory, long ones come in few pieces.
                let wanted = expected.map { $0 - start } ?? max(Self.minPiece, received)
                var piece: [UInt8] = []
                piece.reserveCapacity(min(Self.maxPiece, max(bytes.count - start, wanted)))
                pieces.append(piece)
            } else {
                let end = min(bytes.count, start + room)
                // The slice lies within the caller's buffer, and append copies it.
                unsafe pieces[pieces.count - 1].append(contentsOf: UnsafeBufferPointer(rebasing: bytes[start..<end]))
                start = end
            }
        }
    }

    /// The oldest piece; nil when the buffer is empty.
    mutating func takePiece() -> [UInt8]? {
        guard !pieces.isEmpty else { return nil }
        let piece = pieces.removeFirst()
        count -= piece.count
        return piece
    }

    mutating func removeAll() {
        pieces = []
        count = 0
    }
}
