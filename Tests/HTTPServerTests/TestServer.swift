// A server on a free port of the loopback, and a blocking client that shows every byte.
import CLinux
import EventLoop
import Glibc
import HTTP
import HTTPServer
import Synchronization
import Testing

final class ClosureHandler: RequestHandler {
    private let body: @Sendable (Exchange) -> Void
    init(_ body: @escaping @Sendable (Exchange) -> Void) { self.body = body }
    func handle(_ exchange: Exchange) { body(exchange) }
}

/// Ends with the test that made it.
final class TestServer: Sendable {
    let loops: EventLoopGroup
    let server: HTTPServer
    let address: SocketAddress
    private let eventLog: EventLog

    init(
        loops count: Int = 1, on host: String = "127.0.0.1", tls: TLSContext? = nil,
        settings change: (inout HTTPServerSettings) -> Void = { _ in }, handler: @escaping @Sendable (Exchange) -> Void
    ) throws {
        var settings = HTTPServerSettings()
        change(&settings)
        let log = EventLog()
        eventLog = log
        loops = try EventLoopGroup(count: count)
        server = HTTPServer(loops: loops, settings: settings, handler: ClosureHandler(handler)) { log.append($0) }
        address = try server.listen(on: ListenAddress(host: host, port: 0), tls: tls)[0]
    }

    deinit { loops.stop() }

    var events: [String] { eventLog.all }

    func connect(receiveBuffer: Int32? = nil) throws -> TestClient {
        try TestClient(address, receiveBuffer: receiveBuffer)
    }
}

final class EventLog: Sendable {
    private let events = Mutex<[String]>([])
    var all: [String] { events.withLock { $0 } }
    func append(_ event: ServerEvent) { events.withLock { $0.append("\(event)") } }
}

/// Lets a test wait for what happens on a loop.
final class Signal<Value: Sendable>: Sendable {
    private let stream: AsyncStream<Value>
    private let continuation: AsyncStream<Value>.Continuation
    init() { (stream, continuation) = AsyncStream.makeStream() }
    func send(_ value: Value) { continuation.yield(value) }
    func next() async -> Value? { await stream.first { _ in true } }
}

struct TestResponse: Equatable {
    var status: Int
    var fields: HTTPFields
    var body: [UInt8]
    var text: String { String(decoding: body, as: UTF8.self) }
}

struct ClientError: Error { let reason: String }

/// A blocking socket; gives up after ten seconds of silence.
final class TestClient {
    let descriptor: Int32
    private var unread: [UInt8] = []

