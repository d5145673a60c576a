// CONTRACT: replaced by its owners (HTTP/1 codec; HTTP values). Signatures bind, bodies do not.

/// Header fields in order, names compared without case (RFC 9110 §5). Storage is the owner's choice.
package struct HTTPFields: Sendable, Equatable {
    private var lines: [Line] = []
    package struct Line: Sendable, Equatable {
        package let name: String
        package let value: String
    }
    package init() {}
    package var all: [Line] { lines }
    package mutating func append(_ name: String, _ value: String) { lines.append(Line(name: name, value: value)) }
    /// Replaces every line of that name.
    package mutating func set(_ name: String, _ value: String) { fatalError() }
    package mutating func remove(_ name: String) { fatalError() }
    /// The first value of that name.
    package subscript(name: String) -> String? { fatalError() }
    /// Every value of that name, in order.
    package func values(_ name: String) -> [String] { fatalError() }
}

package enum HTTPMethod: Sendable, Hashable { case get, head, post, put, delete, options, other(String) }

package struct RequestHead: Sendable {
    package var method: HTTPMethod
    /// origin-form, as it came: "/dicom-web/studies/1.2?accept=…", or "*".
    package var target: String
    /// 10 or 11 (20 with HTTP/2 later).
    package var version: Int
    package var fields: HTTPFields
    package init(method: HTTPMethod, target: String, version: Int = 11, fields: HTTPFields = HTTPFields()) {
        self.method = method
        self.target = target
        self.version = version
        self.fields = fields
    }
}

package struct ResponseHead: Sendable {
    package var status: Int
    package var fields: HTTPFields
    package init(status: Int, fields: HTTPFields = HTTPFields()) {
        self.status = status
        self.fields = fields
    }
}

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
