// What stands around the parts of a multipart body that we send: a pure function of its boundary, so that one body has
// the same bytes every time and ranges of it can be served. Must not know where boundaries come from.

/// The envelope of a `multipart/related` answer.
///
/// The body begins with the first delimiter, without a line break before it, and field names are written in the usual
/// case: viewers look for exactly that.
///
/// Spec: PS3.18 §8.6.1.2, RFC 2387.
package struct MultipartEnvelope: Sendable, Hashable {
    package let boundary: String

    /// Nil unless the boundary is 1 to 70 characters that need no quotes (RFC 2046 §5.1.1).
    package init?(boundary: String) {
        guard (1...70).contains(boundary.utf8.count), boundary.utf8.allSatisfy(Self.isPlain) else { return nil }
        self.boundary = boundary
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        PercentCoding.isUnreserved(byte) && byte != UInt8(ascii: "~")
    }

    /// The answer's Content-Type: `multipart/related; type="…"; transfer-syntax=…; boundary=…`.
    ///
    /// - Parameter transferSyntax: where all parts have the same; some viewers read it here.
    package func contentType(rootType: String, transferSyntax: String? = nil) -> String {
        let syntax = transferSyntax.map { "; transfer-syntax=\($0)" } ?? ""
        return "multipart/related; type=\"\(rootType)\"\(syntax); boundary=\(boundary)"
    }

    /// What is said of one part.
    package struct Part: Sendable, Hashable {
        /// Without a transfer syntax.
        package var mediaType: String
        package var transferSyntax: String?
        /// The payload's octets, where they are known before it is sent.
        package var length: Int64?
        package var location: String?

        package init(
            mediaType: String, transferSyntax: String? = nil, length: Int64? = nil, location: String? = nil
        ) {
            self.mediaType = mediaType
            self.transferSyntax = transferSyntax
            self.length = length
            self.location = location
        }
    }

    /// The bytes before a part's payload: its delimiter and its head.
    ///
    /// - Parameter isFirst: the first delimiter has no line break before it.
    package func opening(of part: Part, isFirst: Bool) -> [UInt8] {
        var text = isFirst ? "--" : "\r\n--"
        text += boundary
        text += "\r\nContent-Type: \(Self.line(part.mediaType))"
        if let syntax = part.transferSyntax { text += "; transfer-syntax=\(Self.line(syntax))" }
        if let length = part.length { text += "\r\nContent-Length: \(length)" }
        if let location = part.location { text += "\r\nContent-Location: \(Self.line(location))" }
        text += "\r\n\r\n"
        return Array(text.utf8)
    }

    /// The bytes behind the last part's payload.
    package var closing: [UInt8] { Array("\r\n--\(boundary)--\r\n".utf8) }

    /// The length of a body of these parts; nil when a part's is not known.
    package func length(of parts: [Part]) -> Int64? {
        var total = Int64(closing.count)
        for (index, part) in parts.enumerated() {
            guard let length = part.length else { return nil }
            let (sum, overflow) = total.addingReportingOverflow(length)
            guard !overflow, sum >= 0 else { return nil }
            total = sum + Int64(opening(of: part, isFirst: index == 0).count)
        }
        return total
    }

    /// A value that came from a backend must not begin a line of its own.
    private static func line(_ value: String) -> String {
        guard value.utf8.contains(where: { !FieldSyntax.isValue($0) }) else { return value }
        return String(decoding: value.utf8.filter(FieldSyntax.isValue), as: UTF8.self)
    }
}
