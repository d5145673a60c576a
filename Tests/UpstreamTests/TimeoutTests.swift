import CLinux
import EventLoop
import Glibc
import HTTP
import Testing

@testable import Upstream

@Suite struct TimeoutTests {
    @Test func silenceBeforeTheHeadIsAFirstByteTimeout() async throws {
        let bed = try Bed(Origin { $0.waitForClose() }) { $0.firstByteTimeout = .milliseconds(60) }
        #expect(try await bed.failure() == .firstByteTimeout)
        #expect(bed.counters.active == 0)
    }

    @Test func headThatNeverEndsIsAFirstByteTimeout() async throws {
        let bed = try Bed(
            Origin { conversation in
                _ = conversation.readHead()
                try conversation.send("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nX: y\r\n")
                conversation.waitForClose()
            }
        ) { $0.firstByteTimeout = .milliseconds(60) }
        #expect(try await bed.failure() == .firstByteTimeout)
    }

    @Test func silenceWithinTheBodyIsAStall() async throws {
        let bed = try Bed(
            Origin { conversation in
                _ = conversation.readHead()
                try conversation.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort")
                conversation.waitForClose()
            }
        ) { $0.stallTimeout = .milliseconds(60) }
        #expect(try await bed.failure() == .stalled)
        #expect(bed.counters.active == 0)
        #expect(bed.counters.idle == 0)
    }

    /// Three bytes, each before the stall time-out and the last after it and after the first-byte time-out.
    @Test func slowBodyIsNotAStall() async throws {
        let gates = [Gate(), Gate(), Gate()]
        let bed = try Bed(
            Origin { conversation in
                _ = conversation.readHead()
                try conversation.send("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n")
                for gate in gates {
                    gate.wait()
                    try conversation.send("x")
                }
                conversation.waitForClose()
            }
        ) {
            $0.stallTimeout = .milliseconds(1500)
            $0.firstByteTimeout = .milliseconds(1500)
        }
        let size = try await bed.run { loop in
            let response = try await bed.upstream.get(try bed.request(), on: loop)
            for gate in gates {
                await loop.pass(.milliseconds(600))
                gate.open()
            }
            return try await response.wholeBody().count
        }
        #expect(size == 3)
    }

    @Test func backendThatWaitsForUsDoesNotStall() async throws {
        let size = 16 << 20
        let bed = try Bed(
            Origin { conversation in
                _ = conversation.readHead()
                try conversation.send("HTTP/1.1 200 OK\r\nContent-Length: \(size)\r\n\r\n")
                try conversation.send([UInt8](repeating: 7, count: size))
                conversation.waitForClose()
            }
        ) { $0.stallTimeout = .milliseconds(700) }
        let got = try await bed.run { loop in
            let response = try await bed.upstream.get(try bed.request(), on: loop)
            // Nobody pulls for longer than the stall time-out, so the transfer is paused by us.
            await loop.pass(.milliseconds(1500))
            return try await response.wholeBody().count
        }
        #expect(got == size)
    }

    private static let tooMuch = 16 << 20

    /// Sends more than the buffers hold, as fast as it is taken.
    private static func generousOrigin() throws -> Origin {
        try Origin { conversation in
            _ = conversation.readHead()
            try conversation.send("HTTP/1.1 200 OK\r\nContent-Length: \(tooMuch)\r\n\r\n")
            try conversation.send([UInt8](repeating: 7, count: tooMuch))
            conversation.waitForClose()
        }
    }

    @Test func bodyThatNobodyTakesGivesItsConnectionUp() async throws {
        let bed = try Bed(Self.generousOrigin()) {
            $0.maxConnections = 1
            $0.pauseTimeout = .milliseconds(100)
        }
        try await bed.run { loop in
            let idle = try await bed.upstream.get(try bed.request(), on: loop)
            // It waits for the only connection, which comes free by nothing else.
            let next = try await bed.upstream.get(try bed.request(), on: loop)
            #expect(next.head.status == 200)
            next.cancel()
            var size = 0
            await #expect {
                while let piece = try await idle.next() { size += piece.count }
            } throws: { ($0 as? UpstreamError)?.kind == .abandoned }
            #expect(size > Transfer.highWater && size <= 768 << 10)
        }
        #expect(bed.counters.failures == [.abandoned: 1])
    }

    /// Each piece is taken before the time is over, and the buffer stays too full for more to be asked for.
    @Test func whoeverTakesSlowlyKeepsTheConnection() async throws {
        let bed = try Bed(Self.generousOrigin()) { $0.pauseTimeout = .milliseconds(1500) }
        let got = try await bed.run { loop in
            let response = try await bed.upstream.get(try bed.request(), on: loop)
            var got = 0
            for _ in 0..<3 {
                await loop.pass(.milliseconds(900))
                got += try await response.next()?.count ?? 0
            }
            return got + (try await response.wholeBody().count)
        }
        #expect(got == Self.tooMuch)
    }

    @Test func hostThatTakesNoConnectionIsAConnectTimeout() async throws {
        let full = try FullListener()
        let url = try Bed.url("http://127.0.0.1:\(full.port)/")
        var backend = Backend(name: "pacs", match: url)
        backend.connectTimeout = .milliseconds(80)
        let bed = try Bed(backends: [backend])
        await #expect {
            _ = try await bed.run { try await bed.upstream.get(UpstreamRequest(url: url), on: $0).head }
        } throws: { ($0 as? UpstreamError)?.kind == .connectTimeout }
    }

    @Test func failedConnectionIsNotCountedAsKept() async throws {
        let bed = try Bed(Origin { $0.waitForClose() }) {
            $0.firstByteTimeout = .milliseconds(30)
            $0.maxConnections = 1
        }
        for _ in 0..<3 { #expect(try await bed.failure() == .firstByteTimeout) }
        #expect(
            bed.counters
                == BackendCounters(
                    requests: 3, failures: [.firstByteTimeout: 3], active: 0, idle: 0, queued: 0))
    }
}

extension EventLoop {
    /// Lets time pass on the loop: for what must not happen within it.
    func pass(_ time: Duration) async {
        await withCheckedContinuation { continuation in schedule(after: time) { continuation.resume() } }
    }
}

/// A listener whose queue is full, so that the kernel answers no further connection request.
private final class FullListener {
    let port: Int
    private let listener: Int32
    private var clients: [Int32] = []

    init() throws {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        listener = try system("socket") { socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0) }
        let size = socklen_t(MemoryLayout<sockaddr_in>.size)
        var length = size
        let listener = listener
        var clients: [Int32] = []
        // The address outlives each call, and its size is given.
        unsafe try withUnsafeMutablePointer(to: &address) { pointer in
            try unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                try system("bind") { unsafe bind(listener, pointer, size) }
                try system("listen") { listen(listener, 0) }
                try system("getsockname") { unsafe getsockname(listener, pointer, &length) }
                for _ in 0..<4 {
                    let kind = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue)
                    let client = try system("socket") { socket(AF_INET, kind, 0) }
                    unsafe _ = connect(client, pointer, size)
                    clients.append(client)
                }
            }
        }
        self.clients = clients
        port = Int(UInt16(bigEndian: address.sin_port))
    }

    deinit {
        for descriptor in clients + [listener] { close(descriptor) }
    }
}
