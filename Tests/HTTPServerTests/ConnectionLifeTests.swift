import EventLoop
import Glibc
import HTTP
import HTTPServer
import Synchronization
import Testing

/// How connections wait, end and fail.
@Suite(.timeLimit(.minutes(1))) struct ConnectionLifeTests {
    @Test func slowReaderHoldsTheWriterBack() async throws {
        let piece = [UInt8](repeating: 7, count: 100_000)
        let box = Signal<ExchangeEnd>()
        let counter = Counter()
        let server = try TestServer { exchange in
            exchange.onEnd { box.send($0) }
            exchange.loop.spawn {
                try? await exchange.begin(ResponseHead(status: 200), length: 30_000_000)
                for _ in 0..<300 {
                    try? await exchange.write(piece)
                    counter.add()
                }
                try? await exchange.finish()
            }
        }
        let client = try server.connect(receiveBuffer: 64 << 10)
        client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        // When the loop has been idle for a while the writer stands still, for the kernel's buffers are far below 30 MB.
        var last = -1
        while counter.value != last || last == 0 {
            last = counter.value
            await withCheckedContinuation { continuation in
                server.loops.loops[0].execute {
                    server.loops.loops[0].schedule(after: .milliseconds(30)) { continuation.resume() }
                }
            }
        }
        #expect(last < 150)
        let response = try client.response()
        #expect(response.body.count == 30_000_000)
        #expect(await box.next() == .complete)
    }

    @Test func headThatNeverComesIsTimedOut() throws {
        let server = try TestServer(settings: { $0.headerTimeout = .milliseconds(50) }) { $0.echo() }
        let silent = try server.connect()
        #expect(try silent.read() == nil)
        let slow = try server.connect()
        slow.send("GET / HTTP/1.1\r\nHost:")
        #expect(try slow.response().status == 408)
        #expect(try slow.read() == nil)
        let bodiless = try server.connect()
        bodiless.send("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhel")
        #expect(try bodiless.response().status == 408)
    }

    @Test func drippingBytesDoNotProlongTheHead() throws {
        let server = try TestServer(settings: { $0.headerTimeout = .milliseconds(100) }) { $0.echo() }
        let client = try server.connect()
        let start = ContinuousClock.now
        client.send("GET / HTTP/1.1\r\nHost: h\r\n")
        while server.server.connectionCount > 0, ContinuousClock.now - start < .seconds(5) {
            client.send("A: b\r\n")
            client.waitForInput(milliseconds: 10)
        }
        #expect(ContinuousClock.now - start < .seconds(4))
    }

    @Test func idleConnectionIsClosedAndABusyOneIsNot() throws {
        let server = try TestServer(settings: { $0.idleTimeout = .milliseconds(50) }) { exchange in
            // Longer than every time-out of the connection: while the handler thinks, none runs.
            exchange.loop.schedule(after: .milliseconds(120)) { exchange.echo() }
        }
        let client = try server.connect()
        #expect(try client.get("/a").text == "/a")
        #expect(try client.read() == nil)
    }

    @Test func clientThatTakesNothingIsCutOff() async throws {
        let ends = Signal<ExchangeEnd>()
        let file = TestFile(length: 20_000_000)
        let server = try TestServer(settings: { $0.writeStallTimeout = .milliseconds(80) }) { exchange in
            exchange.onEnd { ends.send($0) }
            exchange.respond(ResponseHead(status: 200), body: .file(prefix: [], file.region(), suffix: []))
        }
        let client = try server.connect(receiveBuffer: 16 << 10)
        client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        #expect(await ends.next() == .clientGone)
        #expect(server.events == ["127.0.0.1 stopped reading its answer"])
    }

    @Test(arguments: [true, false])
    func clientThatLeavesCancelsTheExchange(byReset: Bool) async throws {
        let begun = Signal<Void>()
        let cancelled = Signal<Bool>()
        let ends = Signal<ExchangeEnd>()
        let failed = Signal<Bool>()
        let server = try TestServer { exchange in
            exchange.onCancel { cancelled.send(exchange.isCancelled) }
            exchange.onEnd { ends.send($0) }
            exchange.loop.spawn {
                do throws(ExchangeError) {
                    try await exchange.begin(ResponseHead(status: 200), length: nil)
                    try await exchange.write([1, 2, 3])
                    begun.send(())
                    while true { try await exchange.write([UInt8](repeating: 0, count: 1 << 20)) }
                } catch { failed.send(exchange.isCancelled) }
            }
        }
        let client = try server.connect()
        client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        _ = await begun.next()
        if byReset { client.reset() } else { client.shutdownSending() }
        #expect(await cancelled.next() == true)
        #expect(await ends.next() == .clientGone)
        #expect(await failed.next() == true)
    }

    @Test func clientThatLeavesBeforeTheAnswerCancelsIt() async throws {
        let arrived = Signal<Void>()
        let cancelled = Signal<Void>()
        let late = Signal<Bool>()
        let server = try TestServer { exchange in
            arrived.send(())
            exchange.onCancel {
                cancelled.send(())
                exchange.loop.execute {
                    exchange.respond(ResponseHead(status: 200), body: .empty)
                    exchange.onCancel { late.send(exchange.isCancelled) }
                }
            }
        }
        var client: TestClient? = try server.connect()
        client?.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        _ = await arrived.next()
        client = nil
        #expect(await cancelled.next() != nil)
        #expect(await late.next() == true)
    }

    @Test func answerThatIsThereReachesAClientThatHasClosedItsHalf() throws {
        let file = TestFile(length: 8_000_000)
        let server = try TestServer { exchange in
            exchange.respond(ResponseHead(status: 200), body: .file(prefix: [], file.region(), suffix: []))
        }
        let client = try server.connect()
        client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        client.shutdownSending()
        expectEqualBytes(try client.response().body, file.bytes)
        #expect(try client.read() == nil)
    }

    @Test(arguments: [11, 10])
    func abortShowsTheClientATruncation(version: Int) throws {
        let server = try TestServer { exchange in
            exchange.loop.spawn {
                try? await exchange.begin(ResponseHead(status: 200), length: nil)
                try? await exchange.write(Array("part".utf8))
                exchange.abort()
            }
        }
        let client = try server.connect()
        client.send("GET / HTTP/1.\(version - 10)\r\nHost: h\r\n\r\n")
        let text = String(decoding: try client.readAll(), as: UTF8.self)
        #expect(!text.contains("\r\n0\r\n\r\n"))
        if version == 11 { #expect(text.hasSuffix("4\r\npart\r\n")) }
    }

    @Test func droppedExchangeIsAnsweredWith500() throws {
        let server = try TestServer { _ in }
        let client = try server.connect()
        #expect(try client.get("/").status == 500)
        #expect(server.events == ["an exchange was dropped without an answer"])
    }

    @Test(arguments: [(5, 3), (3, 5)])
    func lengthThatDoesNotHoldBreaksTheAnswerOff(announced: Int, sent: Int) throws {
        let server = try TestServer { exchange in
            exchange.stream(length: Int64(announced), pieces: [[UInt8](repeating: 65, count: sent)])
        }
        let client = try server.connect()
        #expect(throws: ClientError.self) { try client.get("/") }
        #expect(server.events == ["\(announced) bytes were announced and \(sent) sent"])
    }

    @Test func connectionBeyondTheLimitIsToldSo() throws {
        let server = try TestServer(settings: { $0.maxConnections = 2 }) { $0.echo() }
        let clients = [try server.connect(), try server.connect()]
        for client in clients { #expect(try client.get("/").status == 200) }
        let third = try server.connect()
        #expect(try third.response().status == 503)
        #expect(try third.read() == nil)
        #expect(try clients[0].get("/").status == 200)
    }

    @Test func drainEndsWhatIsUnderWayAndClosesTheRest() async throws {
        let arrived = Signal<Exchange>()
        // One loop: each begins to drain on its own.
        let server = try TestServer { exchange in
            if exchange.request.target == "/slow" { arrived.send(exchange) } else { exchange.echo() }
        }
        let idle = try server.connect()
        #expect(try idle.get("/a").text == "/a")
        let busy = try server.connect()
        busy.send("GET /slow HTTP/1.1\r\nHost: h\r\n\r\n")
        let exchange = try #require(await arrived.next())
        async let drained: Void = server.server.drain(within: .seconds(10))
        #expect(try idle.read() == nil)
        #expect(throws: ClientError.self) { try server.connect() }
        exchange.loop.execute { exchange.echo() }
        let response = try busy.response()
        #expect(response.text == "/slow" && response.fields["connection"] == "close")
        #expect(try busy.read() == nil)
        busy.shutdownSending()
        await drained
        #expect(server.server.connectionCount == 0)
    }

    @Test func drainBreaksOffWhatTakesTooLong() async throws {
        let arrived = Signal<Exchange>()
        let ends = Signal<ExchangeEnd>()
        let server = try TestServer { exchange in
            exchange.onEnd { ends.send($0) }
            arrived.send(exchange)
        }
        let client = try server.connect()
        client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        let exchange = await arrived.next()
        await server.server.drain(within: .milliseconds(20))
        #expect(await ends.next() == .aborted)
        #expect(try client.read() == nil)
        #expect(exchange != nil)
    }
}

final class Counter: Sendable {
    private let count = Atomic<Int>(0)
    var value: Int { count.load(ordering: .relaxed) }
    func add() { count.add(1, ordering: .relaxed) }
}
