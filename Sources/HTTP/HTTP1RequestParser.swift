// The strict parser of HTTP/1 request heads. Pure: bytes in, a request or a reason out; no sockets, no clock.

/// Reads one request head after another from the beginning of a connection's input.
///
/// Strict by choice: everything that two programs could read in two ways is an error. The steps are the scanner (line ends,
/// control characters, sizes), the request line, the fields, and what they mean together; the last two are in the extensions.
///
/// Spec: RFC 9112 §2–§6, RFC 9110 §5, §7.2.
package struct HTTP1RequestParser: Sendable {
    package let limits: HTTP1Limits
    private var scanner = HTTP1LineScanner()
    private var skipped = 0

    package init(limits: HTTP1Limits = HTTP1Limits()) { self.limits = limits }

    /// Looks for a whole head in what has arrived.
    ///
    /// - Parameter input: the connection's unread bytes, beginning with the head. After nil the next call shows the same
    ///   bytes and more; after a request the caller drops `consumed` bytes and the parser begins anew.
    /// - Returns: the request and the number of bytes it took, or nil when more is needed.
    /// - Throws: ``HTTP1Error``; the parser is of no use afterwards.
    package mutating func parse(
        _ input: Span<UInt8>
    ) throws(HTTP1Error) -> (request: HTTP1Request, consumed: Int)? {
        // One empty line before the request is forgiven: old clients send it after a body (RFC 9112 §2.2).
        if skipped == 0 {
            if input.count >= 2, input[0] == 0x0D, input[1] == 0x0A {
                skipped = 2
            } else if input.count == 1, input[0] == 0x0D {
                return nil
            }
        }
        let input = input.extracting(skipped...)
        guard
            let end = try scanner.end(
                in: input, firstLine: limits.requestLineSize, size: limits.headSize, lineCount: limits.fieldCount)
        else { return nil }
        let request = try Self.request(in: input.extracting(..<end))
        let consumed = end + skipped
        scanner = HTTP1LineScanner()
        skipped = 0
        return (request, consumed)
    }

    /// Parses a head whose line ends and control characters were checked, from the first byte to the empty line.
    private static func request(in head: Span<UInt8>) throws(HTTP1Error) -> HTTP1Request {
        let line = try RequestLine(head)
        var reader = FieldReader(version: line.version)
        try reader.read(head, from: line.end)
        let target = try line.originForm(head, host: reader.host)
        let fields = reader.fields(of: head, from: line.end)
        return HTTP1Request(
            head: RequestHead(
                method: line.method, target: head.extracting(target).text, version: line.version, fields: fields),
            body: try reader.body(), keepsAlive: reader.keepsAlive, expectsContinue: reader.expectsContinue
        )
    }
}
