// Bytes that came from a peer and were not used yet. Pure.

/// A buffer with a moving beginning; gives its memory back when a connection falls idle.
struct InputBuffer {
    /// What is kept of an empty buffer: enough for an ordinary head.
    private static let keptCapacity = 2 << 10

    /// For the transport to append to.
    var bytes: [UInt8] = []
    private var start = 0

    var count: Int { bytes.count - start }
    var isEmpty: Bool { count == 0 }

    /// Shows the unused bytes.
    func withUnused<Value, Failure: Error>(_ body: (Span<UInt8>) throws(Failure) -> Value) throws(Failure) -> Value {
        try body(bytes.span.extracting(start...))
    }

    mutating func consume(_ count: Int) {
        start += count
        if start == bytes.count {
            bytes.removeAll(keepingCapacity: bytes.capacity <= Self.keptCapacity)
            start = 0
        }
    }
}
