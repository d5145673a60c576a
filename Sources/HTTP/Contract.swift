// CONTRACT: replaced by its owners (HTTP values). Signatures bind, bodies do not.

/// An absolute http or https URL without userinfo and fragment, normalised (RFC 3986 §6.2.2): lower-case scheme and host,
/// port always known, `%41` decoded where unreserved, dot segments removed (encoded ones too), empty path = "/".
package struct HTTPURL: Hashable, Sendable, CustomStringConvertible {
    package let isSecure: Bool
    package let host: String
    package let port: Int
    /// Begins with "/"; percent-encoded.
    package let path: String
    /// Without "?"; nil when there is none.
    package let query: String?
    /// Nil unless http or https, without userinfo, at most 8 KiB, no control characters or spaces.
    package init?(_ text: some StringProtocol) { fatalError() }
    /// Resolves a reference against this URL (RFC 3986 §5.2); nil when the result is not such a URL.
    package func resolving(_ reference: some StringProtocol) -> HTTPURL? { fatalError() }
    /// Whether `other` lies at or under this URL: same scheme, host, port, and this path's whole segments as its beginning.
    package func contains(_ other: HTTPURL) -> Bool { fatalError() }
    package func appending(path: String, query: String? = nil) -> HTTPURL { fatalError() }
    /// scheme://host[:port if not the default]path?query
    package var description: String { fatalError() }
    /// "scheme://host[:port]"
    package var origin: String { fatalError() }
}

/// A media type with parameters: lower-case type, parameter names lower-case, values unquoted.
package struct MediaType: Hashable, Sendable, CustomStringConvertible {
    package var type: String  // "application/dicom+json"
    package var parameters: [Parameter]
    package struct Parameter: Hashable, Sendable {
        package var name: String
        package var value: String
        package init(name: String, value: String) {
            self.name = name
            self.value = value
        }
    }
    package init(_ type: String, _ parameters: [(String, String)] = []) {
        self.type = type
        self.parameters = parameters.map { Parameter(name: $0.0, value: $0.1) }
    }
    /// Lenient, for what backends and clients send (PROTOCOL A.4 rule 8).
    package init?(parsing text: some StringProtocol) { fatalError() }
    package subscript(parameter name: String) -> String? { fatalError() }
    /// Written with quotes where RFC 9110 demands them.
    package var description: String { fatalError() }
}

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
