import HTTP
import Testing

@testable import Upstream

@Suite struct HeadTests {
    /// What the reader makes of lines that end as given.
    private static func read(
        _ lines: [String], end: String = "\r\n"
    ) throws(ResponseHeadReader.Failure) -> ResponseHead? {
        var reader = ResponseHeadReader()
        for line in lines {
            if let head = try reader.take(line: Array((line + end).utf8).span) { return head }
        }
        return nil
    }

    @Test(arguments: ["\r\n", "\n"]) func headIsWholeAtTheEmptyLine(_ end: String) throws {
        let lines = ["HTTP/1.1 206 Partial Content", "A: 1", "b:  two words ", "A:2"]
        #expect(try Self.read(lines, end: end) == nil)
        let head = try #require(try Self.read(lines + [""], end: end))
        #expect(head.status == 206)
        #expect(head.fields.values("a") == ["1", "2"])
        #expect(head.fields["B"] == "two words")
    }

    @Test(arguments: [("HTTP/2 200 ", 200), ("HTTP/1.0 404 nothing here", 404), ("HTTP/1.1 500", 500)])
    func statusLineOfEveryVersionIsRead(_ line: String, _ status: Int) throws {
        #expect(try Self.read([line, ""])?.status == status)
    }

    @Test func foldedLineBecomesOneValue() throws {
        let head = try Self.read([
            "HTTP/1.1 200 OK", "Content-Type: multipart/related;", "  type=\"application/dicom\";", "\tboundary=x", "",
        ])
        #expect(head?.fields["content-type"] == "multipart/related; type=\"application/dicom\"; boundary=x")
    }

    @Test func interimHeadLeavesNothingBehind() throws {
        let head = try Self.read(["HTTP/1.1 103 Early", "Link: x", "", "HTTP/1.1 200 OK", "A: b", ""])
        #expect(head?.fields.all.map(\.name) == ["A"])
    }

    @Test func linesAfterTheHeadAreIgnored() throws {
        var reader = ResponseHeadReader()
        _ = try reader.take(line: Array("HTTP/1.1 200 OK\r\n".utf8).span)
        let head = try reader.take(line: Array("\r\n".utf8).span)
        #expect(head != nil)
        for line in ["Trailer: x\r\n", "no field\r\n", "\r\n"] {
            let again = try reader.take(line: Array(line.utf8).span)
            #expect(again == nil)
        }
    }

    @Test(arguments: [
        ["HTTP/1.1 99 Low", ""], ["HTTP/1.1 600 High", ""], ["HTTP/1.1 2x0 OK", ""], ["HTTP/1.1", ""],
        ["ICY 200 OK", ""],
        ["HTTP/1.1 200 OK", "no colon", ""], ["HTTP/1.1 200 OK", " folded", ""], ["HTTP/1.1 200 OK", ": x", ""],
        ["HTTP/1.1 200 OK", "a b: x", ""], ["HTTP/1.1 200 OK", "a: x\u{0}y", ""], ["HTTP/1.1 200 OK", "a: x\ry", ""],
        ["HTTP/1.1 200 OK", "Content-Length: 1", "Content-Length: 2", ""], ["HTTP/1.1 101 Switching", ""], [""],
    ])
    func malformedHeadIsRefused(_ lines: [String]) {
        #expect {
            _ = try Self.read(lines)
        } throws: {
            if case .malformed? = $0 as? ResponseHeadReader.Failure { true } else { false }
        }
    }

    @Test(arguments: [
        ["HTTP/1.1 200 OK"] + (0...200).map { "A\($0): b" } + [""],
        ["HTTP/1.1 200 OK"] + (0..<100).map { "A\($0): " + String(repeating: "b", count: 1000) } + [""],
        ["HTTP/1.1 200 OK", "A: " + String(repeating: "b", count: 70000), ""],
        (0..<5000).flatMap { _ in ["HTTP/1.1 100 Continue", ""] },
    ])
    func headAboveTheLimitsIsRefused(_ lines: [String]) {
        #expect {
            _ = try Self.read(lines)
        } throws: {
            if case .tooLarge? = $0 as? ResponseHeadReader.Failure { true } else { false }
        }
    }

    @Test(arguments: [
        "A: " + String(repeating: "b", count: 1 << 20) + "\r\n",
        String(repeating: "A: " + String(repeating: "b", count: 1000) + "\r\n", count: 1000),
        String(repeating: "A: b\r\n", count: 1000),
    ])
    func headOfAMegabyteFailsFast(_ fields: String) async throws {
        let bed = try Bed(
            Origin { conversation in
                _ = conversation.readHead()
                try conversation.send("HTTP/1.1 200 OK\r\n" + fields)
                // Its end never comes.
                conversation.waitForClose()
            })
        #expect(try await bed.failure() == .headTooLarge)
        #expect(bed.counters.active == 0)
    }
}
