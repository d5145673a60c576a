// Requests that must be refused, each with its status. Text only: who sends it, and how, is the tests' affair.

/// A request that a strict server refuses.
package struct HostileRequest: Sendable, CustomStringConvertible {
    package let name: String
    package let bytes: [UInt8]
    package let status: Int

    init(_ name: String, _ text: String, _ status: Int = 400) {
        self.name = name
        self.bytes = Array(text.utf8)
        self.status = status
    }

    init(_ name: String, bytes: [UInt8], _ status: Int = 400) {
        self.name = name
        self.bytes = bytes
        self.status = status
    }

    package var description: String { name }

    /// Refused for their head.
    package static let heads: [HostileRequest] = requestLines + fieldLines + hosts + framing + sizes

    /// Refused for their chunked body.
    package static let bodies: [HostileRequest] = chunks

    private static func get(_ fields: String) -> String { "GET / HTTP/1.1\r\nHost: h\r\n\(fields)\r\n" }
    private static func post(_ fields: String) -> String { "POST / HTTP/1.1\r\nHost: h\r\n\(fields)\r\n" }
    private static func chunked(_ body: String) -> String { post("Transfer-Encoding: chunked\r\n") + body }

    private static let requestLines = [
        HostileRequest("bare LF after request line", "GET / HTTP/1.1\nHost: h\r\n\r\n"),
        HostileRequest("bare LF only", "GET / HTTP/1.1\nHost: h\n\n"),
        HostileRequest("bare CR in request line", "GET /\rx HTTP/1.1\r\nHost: h\r\n\r\n"),
        HostileRequest("CR before the version", "GET / \rHTTP/1.1\r\nHost: h\r\n\r\n"),
        HostileRequest("NUL in target", "GET /\0 HTTP/1.1\r\nHost: h\r\n\r\n"),
        HostileRequest("tab for space", "GET\t/ HTTP/1.1\r\nHost: h\r\n\r\n"),
        HostileRequest("two spaces", "GET  / HTTP/1.1\r\nHost: h\r\n\r\n"),
        HostileRequest("space after version", "GET / HTTP/1.1 \r\nHost: h\r\n\r\n"),
        HostileRequest("space before method", " GET / HTTP/1.1\r\nHost: h\r\n\r\n"),
        HostileRequest("space in target", "GET /a b HTTP/1.1\r\nHost: h\r\n\r\n"),
        HostileRequest("two empty lines first", "\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n"),
        HostileRequest("fragment in target", "GET /a#b HTTP/1.1\r\nHost: h\r\n\r\n"),
        HostileRequest("byte beyond ASCII in target", "GET /ä HTTP/1.1\r\nHost: h\r\n\r\n"),
        HostileRequest("target without slash", "GET a HTTP/1.1\r\nHost: h\r\n\r\n"),
        HostileRequest("asterisk with GET", "GET * HTTP/1.1\r\nHost: h\r\n\r\n"),
        HostileRequest("authority-form", "GET h:80 HTTP/1.1\r\nHost: h:80\r\n\r\n"),
        HostileRequest("CONNECT", "CONNECT h:80 HTTP/1.1\r\nHost: h:80\r\n\r\n"),
        HostileRequest("absolute-form of another host", "GET http://other/ HTTP/1.1\r\nHost: h\r\n\r\n"),
        HostileRequest("absolute-form with userinfo", "GET http://u@h/ HTTP/1.1\r\nHost: h\r\n\r\n"),
        HostileRequest("absolute-form of another scheme", "GET ftp://h/ HTTP/1.1\r\nHost: h\r\n\r\n"),
        HostileRequest("method with a parenthesis", "GE(T / HTTP/1.1\r\nHost: h\r\n\r\n"),
        HostileRequest("no version", "GET /\r\nHost: h\r\n\r\n"),
        HostileRequest("lower-case version", "GET / http/1.1\r\nHost: h\r\n\r\n"),
        HostileRequest("version with two digits", "GET / HTTP/1.11\r\nHost: h\r\n\r\n"),
        HostileRequest("HTTP/2.0", "GET / HTTP/2.0\r\nHost: h\r\n\r\n", 505),
        HostileRequest("HTTP/0.9", "GET / HTTP/0.9\r\nHost: h\r\n\r\n", 505),
        HostileRequest("HTTP/1.2", "GET / HTTP/1.2\r\nHost: h\r\n\r\n", 505),
        HostileRequest("HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
        HostileRequest("TLS handshake", bytes: [0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xFC, 0x03, 0x03]),
    ]

    private static let fieldLines = [
        HostileRequest("bare LF after a field", get("A: b\nC: d\r\n")),
        HostileRequest("bare CR in a value", get("A: b\rC: d\r\n")),
        HostileRequest("NUL in a value", get("A: b\0\r\n")),
        HostileRequest("NUL in a name", get("A\0: b\r\n")),
        HostileRequest("control character in a value", get("A: b\u{1}\r\n")),
        HostileRequest("DEL in a value", get("A: b\u{7F}\r\n")),
        HostileRequest("obs-fold with space", get("A: b\r\n c\r\n")),
        HostileRequest("obs-fold with tab", get("A: b\r\n\tc\r\n")),
        HostileRequest("space before colon", get("A : b\r\n")),
        HostileRequest("tab before colon", get("A\t: b\r\n")),
        HostileRequest("space before the colon of a length", post("Content-Length : 5\r\n")),
        HostileRequest("empty name", get(": b\r\n")),
        HostileRequest("no colon", get("A\r\n")),
        HostileRequest("space in name", get("A B: c\r\n")),
        HostileRequest("name beyond ASCII", get("Ä: b\r\n")),
        HostileRequest("name in quotes", get("\"A\": b\r\n")),
        HostileRequest("blank before the first field", "GET / HTTP/1.1\r\n Host: h\r\n\r\n"),
    ]

    private static let hosts = [
        HostileRequest("no Host", "GET / HTTP/1.1\r\nA: b\r\n\r\n"),
        HostileRequest("no field at all", "GET / HTTP/1.1\r\n\r\n"),
        HostileRequest("two Hosts", get("Host: i\r\n")),
        HostileRequest("the same Host twice", get("hOST: h\r\n")),
        HostileRequest("empty Host", "GET / HTTP/1.1\r\nHost:\r\n\r\n"),
        HostileRequest("Host with userinfo", "GET / HTTP/1.1\r\nHost: u@h\r\n\r\n"),
        HostileRequest("Host with a path", "GET / HTTP/1.1\r\nHost: h/x\r\n\r\n"),
        HostileRequest("list of Hosts", "GET / HTTP/1.1\r\nHost: h, i\r\n\r\n"),
        HostileRequest("Host with a port that is no number", "GET / HTTP/1.1\r\nHost: h:8x\r\n\r\n"),
        HostileRequest("Host with a port out of range", "GET / HTTP/1.1\r\nHost: h:65536\r\n\r\n"),
        HostileRequest("Host with two ports", "GET / HTTP/1.1\r\nHost: h:80:80\r\n\r\n"),
        HostileRequest("Host with an open bracket", "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n"),
        HostileRequest("Host with a zone", "GET / HTTP/1.1\r\nHost: [fe80::1%25eth0]\r\n\r\n"),
        HostileRequest("Host of only a port", "GET / HTTP/1.1\r\nHost: :80\r\n\r\n"),
    ]

    private static let framing = [
        HostileRequest("two lengths that differ", post("Content-Length: 5\r\nContent-Length: 6\r\n") + "hello!"),
        HostileRequest("the same length twice", post("Content-Length: 5\r\nContent-Length: 5\r\n") + "hello"),
        HostileRequest("list of lengths", post("Content-Length: 5, 5\r\n") + "hello"),
        HostileRequest("length with plus", post("Content-Length: +5\r\n") + "hello"),
        HostileRequest("length with minus", post("Content-Length: -5\r\n") + "hello"),
        HostileRequest("hexadecimal length", post("Content-Length: 0x5\r\n") + "hello"),
        HostileRequest("length with underscore", post("Content-Length: 0_5\r\n") + "hello"),
        HostileRequest("length with a zero before", post("Content-Length: 05\r\n") + "hello"),
        HostileRequest("length with a fraction", post("Content-Length: 5.0\r\n") + "hello"),
        HostileRequest("empty length", post("Content-Length:\r\n")),
        HostileRequest("length in quotes", post("Content-Length: \"5\"\r\n") + "hello"),
        HostileRequest("length beyond 64 bits", post("Content-Length: 18446744073709551617\r\n")),
        HostileRequest("length and chunked", post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n") + "0\r\n\r\n"),
        HostileRequest("chunked and length", post("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n") + "0\r\n\r\n"),
        HostileRequest("chunked twice", post("Transfer-Encoding: chunked, chunked\r\n") + "0\r\n\r\n"),
        HostileRequest("two codings", post("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n")),
        HostileRequest("coding after chunked", post("Transfer-Encoding: chunked, gzip\r\n")),
        HostileRequest("identity", post("Transfer-Encoding: identity\r\n")),
        HostileRequest("xchunked", post("Transfer-Encoding: xchunked\r\n")),
        HostileRequest("chunked with a parameter", post("Transfer-Encoding: chunked;q=1\r\n")),
        HostileRequest("chunked in quotes", post("Transfer-Encoding: \"chunked\"\r\n")),
        HostileRequest("vertical tab before chunked", post("Transfer-Encoding: \u{B}chunked\r\n")),
        HostileRequest("empty coding", post("Transfer-Encoding:\r\n")),
        HostileRequest("empty element of a list", post("Transfer-Encoding: , chunked\r\n")),
        HostileRequest("gzip, chunked", post("Transfer-Encoding: gzip, chunked\r\n"), 501),
        HostileRequest("chunked in HTTP/1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        HostileRequest("unknown expectation", post("Expect: 200-ok\r\nContent-Length: 1\r\n"), 417),
    ]

    private static let sizes = [
        HostileRequest(
            "request line of 17 KiB", "GET /\(String(repeating: "a", count: 17 << 10)) HTTP/1.1\r\nHost: h\r\n\r\n", 414
        ),
        HostileRequest("request line without end", "GET /" + String(repeating: "a", count: 17 << 10), 414),
        HostileRequest("head of 17 KiB", get("A: \(String(repeating: "a", count: 17 << 10))\r\n"), 431),
        HostileRequest(
            "head without end", "GET / HTTP/1.1\r\nHost: h\r\nA: " + String(repeating: "a", count: 17 << 10), 431),
        HostileRequest("101 fields", get(String(repeating: "A: b\r\n", count: 100)), 431),
        HostileRequest("4000 short fields", get(String(repeating: "A:\r\n", count: 4000)), 431),
    ]

    private static let chunks = [
        HostileRequest("chunk size that is no number", chunked("x\r\n")),
        HostileRequest("empty chunk size", chunked("\r\n\r\n")),
        HostileRequest("chunk size with plus", chunked("+5\r\nhello\r\n0\r\n\r\n")),
        HostileRequest("chunk size with minus", chunked("-5\r\nhello\r\n0\r\n\r\n")),
        HostileRequest("chunk size with 0x", chunked("0x5\r\nhello\r\n0\r\n\r\n")),
        HostileRequest("chunk size after a space", chunked(" 5\r\nhello\r\n0\r\n\r\n")),
        HostileRequest("chunk size before a space", chunked("5 \r\nhello\r\n0\r\n\r\n")),
        HostileRequest("chunk size with nine digits", chunked("000000005\r\nhello\r\n0\r\n\r\n")),
        HostileRequest("chunk size beyond 64 bits", chunked("10000000000000005\r\nhello\r\n0\r\n\r\n")),
        HostileRequest("chunk larger than any body", chunked("ffffffff\r\n"), 413),
        HostileRequest("bare LF after a chunk size", chunked("5\nhello\r\n0\r\n\r\n")),
        HostileRequest("bare CR after a chunk size", chunked("5\rxhello\r\n0\r\n\r\n")),
        HostileRequest("chunk data longer than its size", chunked("5\r\nhello!\r\n0\r\n\r\n")),
        HostileRequest("bare LF after chunk data", chunked("5\r\nhello\n0\r\n\r\n")),
        HostileRequest("LF in a chunk extension", chunked("5;a\n\r\nhello\r\n0\r\n\r\n")),
        HostileRequest("NUL in a chunk extension", chunked("5;a=\0\r\nhello\r\n0\r\n\r\n")),
        HostileRequest("endless chunk extension", chunked("5;" + String(repeating: "a", count: 5000))),
        HostileRequest(
            "chunk extensions without end",
            chunked(String(repeating: "1;\(String(repeating: "a", count: 99))\r\nx\r\n", count: 50))),
        HostileRequest("trailer without colon", chunked("0\r\nA\r\n\r\n")),
        HostileRequest("trailer folded", chunked("0\r\nA: b\r\n c\r\n\r\n")),
        HostileRequest("trailer with a blank before its colon", chunked("0\r\nA : b\r\n\r\n")),
        HostileRequest("bare LF in trailers", chunked("0\r\nA: b\n\r\n")),
        HostileRequest("endless trailer", chunked("0\r\nA: " + String(repeating: "a", count: 5000)), 431),
        HostileRequest("too many trailers", chunked("0\r\n" + String(repeating: "A:\r\n", count: 101)), 431),
    ]
}
