import EventLoop
import Glibc
import HTTP
import HTTPServer
import HTTPTestVectors
import Testing

/// Requests and answers over real sockets.
@Suite(.timeLimit(.minutes(1))) struct HTTPServerTests {
    @Test func answersOneRequestAfterAnotherOnOneConnection() throws {
        let server = try TestServer { exchange in
            #expect(exchange.peer == "127.0.0.1" && !exchange.isSecure && exchange.clientSubject == nil)
            exchange.respond(ResponseHead(status: 200), body: .bytes(Array(exchange.request.target.utf8)))
        }
        let client = try server.connect()
        for target in ["/a", "/b", "/c"] {
            let response = try client.get(target)
            #expect(response.status == 200 && response.text == target)
            #expect(response.fields["date"]?.hasSuffix(" GMT") == true)
            #expect(response.fields["connection"] == nil)
        }
    }

    @Test func pipelinedRequestsAreAnsweredInOrderThoughAnswersComeLate() throws {
        let server = try TestServer { exchange in
            if exchange.request.target.hasSuffix("0") {
                exchange.loop.schedule(after: .milliseconds(1)) { exchange.echo() }
            } else {
                exchange.echo()
            }
        }
        let client = try server.connect()
        client.send((0..<500).map { "GET /\($0) HTTP/1.1\r\nHost: h\r\n\r\n" }.joined())
        for number in 0..<500 { #expect(try client.response().text == "/\(number)") }
    }

    @Test func connectionClosesWhenAskedTo() throws {
        let server = try TestServer { $0.echo() }
        for (request, connection) in [
            ("GET /a HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", "close"), ("GET /a HTTP/1.0\r\n\r\n", "close"),
        ] {
            let client = try server.connect()
            client.send(request)
            let response = try client.response()
            #expect(response.fields["connection"] == connection)
            #expect(try client.read() == nil)
        }
        let client = try server.connect()
        client.send("GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        #expect(try client.response().fields["connection"] == "keep-alive")
        #expect(try client.get("/b").text == "/b")
    }

    @Test func headGetsTheHeadOfGet() throws {
        let file = TestFile(length: 100_000)
        let server = try TestServer { exchange in
            switch exchange.request.target {
            case "/bytes": exchange.respond(ResponseHead(status: 200), body: .bytes([1, 2, 3]))
            case "/file":
                exchange.respond(ResponseHead(status: 200), body: .file(prefix: [1], file.region(), suffix: [2]))
            default: exchange.stream(length: nil, pieces: [[1, 2, 3]])
            }
        }
        let client = try server.connect()
        for (target, field, value) in [
            ("/bytes", "content-length", "3"), ("/file", "content-length", "100002"),
            ("/stream", "transfer-encoding", "chunked"),
        ] {
            client.send("HEAD \(target) HTTP/1.1\r\nHost: h\r\n\r\n")
            #expect(try client.response(toHead: true).fields[field] == value)
        }
        #expect(try client.get("/bytes").body == [1, 2, 3])
    }

    @Test func streamsChunkedOrByLengthOrUntilClose() throws {
        let pieces = (1...50).map { [UInt8](repeating: UInt8($0), count: $0 * 100) }
        let all = Array(pieces.joined())
        let server = try TestServer { exchange in
            exchange.stream(length: exchange.request.target == "/length" ? Int64(all.count) : nil, pieces: pieces)
        }
        let client = try server.connect()
        let chunked = try client.get("/chunked")
        #expect(chunked.fields["transfer-encoding"] == "chunked")
        expectEqualBytes(chunked.body, all)
        let byLength = try client.get("/length")
        #expect(byLength.fields["content-length"] == "\(all.count)")
        expectEqualBytes(byLength.body, all)
        client.send("GET /close HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        let untilClose = try client.response()
        #expect(untilClose.fields["connection"] == "close")
        expectEqualBytes(untilClose.body, all)
    }

    @Test func answersWithoutBodySayNothingOfOne() throws {
        let server = try TestServer { exchange in
            let status = Int(exchange.request.target.dropFirst()) ?? 0
            exchange.respond(ResponseHead(status: status, fields: ["ETag": "\"a\""]), body: .bytes([1]))
        }
        let client = try server.connect()
        for status in [204, 304] {
            let response = try client.get("/\(status)")
            #expect(response.status == status && response.fields["content-length"] == nil)
        }
        #expect(try client.get("/200").body == [1])
    }

    @Test(arguments: [0, 1, 1000, 65_000, 65_536, 70_000, 12_000_000])
    func fileRegionsArriveByteEqual(length: Int) throws {
        let file = TestFile(length: length + 7)
        let server = try TestServer { exchange in
            let (prefix, suffix) = (Array("<<".utf8), Array(">>".utf8))
            let body = ResponseBody.file(prefix: prefix, file.region(3..<3 + length), suffix: suffix)
            exchange.onEnd { end in
                #expect(end == .complete && exchange.bytesSent == Int64(length + 4))
            }
            exchange.respond(ResponseHead(status: 200), body: body)
        }
        let client = try server.connect()
        for _ in 0..<2 {
            let body = try client.get("/").body
            #expect(body.count == length + 4)
            expectEqualBytes(body, Array("<<".utf8) + file.bytes[3..<3 + length] + Array(">>".utf8))
        }
    }

    @Test func fileRegionsCanBeStreamed() throws {
        let file = TestFile(length: 3_000_000)
        let server = try TestServer { exchange in
            exchange.loop.spawn {
                try? await exchange.begin(ResponseHead(status: 200), length: nil)
                try? await exchange.write(Array("begin".utf8))
                try? await exchange.write(file.region(0..<2_500_000))
                try? await exchange.write(file.region(2_500_000..<3_000_000))
                try? await exchange.finish()
            }
        }
        let client = try server.connect()
        expectEqualBytes(try client.get("/").body, Array("begin".utf8) + file.bytes)
        expectEqualBytes(try client.get("/").body, Array("begin".utf8) + file.bytes)
    }

    @Test func fileThatIsShorterThanItsRegionBreaksTheAnswerOff() throws {
        let file = TestFile(length: 1000)
        let server = try TestServer { exchange in
            let region = FileRegion(descriptor: file.descriptor, offset: 0, length: 200_000, owner: file)
            exchange.respond(ResponseHead(status: 200), body: .file(prefix: [], region, suffix: []))
        }
        let client = try server.connect()
        #expect(throws: ClientError.self) { try client.get("/") }
        #expect(server.events == ["a file broke off while it was sent: too short"])
    }

    @Test(arguments: HostileRequest.heads + HostileRequest.bodies)
    func hostileRequestIsRefusedAndTheConnectionCloses(hostile: HostileRequest) throws {
        let server = try TestServer { _ in Issue.record("the handler saw a hostile request") }
        let client = try server.connect()
        client.send(hostile.bytes)
        let response = try client.response()
        #expect(response.status == hostile.status)
        #expect(response.fields["connection"] == "close")
        #expect(response.fields["content-type"] == "text/plain; charset=utf-8")
        #expect(try client.read() == nil)
    }

    @Test func smuggledRequestIsNeverAnswered() throws {
        let server = try TestServer { $0.echo() }
        let client = try server.connect()
        client.send(
            "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
                + "GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n")
        let all = String(decoding: try client.readAll(), as: UTF8.self)
        #expect(all.hasPrefix("HTTP/1.1 400 ") && !all.contains("smuggled"))
    }

    @Test func bodiesAreOfferedForMethodsThatHaveThem() throws {
        let server = try TestServer { exchange in
            exchange.respond(ResponseHead(status: 200), body: .bytes(exchange.body))
        }
        let client = try server.connect()
        for method in ["POST", "PUT", "DELETE"] {
            client.send("\(method) / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello")
            #expect(try client.response().text == "hello")
            client.send("\(method) / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")
            #expect(try client.response().text == "hello")
        }
        client.send("GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello")
        #expect(try client.response().text == "")
        let large = String(repeating: "a", count: 64 << 10)
        client.send("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: \(large.utf8.count)\r\n\r\n\(large)")
        #expect(try client.response().text == large)
    }

    @Test(arguments: ["POST", "GET"])
    func bodyBeyondTheLimitIsRefusedBeforeItComes(method: String) throws {
        let server = try TestServer { $0.echo() }
        let client = try server.connect()
        client.send("\(method) / HTTP/1.1\r\nHost: h\r\nContent-Length: 65537\r\nExpect: 100-continue\r\n\r\n")
        #expect(try client.response().status == 413)
        #expect(try client.read() == nil)
    }

    @Test func clientThatWaitsForContinueGetsIt() throws {
        let server = try TestServer { exchange in
            exchange.respond(ResponseHead(status: 201), body: .bytes(exchange.body))
        }
        let client = try server.connect()
        client.send("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
        #expect(try client.response().status == 100)
        client.send("hello")
        let response = try client.response()
        #expect(response.status == 201 && response.text == "hello")
    }

    @Test func servesIPv6() throws {
        let server = try TestServer(on: "::1") { exchange in
            exchange.respond(ResponseHead(status: 200), body: .bytes(Array(exchange.peer.utf8)))
        }
        #expect(try server.connect().get("/").text == "::1")
    }

    @Test func listensOnEveryAddressOfANameAndOnEveryLoop() throws {
        let server = try TestServer(loops: 3) { exchange in
            exchange.respond(ResponseHead(status: 200), body: .bytes(Array("\(exchange.loop.index)".utf8)))
        }
        let clients = try (0..<60).map { _ in try server.connect() }
        let loops = try Set(clients.map { try $0.get("/").text })
        #expect(loops.count > 1)
        let named = try server.server.listen(on: ListenAddress(host: "localhost", port: 0))
        #expect(Set(named.map(\.port)).count == 1)
        for address in named { #expect(try TestClient(address).get("/").status == 200) }
    }

    @Test func addressThatCannotBeHadIsAnError() throws {
        let server = try TestServer { $0.echo() }
        for host in ["256.1.1.1", "192.0.2.1"] {
            #expect(throws: ListenError.self) { try server.server.listen(on: ListenAddress(host: host, port: 0)) }
        }
    }

    @Test(arguments: [
        ("127.0.0.1:80", "127.0.0.1:80", true), ("[::1]:0", "[::1]:0", true), ("0.0.0.0:65535", "0.0.0.0:65535", false),
        ("LocalHost:1", "LocalHost:1", true), ("example.org:8080", "example.org:8080", false),
        ("[::]:1", "[::]:1", false),
    ])
    func listenAddressesAreRead(text: String, description: String, isLoopback: Bool) {
        let address = ListenAddress(text)
        #expect(address?.description == description && address?.isLoopback == isLoopback)
    }

    @Test(arguments: ["", "80", ":80", "h:", "h:65536", "::1:80", "[::1]", "[h]:80", "h/:80", "a b:80", "u@h:80"])
    func malformedListenAddressesAreNot(text: String) { #expect(ListenAddress(text) == nil) }
}

extension Exchange {
    func echo() { respond(ResponseHead(status: 200), body: .bytes(Array(request.target.utf8))) }

    func stream(length: Int64?, pieces: [[UInt8]]) {
        loop.spawn {
            do throws(ExchangeError) {
                try await self.begin(ResponseHead(status: 200), length: length)
                for piece in pieces { try await self.write(piece) }
                try await self.finish()
            } catch {}
        }
    }
}
