// The bounds of what is read of one HTTP/1 request.

/// How much of a request is taken in before it is refused.
package struct HTTP1Limits: Sendable, Equatable {
    /// Bytes from the request line to the empty line, both with their line ends; beyond it 431.
    package var headSize = 16 << 10
    /// Bytes of the request line; beyond it 414. As large as the head may be: lists of frames and links to bulk data are
    /// long, while the fields beside them are few.
    package var requestLineSize = 16 << 10
    /// Field lines; beyond it 431.
    package var fieldCount = 100
    /// Bytes of a body, decoded; beyond it 413.
    package var bodySize = 64 << 10
    /// Bytes of all chunk extensions of one body.
    package var chunkExtensionSize = 4 << 10
    /// Bytes of a chunked body's trailers; beyond it 431.
    package var trailerSize = 4 << 10

    package init() {}
}
