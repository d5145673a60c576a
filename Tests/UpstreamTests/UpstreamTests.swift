import EventLoop
import HTTP
import Synchronization
import Testing
import Upstream

@Suite struct UpstreamTests {
    private static let hello = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello"

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
        #expect(bed.counters.idle == 1)
        #expect(bed.counters.active == 0)
        #expect(bed.counters.requests == 20)
    }
}
