import HTTP
import HTTPTestVectors
import Testing

@Suite struct HTTP1ChunkedDecoderTests {
    static let good = [
        "0\r\n\r\n", "5\r\nhello\r\n0\r\n\r\nGET",
        "00000A;a=b;c=\"d\"\r\n0123456789\r\n1\r\nx\r\n0;e\r\nA: b\r\nC:\r\n\r\nrest",
    ]

    @Test(arguments: zip(good, [("", 5), ("hello", 15), ("0123456789x", 53)]))
    func chunksAreJoined(text: String, expected: (body: String, taken: Int)) throws {
        var decoder = HTTP1ChunkedDecoder()
        var body: [UInt8] = []
        let taken = try decoder.decode(Array(text.utf8).span, into: &body)
        #expect(decoder.isComplete)
        #expect(String(decoding: body, as: UTF8.self) == expected.body)
        #expect(taken == expected.taken)
    }

    @Test(arguments: HostileRequest.bodies)
    func hostileBodyIsRefused(hostile: HostileRequest) throws {
        var parser = HTTP1RequestParser()
        let (request, consumed) = try #require(try parser.parse(hostile.bytes.span))
        #expect(request.body == .chunked)
        guard case .error(let error) = Result(Array(hostile.bytes[consumed...])) else {
            Issue.record("not refused")
            return
        }
        #expect(error.status == hostile.status)
    }

    @Test(arguments: HostileRequest.bodies.map(\.bytes) + good.map { Array($0.utf8) })
    func splittingChangesNothing(bytes: [UInt8]) throws {
        var parser = HTTP1RequestParser()
        let start = (try? parser.parse(bytes.span)).flatMap(\.self)?.consumed ?? 0
        let bytes = Array(bytes[start...])
        let whole = Result(bytes)
        for split in 0...min(bytes.count, 300) { #expect(Result(bytes, pieces: [split]) == whole) }
        #expect(Result(bytes, pieces: Array(0...bytes.count)) == whole)
    }

    @Test func bodyIsBoundedOverAllChunks() throws {
        var limits = HTTP1Limits()
        limits.bodySize = 10
        var decoder = HTTP1ChunkedDecoder(limits: limits)
        var body: [UInt8] = []
        _ = try decoder.decode(Array("5\r\nhello\r\n5\r\nworld\r\n".utf8).span, into: &body)
        #expect(body.count == 10)
        #expect(throws: HTTP1Error(.bodyTooLarge, at: 21)) {
            _ = try decoder.decode(Array("1\r\n!".utf8).span, into: &body)
        }
    }

    @Test func damagedBodiesNeverTrap() {
        var random = SplitMix(state: 7)
        let seeds = Self.good.map { Array($0.utf8) }
        for _ in 0..<20_000 {
            var bytes = seeds[Int(random.next() % UInt64(seeds.count))]
            for _ in 0...random.next() % 3 {
                bytes[Int(random.next() % UInt64(bytes.count))] = UInt8(truncatingIfNeeded: random.next())
            }
            if case .complete(let body, let taken) = Result(bytes) { #expect(body.count + 5 <= taken) }
        }
    }

    private enum Result: Equatable {
        case complete([UInt8], taken: Int)
        case error(HTTP1Error)
        case unfinished

        init(_ bytes: [UInt8], pieces: [Int] = []) {
            var decoder = HTTP1ChunkedDecoder()
            var body: [UInt8] = []
            var taken = 0
            do throws(HTTP1Error) {
                for end in pieces + [bytes.count] where end >= taken {
                    taken += try decoder.decode(bytes.span.extracting(taken..<end), into: &body)
                }
                self = decoder.isComplete ? .complete(body, taken: taken) : .unfinished
            } catch { self = .error(error) }
        }
    }
}
