// A TCP connection for one request and its answer, blocking, which a signal can cut short. For the commands; the gateway's own way
// to backends knows far more.
import CLinux
import Glibc
import HTTP

/// One request on a connection of its own.
final class PlainConnection {
    enum Failure: Error, Equatable {
        /// The system's words.
        case unreachable(String)
        /// It ended before its end, or took too long.
        case brokenOff(String)
        case notHTTP
        case interrupted
    }

    private let socket: Int32
    private let host: String
    private let interrupt: Interrupt?
    private var reader: AnswerReader

    /// Connects, to the first of the host's addresses that takes it.
    ///
    /// - Parameters:
    ///   - isHead: whether the request will be a HEAD.
    ///   - interrupt: what ends a wait.
    /// - Throws: ``Failure/unreachable(_:)``.
    init(host: String, port: UInt16, isHead: Bool = false, interrupt: Interrupt? = nil) throws(Failure) {
        self.interrupt = interrupt
        reader = AnswerReader(isHead: isHead)
        self.host = host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        socket = try Self.connect(host, port)
    }

    deinit { close(socket) }

    private static func connect(_ host: String, _ port: UInt16) throws(Failure) -> Int32 {
        var hints = unsafe addrinfo()
        unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        let code = unsafe getaddrinfo(host, "\(port)", &hints, &list)
        guard code == 0 else { throw .unreachable(unsafe String(cString: gai_strerror(code))) }
        // The list is the resolver's until it is freed.
        defer { unsafe freeaddrinfo(list) }
        var reason = "no address"
        var next = unsafe list
        while let entry = unsafe next?.pointee {
            let socket = unsafe Glibc.socket(
                entry.ai_family, entry.ai_socktype | Int32(SOCK_CLOEXEC.rawValue), entry.ai_protocol)
            if socket >= 0, unsafe Glibc.connect(socket, entry.ai_addr, entry.ai_addrlen) == 0 { return socket }
            reason = unsafe String(cString: strerror(errno))
            if socket >= 0 { close(socket) }
            unsafe next = entry.ai_next
        }
        throw .unreachable(reason)
    }

    /// Sends a request; the connection is closed after its answer.
    ///
    /// - Throws: ``Failure``.
    func send(
        _ method: String, _ target: String, _ fields: [(String, String)] = [], body: [UInt8] = []
    ) throws(Failure) {
        var head = "\(method) \(target) HTTP/1.1\r\nHost: \(host)\r\nConnection: close\r\n"
        for (name, value) in fields { head += "\(name): \(value)\r\n" }
        if !body.isEmpty { head += "Content-Length: \(body.count)\r\n" }
        let bytes = Array((head + "\r\n").utf8) + body
        var sent = 0
        while sent < bytes.count {
            let count = unsafe bytes.withUnsafeBytes { buffer in
                // `sent` is within the buffer.
                unsafe Glibc.send(socket, buffer.baseAddress! + sent, buffer.count - sent, Int32(MSG_NOSIGNAL))
            }
            if count > 0 {
                sent += count
            } else if errno != EINTR {
                throw .brokenOff(unsafe String(cString: strerror(errno)))
            }
        }
    }

    /// The answer's status and fields.
    ///
    /// - Parameter body: gets the bytes of the body that came along.
    /// - Throws: ``Failure``.
    func head(within patience: Duration, into body: inout [UInt8]) throws(Failure) -> (status: Int, fields: HTTPFields)
    {
        while true {
            if let fields = reader.fields { return (reader.status, fields) }
            guard let piece = try piece(within: patience) else { throw .brokenOff("no answer in time") }
            body += piece
        }
    }

    /// More of the body.
    ///
    /// - Returns: nil when nothing has come in that time; empty at the end.
    /// - Throws: ``Failure``, `brokenOff` when it ends before its end.
    func next(within patience: Duration) throws(Failure) -> [UInt8]? {
        while !reader.isOver {
            guard let piece = try piece(within: patience) else { return nil }
            if !piece.isEmpty { return piece }
            if hasEnded { break }
        }
        guard reader.isComplete else { throw .brokenOff("the answer ended too early") }
        return []
    }

    var isComplete: Bool { reader.isComplete }
    private var hasEnded = false

    /// Body bytes of what one read brings, which may be none; nil when nothing comes in time.
    private func piece(within patience: Duration) throws(Failure) -> [UInt8]? {
        guard try wait(patience) else { return nil }
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        let count = unsafe chunk.withUnsafeMutableBytes { unsafe read(socket, $0.baseAddress, $0.count) }
        if count < 0 && errno == EINTR { return [] }
        if count <= 0 {
            hasEnded = true
            if reader.fields == nil { throw .brokenOff("the connection ended before an answer") }
            return []
        }
        do { return try reader.feed(Array(chunk[..<count])) } catch { throw .notHTTP }
    }

    private func wait(_ patience: Duration) throws(Failure) -> Bool {
        let (seconds, attoseconds) = patience.components
        let milliseconds = Int32(clamping: seconds * 1000 + attoseconds / 1_000_000_000_000_000)
        var descriptors = [
            pollfd(fd: socket, events: Int16(POLLIN), revents: 0),
            // A descriptor below zero is passed over.
            pollfd(fd: interrupt?.descriptor ?? -1, events: Int16(POLLIN), revents: 0),
        ]
        let count = unsafe descriptors.withUnsafeMutableBufferPointer { buffer in
            unsafe poll(buffer.baseAddress, nfds_t(buffer.count), milliseconds)
        }
        if descriptors[1].revents != 0 { throw .interrupted }
        return count > 0
    }
}

/// Ctrl-C and SIGTERM as something to wait for, so that a command ends in good order.
final class Interrupt {
    let descriptor: Int32

    /// From now on these signals end nothing by themselves.
    init() {
        var set = sigset_t()
        // The calls fill and read one set.
        unsafe sigemptyset(&set)
        unsafe sigaddset(&set, SIGTERM)
        unsafe sigaddset(&set, SIGINT)
        unsafe pthread_sigmask(SIG_BLOCK, &set, nil)
        descriptor = unsafe signalfd(-1, &set, Int32(SFD_CLOEXEC) | Int32(SFD_NONBLOCK))
    }

    deinit { close(descriptor) }
}
