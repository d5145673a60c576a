import HTTP
import Testing

@Suite struct HTTP1ResponseEncoderTests {
    @Test(arguments: [
        (HTTP1ResponseEncoder.Framing.length(0), HTTP1ResponseEncoder.Persistence.implied, "Content-Length: 0\r\n"),
        (.length(1_234_567_890_123), .keepAlive, "Content-Length: 1234567890123\r\nConnection: keep-alive\r\n"),
        (.chunked, .close, "Transfer-Encoding: chunked\r\nConnection: close\r\n"),
        (.untilClose, .close, "Connection: close\r\n"), (.none, .implied, ""),
    ])
    func framingAndPersistenceAreWritten(
        framing: HTTP1ResponseEncoder.Framing, persistence: HTTP1ResponseEncoder.Persistence, lines: String
    ) {
        let text = encode(ResponseHead(status: 200, fields: ["ETag": "\"a\""]), framing, persistence)
        #expect(text == "HTTP/1.1 200 OK\r\nDate: D\r\n\(lines)ETag: \"a\"\r\n\r\n")
    }

    @Test func fieldsOfTheConnectionAreTheServersOwn() {
        let fields: HTTPFields = [
            "content-length": "9", "Transfer-Encoding": "gzip", "Connection": "x", "Keep-Alive": "5", "DATE": "never",
            "Upgrade": "h2c", "Trailer": "A", "Proxy-Connection": "b", "Vary": "Accept",
        ]
        let text = encode(ResponseHead(status: 599, fields: fields), .none, .implied)
        #expect(text == "HTTP/1.1 599 \r\nDate: D\r\nVary: Accept\r\n\r\n")
    }

    @Test(arguments: [(1, "1\r\n"), (16, "10\r\n"), (65535, "ffff\r\n")])
    func chunkHeadIsHexadecimal(length: Int64, text: String) {
        #expect(String(decoding: HTTP1ResponseEncoder.chunkHead(length), as: UTF8.self) == text)
    }

    private func encode(
        _ head: ResponseHead, _ framing: HTTP1ResponseEncoder.Framing, _ persistence: HTTP1ResponseEncoder.Persistence
    ) -> String {
        var output: [UInt8] = []
        HTTP1ResponseEncoder.append(head, framing: framing, persistence: persistence, date: [0x44], to: &output)
        return String(decoding: output, as: UTF8.self)
    }
}
