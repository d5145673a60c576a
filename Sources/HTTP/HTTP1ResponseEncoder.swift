// Writes HTTP/1 response heads and chunk framing. Pure: values in, bytes out.

/// How a response is written on an HTTP/1.1 or HTTP/1.0 connection.
///
/// Spec: RFC 9112 §4, §6, §7.1, §9.
package enum HTTP1ResponseEncoder {
    /// How the client finds the body's end.
    package enum Framing: Sendable, Equatable {
        /// No body and no word about one: 1xx, 204, 304.
        case none
        /// Also for the answer to HEAD, where the length is that of the body which GET would bring.
        case length(Int64)
        case chunked
        /// The connection's end is the body's end: HTTP/1.0 without a length.
        case untilClose
    }

    /// What is said about the connection.
    package enum Persistence: Sendable, Equatable {
        /// HTTP/1.1 goes on without a word.
        case implied
        /// For HTTP/1.0 clients that asked for it.
        case keepAlive
        case close
    }

    package static let continueResponse = [UInt8]("HTTP/1.1 100 Continue\r\n\r\n".utf8)
    package static let lastChunk = [UInt8]("0\r\n\r\n".utf8)

    /// Appends the head with its empty line.
    ///
    /// Content-Length, Transfer-Encoding, Connection, Date and the other fields that concern one connection only are written
    /// from the arguments; those among the head's fields are left out.
    ///
    /// - Parameter date: an IMF-fixdate.
    package static func append(
        _ head: ResponseHead, framing: Framing, persistence: Persistence, date: [UInt8], to output: inout [UInt8]
    ) {
        output.append(contentsOf: "HTTP/1.1 ".utf8)
        append(decimal: head.status, to: &output)
        output.append(0x20)
        append(ResponseHead.reason(for: head.status), to: &output)
        output.append(contentsOf: "\r\nDate: ".utf8)
        output.append(contentsOf: date)
        switch framing {
        case .none, .untilClose: break
        case .length(let length):
            output.append(contentsOf: "\r\nContent-Length: ".utf8)
            append(decimal: Int(length), to: &output)
        case .chunked: output.append(contentsOf: "\r\nTransfer-Encoding: chunked".utf8)
        }
        switch persistence {
        case .implied: break
        case .keepAlive: output.append(contentsOf: "\r\nConnection: keep-alive".utf8)
        case .close: output.append(contentsOf: "\r\nConnection: close".utf8)
        }
        for place in head.fields.places where !isOwn(head.fields.storage.span.extracting(place.name)) {
            output.append(contentsOf: "\r\n".utf8)
            output.append(contentsOf: head.fields.storage[place.name])
            output.append(contentsOf: ": ".utf8)
            output.append(contentsOf: head.fields.storage[place.value])
        }
        output.append(contentsOf: "\r\n\r\n".utf8)
    }

    package static let lineEnd: [UInt8] = [0x0D, 0x0A]

    /// The line before a chunk's data; behind the data comes ``lineEnd``.
    package static func chunkHead(_ length: Int64) -> [UInt8] {
        [UInt8]("\(String(length, radix: 16))\r\n".utf8)
    }

    private static func isOwn(_ name: Span<UInt8>) -> Bool {
        switch name.count {
        case 4: FieldSyntax.isEqual(name, "date")
        case 7: FieldSyntax.isEqual(name, "upgrade") || FieldSyntax.isEqual(name, "trailer")
        case 10: FieldSyntax.isEqual(name, "connection") || FieldSyntax.isEqual(name, "keep-alive")
        case 14: FieldSyntax.isEqual(name, "content-length")
        case 16: FieldSyntax.isEqual(name, "proxy-connection")
        case 17: FieldSyntax.isEqual(name, "transfer-encoding")
        default: false
        }
    }

    private static func append(_ text: StaticString, to output: inout [UInt8]) {
        // The literal's bytes live for ever.
        text.withUTF8Buffer { unsafe output.append(contentsOf: $0) }
    }

    private static func append(decimal number: Int, to output: inout [UInt8]) {
        var divisor = 1
        while number / divisor >= 10 { divisor *= 10 }
        while divisor > 0 {
            output.append(0x30 + UInt8(truncatingIfNeeded: number / divisor % 10))
            divisor /= 10
        }
    }
}
