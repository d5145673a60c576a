import EventLoop
import HTTP
import Synchronization
import Testing

@testable import Upstream

@Suite struct ResponseTests {
    static let hello = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello"

    @Test func headAndBodyArrive() async throws {
        let bed = try Bed(Origin { try $0.answerAll(Self.hello) })
        let (head, body) = try await bed.fetch()
        #expect(head.status == 200)
        #expect(head.fields["content-type"] == "text/plain")
        #expect(String(decoding: body, as: UTF8.self) == "hello")
    }

    @Test func connectionIsUsedAgain() async throws {
        let origin = try Origin { try $0.answerAll(Self.hello) }
        let bed = try Bed(origin)
        for _ in 0..<20 { _ = try await bed.fetch() }
        #expect(origin.accepted == 1)
        #expect(
            bed.counters
                == BackendCounters(
                    requests: 20, failures: [:], active: 0, idle: 1, queued: 0, statuses: [0, 0, 20, 0, 0, 0],
                    bytes: 100))
    }

    @Test func connectionThatTheOriginClosedWhileIdleIsReplaced() async throws {
        let origin = try Origin { conversation in
            _ = conversation.readHead()
            try conversation.send(Self.hello)
        }
        let bed = try Bed(origin) { $0.maxConnections = 1 }
        for _ in 0..<3 { #expect(try await bed.fetch().body.count == 5) }
        #expect(origin.accepted == 3)
        #expect(origin.mostOpen == 1)
    }

    @Test func headIsThereBeforeTheBodyEnds() async throws {
        let gate = Gate()
        let bed = try Bed(
            Origin { conversation in
                _ = conversation.readHead()
                try conversation.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfirst")
                gate.wait()
                try conversation.send("later")
            })
        let body = try await bed.run { loop in
            let response = try await bed.upstream.get(try bed.request(), on: loop)
            #expect(response.head.status == 200)
            let first = try await response.next()
            #expect(first.map { String(decoding: $0, as: UTF8.self) } == "first")
            gate.open()
            return try await response.wholeBody()
        }
        #expect(String(decoding: body, as: UTF8.self) == "later")
    }

    @Test func interimResponsesArePassedOver() async throws {
        let interim = "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n"
        let bed = try Bed(Origin { try $0.answerAll(interim + Self.hello) })
        let (head, body) = try await bed.fetch()
        #expect(head.status == 200)
        #expect(head.fields["link"] == nil)
        #expect(body.count == 5)
    }

    @Test(arguments: [
        "HTTP/1.1 204 No Content\r\n\r\n",
        "HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\nContent-Length: 700\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ])
    func emptyBodyEndsAtOnce(_ answer: String) async throws {
        let origin = try Origin { try $0.answerAll(answer) }
        let bed = try Bed(origin)
        for _ in 0..<2 { #expect(try await bed.fetch().body.isEmpty) }
        #expect(origin.accepted == 1)
    }

    @Test func bodyUpToTheCloseEndsProperly() async throws {
        let bed = try Bed(
            Origin { conversation in
                _ = conversation.readHead()
                try conversation.send("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nall there is")
            })
        #expect(try await bed.fetch().body.count == 12)
    }

    @Test func whatFollowsTheContentLengthIsCut() async throws {
        let bed = try Bed(
            Origin { conversation in
                _ = conversation.readHead()
                try conversation.send(Self.hello + " and more")
                conversation.waitForClose()
            })
        #expect(String(decoding: try await bed.fetch().body, as: UTF8.self) == "hello")
    }

    @Test func errorStatusIsAnAnswer() async throws {
        let bed = try Bed(
            Origin { try $0.answerAll("HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\ngone") })
        let (head, body) = try await bed.fetch()
        #expect(head.status == 404)
        #expect(body.count == 4)
    }

    /// As PixelMed refuses; and one that was cut in its fields tells no less.
    @Test(arguments: [
        "HTTP/1.1 404 Not Found - Could not find SOP Instance\r\n", "HTTP/1.1 404 Not Found\r\nContent-Type: text/pl",
    ])
    func refusalMayEndWithItsStatusLine(_ answer: String) async throws {
        let bed = try Bed(
            Origin { conversation in
                _ = conversation.readHead()
                try conversation.send(answer)
            })
        let (head, body) = try await bed.fetch()
        #expect(head.status == 404)
        #expect(head.fields["content-type"] == nil)
        #expect(body.isEmpty)
        #expect(bed.counters.failures.isEmpty)
    }

    @Test(arguments: [
        ("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort", UpstreamError.Kind.closedEarly),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nshort\r\n", .closedEarly),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nsho", .closedEarly),
        ("", .closedEarly),
        ("HTTP/1.1 200 OK\r\n", .closedEarly),
        ("HTTP/1.1 200 OK\r\nContent-Le", .closedEarly),
        ("HTTP/1.1 40", .closedEarly),
        ("SSH-2.0-OpenSSH_9.2\r\n", .protocolViolation),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello", .protocolViolation),
        ("HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\nhello", .protocolViolation),
        ("HTTP/1.1 200 OK\r\nX: a\u{1}b\r\nContent-Length: 5\r\n\r\nhello", .protocolViolation),
        ("HTTP/1.1 101 Switching Protocols\r\nUpgrade: h9\r\n\r\n", .protocolViolation),
        ("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello", .protocolViolation),
        ("HTTP/1.1 200 OK\r\nContent-Encoding: deflate\r\nContent-Length: 5\r\n\r\nhello", .protocolViolation),
    ])
    func brokenAnswerIsAnError(_ answer: String, _ kind: UpstreamError.Kind) async throws {
        let bed = try Bed(
            Origin { conversation in
                _ = conversation.readHead()
                try conversation.send(answer)
            })
        #expect(try await bed.failure() == kind)
        #expect(bed.counters.failures == [kind: 1])
        #expect(bed.counters.active == 0)
    }

    @Test func bytesBeforeAnEarlyEndAreHandedOutFirst() async throws {
        let bed = try Bed(
            Origin { conversation in
                _ = conversation.readHead()
                try conversation.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort")
            })
        let got = try await bed.run { loop in
            let response = try await bed.upstream.get(try bed.request(), on: loop)
            var body: [UInt8] = []
            do throws(UpstreamError) {
                while let piece = try await response.next() { body += piece }
                Issue.record("the body ended as if it were whole")
            } catch { #expect(error.kind == .closedEarly) }
            // And again, not an end.
            await #expect(throws: UpstreamError.self) { _ = try await response.next() }
            return body.count
        }
        #expect(got == 5)
    }

    @Test func refusedConnectionIsAnError() async throws {
        let origin = try Origin { _ in }
        let bed = try Bed(origin)
        origin.stop()
        await origin.stopped.opened()
        #expect(try await bed.failure() == .connect)
    }

    @Test func unknownHostIsAnError() async throws {
        let match = try Bed.url("http://backend.invalid/")
        let bed = try Bed(backends: [Backend(name: "pacs", match: match)])
        await #expect {
            _ = try await bed.run { try await bed.upstream.get(UpstreamRequest(url: match), on: $0).head }
        } throws: { ($0 as? UpstreamError)?.kind == .resolve }
    }
}