    init(_ address: SocketAddress, receiveBuffer: Int32? = nil) throws {
        let isV6 = address.host.contains(":")
        descriptor = socket(isV6 ? AF_INET6 : AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var time = timeval(tv_sec: 10, tv_usec: 0)
        unsafe setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &time, socklen_t(MemoryLayout<timeval>.size))
        if var size = receiveBuffer {
            unsafe setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &size, socklen_t(MemoryLayout<Int32>.size))
        }
        let result: Int32
        if isV6 {
            var name = sockaddr_in6()
            name.sin6_family = sa_family_t(AF_INET6)
            name.sin6_port = address.port.bigEndian
            unsafe inet_pton(AF_INET6, address.host, &name.sin6_addr)
            result = unsafe withUnsafeBytes(of: name) {
                unsafe Glibc.connect(
                    descriptor, $0.assumingMemoryBound(to: sockaddr.self).baseAddress, socklen_t($0.count))
            }
        } else {
            var name = sockaddr_in()
            name.sin_family = sa_family_t(AF_INET)
            name.sin_port = address.port.bigEndian
            unsafe inet_pton(AF_INET, address.host, &name.sin_addr)
            result = unsafe withUnsafeBytes(of: name) {
                unsafe Glibc.connect(
                    descriptor, $0.assumingMemoryBound(to: sockaddr.self).baseAddress, socklen_t($0.count))
            }
        }
        if result != 0 { throw ClientError(reason: "connect: \(clinux_errno())") }
    }

    deinit { close(descriptor) }

    func send(_ text: String) { send(Array(text.utf8)) }

    func send(_ bytes: [UInt8]) {
        var sent = 0
        while sent < bytes.count {
            let count = unsafe bytes[sent...].withUnsafeBytes {
                unsafe Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            if count <= 0 { return }
            sent += count
        }
    }

    func get(_ target: String, fields: String = "") throws -> TestResponse {
        send("GET \(target) HTTP/1.1\r\nHost: h\r\n\(fields)\r\n")
        return try response()
    }

    func shutdownSending() { _ = shutdown(descriptor, Int32(SHUT_WR)) }

    /// Closes so that the peer sees a reset.
    func reset() {
        var option = linger(l_onoff: 1, l_linger: 0)
        unsafe setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
        // The descriptor's number stays ours until deinit: an unconnected socket takes its place.
        let other = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        dup2(other, descriptor)
        close(other)
    }

    /// Returns when the server has said something or gone, or the time is over.
    func waitForInput(milliseconds: Int32) {
        var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        unsafe _ = poll(&entry, 1, milliseconds)
    }

    /// One read; nil at the end, also after a reset.
    func read(_ most: Int = 65536) throws -> [UInt8]? {
        if !unread.isEmpty {
            defer { unread = [] }
            return unread
        }
        var buffer = [UInt8](repeating: 0, count: most)
        let count = unsafe recv(descriptor, &buffer, most, 0)
        if count < 0, clinux_errno() == EAGAIN { throw ClientError(reason: "nothing came for ten seconds") }
        return count <= 0 ? nil : Array(buffer[..<count])
    }

    func readAll() throws -> [UInt8] {
        var all: [UInt8] = []
        while let bytes = try read() { all += bytes }
        return all
    }

    private func take(_ count: Int) throws -> [UInt8] {
        var taken: [UInt8] = []
        while taken.count < count {
            guard let bytes = try read() else { throw ClientError(reason: "ended within \(count) bytes") }
            let wanted = min(count - taken.count, bytes.count)
            taken += bytes[..<wanted]
            unread = Array(bytes[wanted...])
        }
        return taken
    }

    private func line() throws -> String {
        var line: [UInt8] = []
        while !line.suffix(2).elementsEqual([13, 10]) { line += try take(1) }
        return String(decoding: line.dropLast(2), as: UTF8.self)
    }

    func response(toHead: Bool = false) throws -> TestResponse {
        let status = try line()
        guard status.hasPrefix("HTTP/1.1 "), let code = Int(status.dropFirst(9).prefix(3)) else {
            throw ClientError(reason: "no status line: \(status)")
        }
        var response = TestResponse(status: code, fields: HTTPFields(), body: [])
        while case let line = try line(), !line.isEmpty {
            guard let colon = line.firstIndex(of: ":") else { throw ClientError(reason: "bad field: \(line)") }
            response.fields.append(String(line[..<colon]), String(line[line.index(after: colon)...]))
        }
        if toHead || code < 200 || code == 204 || code == 304 { return response }
        if response.fields["transfer-encoding"] == "chunked" {
            while let size = Int(try line(), radix: 16), size > 0 {
                response.body += try take(size)
                _ = try line()
            }
            _ = try line()
        } else if let length = response.fields["content-length"].flatMap({ Int($0) }) {
            response.body = try take(length)
        } else {
            response.body = try readAll()
        }
        return response
    }
}

/// An unnamed file whose bytes follow from their places.
final class TestFile: Sendable {
    let descriptor: Int32
    let bytes: [UInt8]

    init(length: Int) {
        // A block of prime length, so that bytes from a wrong place differ.
        let block = (0..<65_521).map { UInt8(truncatingIfNeeded: $0 &* 31 ^ $0 >> 8) }
        var bytes: [UInt8] = []
        while bytes.count < length { bytes += block.prefix(length - bytes.count) }
        self.bytes = bytes
        descriptor = clinux_unnamed_file(AT_FDCWD, 0o600)
        var written = 0
        while written < length {
            written += unsafe bytes[written...].withUnsafeBytes { unsafe write(descriptor, $0.baseAddress, $0.count) }
        }
    }

    deinit { close(descriptor) }

    func region(_ range: Range<Int>? = nil) -> FileRegion {
        let range = range ?? 0..<bytes.count
        return FileRegion(
            descriptor: descriptor, offset: Int64(range.lowerBound), length: Int64(range.count), owner: self)
    }
}

/// Compares without showing megabytes when it fails.
func expectEqualBytes(_ bytes: [UInt8], _ expected: [UInt8], sourceLocation: SourceLocation = #_sourceLocation) {
    if bytes == expected { return }
    let place = zip(bytes, expected).enumerated().first { $0.element.0 != $0.element.1 }?.offset
    Issue.record(
        "\(bytes.count) bytes instead of \(expected.count); the first difference is at \(place ?? -1)",
        sourceLocation: sourceLocation)
}
