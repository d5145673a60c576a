// From libcurl's header lines to a response head. Pure; limits what a backend can make us keep.
import HTTP

/// Collects header lines until the final head is whole; interim responses (1xx) are passed over.
///
/// Spec: RFC 9112 §4 and §5, RFC 9110 §15.2.
struct ResponseHeadReader {
    enum Failure: Error, Equatable {
        case tooLarge(String)
        case malformed(String)
    }

    /// Of all heads of one response together, in bytes.
    static let maxSize = 64 << 10
    static let maxFields = 200

    private var size = 0
    private var status = 0
    private var fields = HTTPFields()
    /// A field whose value may go on in the next line.
    private var open: (name: String, value: String)?
    private var isComplete = false

    /// Takes one line with its line end, as libcurl hands it out.
    ///
    /// - Returns: the head, when this line has ended the final one. Lines after it (trailers) are ignored.
    /// - Throws: ``Failure``.
    mutating func take(line: Span<UInt8>) throws(Failure) -> ResponseHead? {
        if isComplete { return nil }
        size += line.count
        guard size <= Self.maxSize else { throw .tooLarge("more than \(Self.maxSize) bytes of header lines") }
        let text = try Self.text(line)
        if text.isEmpty { return try endHead() }
        if status == 0 {
            status = try Self.status(in: text)
        } else if text.first == " " || text.first == "\t" {
            // Obsolete line folding: a gateway may replace it by a space (RFC 9112 §5.2).
            guard let field = open else { throw .malformed("a continued line without a field") }
            open = (field.name, field.value + " " + text.drop { $0 == " " || $0 == "\t" })
        } else {
            try storeOpenField()
            guard let colon = text.utf8.firstIndex(of: UInt8(ascii: ":")) else {
                throw .malformed("a header line without a colon")
            }
            open = (String(text[..<colon]), String(text[text.utf8.index(after: colon)...]))
        }
        return nil
    }

    /// What the lines so far mean when nothing follows them: a refusal, when a whole status line says so. There are archives
    /// whose refusal is that line alone (PixelMed). Fields may have been cut, so that none counts.
    var refusalWithoutEnd: ResponseHead? {
        isComplete || status < 400 ? nil : ResponseHead(status: status, fields: HTTPFields())
    }

    private mutating func endHead() throws(Failure) -> ResponseHead? {
        try storeOpenField()
        guard status != 0 else { throw .malformed("a head without a status line") }
        guard status != 101 else { throw .malformed("status 101, and no other protocol was asked for") }
        guard status >= 200 else {
            status = 0
            fields = HTTPFields()
            return nil
        }
        isComplete = true
        let lengths = fields.values("content-length")
        guard lengths.allSatisfy({ $0 == lengths[0] }) else { throw .malformed("two different Content-Lengths") }
        return ResponseHead(status: status, fields: fields)
    }

    private mutating func storeOpenField() throws(Failure) {
        guard let field = open else { return }
        open = nil
        guard fields.count < Self.maxFields else { throw .tooLarge("more than \(Self.maxFields) header fields") }
        guard fields.append(field.name, field.value) else {
            throw .malformed("a header field with characters that may not stand there")
        }
    }

    private static func text(_ line: Span<UInt8>) throws(Failure) -> String {
        var end = line.count
        if end > 0, line[end - 1] == UInt8(ascii: "\n") { end -= 1 }
        if end > 0, line[end - 1] == UInt8(ascii: "\r") { end -= 1 }
        // The pointer lives as long as the closure, which copies.
        return unsafe line.extracting(..<end).withUnsafeBufferPointer { unsafe String(decoding: $0, as: UTF8.self) }
    }

    /// "HTTP/1.1 200 OK", "HTTP/2 200 " and the like.
    private static func status(in line: String) throws(Failure) -> Int {
        let words = line.split(separator: " ", maxSplits: 2)
        guard words.count >= 2, words[0].hasPrefix("HTTP/"), words[1].utf8.count == 3, let status = Int(words[1]),
            (100...599).contains(status)
        else { throw .malformed("a status line that is none") }
        return status
    }
}
