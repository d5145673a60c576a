// A text that is wanted whole and may come in pieces. Must not know what it is.

/// Octets from one place to another, which may lie in different pieces of a document. Mostly they lie in one, and then
/// nothing is copied.
struct PiecewiseText {
    /// What earlier pieces held.
    private var earlier: [UInt8] = []
    /// Where the rest begins in the present piece.
    private var start = 0
    private var limit = 0

    /// - Parameter limit: octets that the text may have.
    mutating func begin(at position: Int, limit: Int) {
        start = position
        self.limit = limit
        if !earlier.isEmpty { earlier.removeAll(keepingCapacity: true) }
    }

    /// The next piece has come.
    mutating func goOn(at position: Int) { start = position }

    /// Keeps what the present piece holds.
    ///
    /// - Throws: `.tooLarge` beyond the limit, as ``whole(_:upTo:)``.
    mutating func keep(_ bytes: [UInt8], upTo end: Int) throws(RewriteError) {
        try check(upTo: end)
        earlier += bytes[start..<end]
        start = end
    }

    mutating func whole(_ bytes: [UInt8], upTo end: Int) throws(RewriteError) -> ArraySlice<UInt8> {
        guard earlier.isEmpty else {
            try keep(bytes, upTo: end)
            return earlier[...]
        }
        try check(upTo: end)
        return bytes[start..<end]
    }

    private func check(upTo end: Int) throws(RewriteError) {
        guard earlier.count + end - start <= limit else {
            throw .tooLarge(detail: "A key, UID or URL of \(limit) octets.")
        }
    }
}
