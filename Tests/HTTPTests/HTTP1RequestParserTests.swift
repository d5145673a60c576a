import HTTP
import HTTPTestVectors
import Testing

@Suite struct HTTP1RequestParserTests {
    @Test func readsAnOrdinaryRequest() throws {
        let text =
            "GET /dicom-web/studies/1.2?accept=a%2Fb HTTP/1.1\r\nHost: h:8080\r\n"
            + "accept:  */* \t\r\nX-Empty:\r\n\r\n"
        let (request, consumed) = try #require(try parse(text + "GET /next"))
        #expect(consumed == text.utf8.count)
        #expect(request.head.method == .get)
        #expect(request.head.target == "/dicom-web/studies/1.2?accept=a%2Fb")
        #expect(request.head.version == 11)
        #expect(request.head.fields == ["host": "h:8080", "Accept": "*/*", "x-empty": ""])
        #expect(request.body == .none)
        #expect(request.keepsAlive && !request.expectsContinue)
    }

    @Test(arguments: [
        ("GET / HTTP/1.1\r\nHost: h\r\n\r\n", true), ("GET / HTTP/1.0\r\n\r\n", false),
        ("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", false),
        ("GET / HTTP/1.1\r\nHost: h\r\nConnection: x, CLOSE ,y\r\n\r\n", false),
        ("GET / HTTP/1.1\r\nHost: h\r\nConnection: closed\r\n\r\n", true),
        ("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", true),
        ("GET / HTTP/1.0\r\nConnection: keep-alive\r\nConnection: close\r\n\r\n", false),
    ])
    func persistenceFollowsVersionAndConnection(text: String, keepsAlive: Bool) throws {
        #expect(try #require(try parse(text)).request.keepsAlive == keepsAlive)
    }

    @Test(arguments: [
        ("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n", HTTP1Request.Body.none),
        ("POST / HTTP/1.1\r\nHost: h\r\ncontent-length: 123456789012345678\r\n\r\n", .length(123_456_789_012_345_678)),
        ("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: Chunked\r\n\r\n", .chunked),
    ])
    func framingIsRead(text: String, body: HTTP1Request.Body) throws {
        #expect(try #require(try parse(text)).request.body == body)
    }

    @Test(arguments: [
        ("GET http://h/a?b HTTP/1.1\r\nHost: H\r\n\r\n", "/a?b"),
        ("GET HTTPS://h:1/ HTTP/1.1\r\nHost: h:1\r\n\r\n", "/"),
        ("OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n", "*"), ("GET //a HTTP/1.1\r\nHost: [::1]:8\r\n\r\n", "//a"),
        ("GET /?a=\"b|c\" HTTP/1.1\r\nHost: a_b.example-1.org.\r\n\r\n", "/?a=\"b|c\""),
        ("\r\nGET /a HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", "/a"),
    ])
    func targetsAreReducedToOriginForm(text: String, target: String) throws {
        #expect(try #require(try parse(text)).request.head.target == target)
    }

    @Test func expectationIsReadInHTTP11Only() throws {
        let fields = "Host: h\r\nExpect: 100-Continue\r\nContent-Length: 1\r\n\r\n"
        #expect(try #require(try parse("PUT / HTTP/1.1\r\n" + fields)).request.expectsContinue)
        #expect(try #require(try parse("PUT / HTTP/1.0\r\n" + fields)).request.expectsContinue == false)
    }

    @Test func unknownMethodsAreTokens() throws {
        let head = try #require(try parse("M-SEARCH / HTTP/1.1\r\nHost: h\r\n\r\n")).request.head
        #expect(head.method == .other("M-SEARCH"))
    }

    @Test(arguments: HostileRequest.heads)
    func hostileHeadIsRefused(hostile: HostileRequest) {
        let error = #expect(throws: HTTP1Error.self) { try parse(hostile.bytes) }
        #expect(error?.status == hostile.status, "\(String(describing: error))")
    }

