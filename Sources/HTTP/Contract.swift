// CONTRACT: replaced by its owners (HTTP values). Signatures bind, bodies do not.

/// Reads a multipart body piece by piece (PROTOCOL A.6 "Reader"); pure.
package struct MultipartReader {
    package enum Event: Sendable {
        case partBegan(HTTPFields)
        case partBytes([UInt8])
        case partEnded
        /// The closing delimiter was seen; what follows is ignored.
        case ended
    }
    /// - Parameter contentType: the response's Content-Type; `boundary` quoted or not. Nil boundary: a raw body, one part.
    package init(contentType: MediaType, limits: Limits = Limits()) { fatalError() }
    package struct Limits: Sendable {
        package var partHeadSize = 16 << 10
        package var parts = 1_000_000
        package init() {}
    }
    package mutating func feed(_ bytes: [UInt8]) throws(MultipartError) -> [Event] { fatalError() }
    /// - Throws: `.truncated` unless the closing delimiter was seen.
    package mutating func finish() throws(MultipartError) { fatalError() }
}
package enum MultipartError: Error, Equatable { case truncated, headTooLarge, malformed(String), tooManyParts }
