import HTTP
import Testing

@testable import wadogate

/// The demo's own client, and how the demo judges what it brings.
@Suite struct LoopbackClientTests {
    /// All at once, and byte by byte: that must make no difference.
    private func parse(_ text: String, isHead: Bool = false) -> ClientAnswer? {
        let bytes = Array(text.utf8)
        let whole = read([bytes], isHead: isHead)
        let single = read(bytes.map { [$0] }, isHead: isHead)
        #expect(whole?.body == single?.body && whole?.isComplete == single?.isComplete)
        return whole
    }

    private func read(_ pieces: [[UInt8]], isHead: Bool) -> ClientAnswer? {
        var reader = AnswerReader(isHead: isHead)
        var body: [UInt8] = []
        for piece in pieces {
            guard let bytes = try? reader.feed(piece) else { return nil }
            body += bytes
        }
        return reader.fields.map {
            ClientAnswer(
                status: reader.status, fields: $0, body: body, isComplete: reader.isComplete, duration: .zero)
        }
    }

    @Test(arguments: [
        ("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", "abc", true),
        ("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabc", "abc", false),
        ("HTTP/1.1 200 OK\r\n\r\nabc", "abc", true),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", "abc", true),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", "abc", false),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\nx", "abc", false),
    ])
    func takesBodiesApart(text: String, body: String, isComplete: Bool) throws {
        let answer = try #require(parse(text))
        #expect(answer.status == 200)
        #expect(answer.body == Array(body.utf8))
        #expect(answer.isComplete == isComplete)
    }

    @Test func aHeadHasNoBody() throws {
        let answer = try #require(
            parse("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nX-Cache: hit; instance\r\n\r\n", isHead: true))
        #expect(answer.isComplete && answer.body.isEmpty && answer.cacheOutcome == "hit")
    }

    @Test(arguments: [
        "", "HTTP/1.1 200 OK\r\n", "SSH-2.0\r\n\r\n", "HTTP/1.1 abc\r\n\r\n", "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
    ])
    func refusesWhatIsNoAnswer(text: String) {
        #expect(parse(text) == nil)
    }

    @Test func judgesAnswers() throws {
        let answer = try #require(
            parse("HTTP/1.1 200 OK\r\nContent-Type: application/dicom; a=b\r\nX-Cache: miss; instance\r\n\r\nabcabd"))
        func complaint(
            _ status: Int = 200, type: String? = nil, cache: String? = nil, body: String? = nil, holds: [String] = []
        ) -> String? {
            DemoQuestion(
                what: "", target: "/", status: status, type: type, cache: cache, body: body.map { Array($0.utf8) },
                holds: holds.map { Array($0.utf8) }
            ).complaint(about: answer)
        }
        #expect(complaint(type: "application/dicom", cache: "miss", body: "abcabd", holds: ["abd", ""]) == nil)
        #expect(complaint(404) == "expected 404")
        #expect(complaint(type: "text/plain") == "expected text/plain")
        #expect(complaint(cache: "hit") == "expected hit")
        #expect(complaint(body: "abc") == "expected other bytes")
        #expect(complaint(holds: ["abe"]) == "the image's own bytes are not in it")
        #expect(complaint(holds: ["abcabdx"]) == "the image's own bytes are not in it")
        #expect(DemoQuestion(what: "", target: "/", status: 200).complaint(about: nil) == "no answer")
    }
}