    /// However it is split, a head gives the same request or the same error.
    @Test(arguments: HostileRequest.heads.map(\.bytes).filter { $0.count < 2000 } + Self.good.map { Array($0.utf8) })
    func splittingChangesNothing(bytes: [UInt8]) {
        let whole = Result(bytes)
        for split in 0...bytes.count { #expect(Result(bytes, pieces: [split]) == whole) }
        #expect(Result(bytes, pieces: Array(0...bytes.count)) == whole)
    }

    @Test func largestHeadIsAcceptedAndOneByteMoreIsNot() throws {
        func head(_ size: Int) -> String {
            let start = "GET / HTTP/1.1\r\nHost: h\r\nA: "
            return start + String(repeating: "a", count: size - start.utf8.count - 4) + "\r\n\r\n"
        }
        #expect(try parse(head(16 << 10)) != nil)
        #expect(throws: HTTP1Error.self) { try parse(head(16 << 10 + 1)) }
        let fields = String(repeating: "A: b\r\n", count: 99)
        #expect(try parse("GET / HTTP/1.1\r\nHost: h\r\n\(fields)\r\n") != nil)
    }

    @Test func requestLineMayBeAsLongAsTheHead() throws {
        let rest = " HTTP/1.1\r\nHost: h\r\n\r\n"
        let target = "/" + String(repeating: "a", count: 16 << 10 - rest.utf8.count - 5)
        #expect(try parse("GET \(target)\(rest)")?.consumed == 16 << 10)
    }

    /// Twenty thousand damaged heads: whatever comes out, nothing traps, and what is accepted is consumed sensibly.
    @Test func damagedHeadsNeverTrap() {
        var random = SplitMix(state: 20_260)
        let seeds = HostileRequest.heads.map(\.bytes).filter { $0.count < 500 } + Self.good.map { Array($0.utf8) }
        let spice: [UInt8] = [0, 9, 10, 13, 32, 58, 35, 44, 48, 64, 91, 93, 127, 128, 255]
        for _ in 0..<20_000 {
            var bytes = seeds[Int(random.next() % UInt64(seeds.count))]
            for _ in 0...random.next() % 4 {
                let place = Int(random.next() % UInt64(bytes.count))
                switch random.next() % 4 {
                case 0: bytes[place] = spice[Int(random.next() % UInt64(spice.count))]
                case 1: bytes.insert(spice[Int(random.next() % UInt64(spice.count))], at: place)
                case 2: if bytes.count > 1 { bytes.remove(at: place) }
                default: bytes[place] = UInt8(truncatingIfNeeded: random.next())
                }
            }
            if case .request(let request, let consumed) = Result(bytes) {
                #expect(consumed <= bytes.count)
                #expect(request.head.target.hasPrefix("/") || request.head.target == "*")
                #expect(request.head.version == 10 || request.head.fields.values("host").count == 1)
            }
        }
    }

    static let good = [
        "GET / HTTP/1.1\r\nHost: h\r\n\r\n", "\r\nGET http://h/a HTTP/1.1\r\nA: b\r\nHost: h\r\nC:\r\n\r\nrest",
        "POST /x HTTP/1.1\r\nHost: [::1]:80\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n",
        "OPTIONS * HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    ]

    private enum Result: Equatable {
        case request(HTTP1Request, consumed: Int)
        case error(HTTP1Error)
        case unfinished

        /// Shows the parser the bytes up to each of `pieces`, then all of them.
        init(_ bytes: [UInt8], pieces: [Int] = []) {
            var parser = HTTP1RequestParser()
            self = .unfinished
            do throws(HTTP1Error) {
                for end in pieces + [bytes.count] {
                    if let (request, consumed) = try parser.parse(bytes.span.extracting(..<end)) {
                        self = .request(request, consumed: consumed)
                        return
                    }
                }
            } catch { self = .error(error) }
        }
    }

    private func parse(_ text: String) throws -> (request: HTTP1Request, consumed: Int)? { try parse(Array(text.utf8)) }

    private func parse(_ bytes: [UInt8]) throws -> (request: HTTP1Request, consumed: Int)? {
        var parser = HTTP1RequestParser()
        return try parser.parse(bytes.span)
    }
}

/// A seeded generator, so that a failure can be seen again.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
