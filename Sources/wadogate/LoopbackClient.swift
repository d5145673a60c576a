// A client of one request at a time over a blocking socket, for the demo alone. It asks as any client from outside would,
// HEAD included, which the gateway's own way to backends has no need of.
import CLinux
import Glibc
import HTTP

/// What came back.
struct ClientAnswer {
    let status: Int
    let fields: HTTPFields
    /// Without its framing.
    let body: [UInt8]
    /// The body ended where it should.
    let isComplete: Bool
    let duration: Duration
}

/// Asks 127.0.0.1.
struct LoopbackClient {
    let port: UInt16
    /// More is not read: the demo's objects are small.
    static let largestAnswer = 256 << 20
    static let timeout = 30

    /// Asks once, on a connection of its own.
    ///
    /// - Returns: nil when there was no answer, or none that is HTTP.
    func ask(_ method: String, _ target: String, _ fields: [(String, String)] = []) -> ClientAnswer? {
        let began = ContinuousClock.now
        let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard socket >= 0 else { return nil }
        defer { close(socket) }
        guard connect(socket) else { return nil }
        var request = "\(method) \(target) HTTP/1.1\r\nHost: 127.0.0.1:\(port)\r\nConnection: close\r\n"
        for (name, value) in fields { request += "\(name): \(value)\r\n" }
        guard send(Array((request + "\r\n").utf8), to: socket) else { return nil }
        let bytes = receive(from: socket)
        return Self.parse(bytes, isHead: method == "HEAD", duration: ContinuousClock.now - began)
    }

    // MARK: Socket

    private func connect(_ socket: Int32) -> Bool {
        var limit = timeval(tv_sec: Self.timeout, tv_usec: 0)
        // setsockopt reads one timeval.
        unsafe _ = setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = INADDR_LOOPBACK.bigEndian
        let size = socklen_t(MemoryLayout<sockaddr_in>.size)
        return unsafe withUnsafePointer(to: address) { pointer in
            // A sockaddr_in is a sockaddr of the family that it names.
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe Glibc.connect(socket, $0, size) == 0
            }
        }
    }

    private func send(_ bytes: [UInt8], to socket: Int32) -> Bool {
        // A request of a few hundred bytes fits the buffer of a new connection.
        unsafe bytes.withUnsafeBytes { unsafe write(socket, $0.baseAddress, $0.count) } == bytes.count
    }

    private func receive(from socket: Int32) -> [UInt8] {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 18)
        while bytes.count < Self.largestAnswer {
            let count = unsafe chunk.withUnsafeMutableBytes { unsafe read(socket, $0.baseAddress, $0.count) }
            if count < 0 && errno == EINTR { continue }
            if count <= 0 { break }
            bytes.append(contentsOf: chunk[..<count])
        }
        return bytes
    }

    // MARK: Answer

    static func parse(_ bytes: [UInt8], isHead: Bool, duration: Duration) -> ClientAnswer? {
        let end: [UInt8] = Array("\r\n\r\n".utf8)
        guard let headEnd = bytes.indices.first(where: { bytes[$0...].starts(with: end) }) else { return nil }
        let lines = String(decoding: bytes[..<headEnd], as: UTF8.self).split(separator: "\r\n")
        let words = lines.first?.split(separator: " ") ?? []
        guard words.count >= 2, words[0].hasPrefix("HTTP/1."), let status = Int(words[1]) else { return nil }
        var fields = HTTPFields()
        for line in lines.dropFirst() {
            guard let colon = line.firstIndex(of: ":") else { return nil }
            fields.append(String(line[..<colon]), String(line[line.index(after: colon)...].drop { $0 == " " }))
        }
        let rest = Array(bytes[(headEnd + 4)...])
        let (body, isComplete) = body(of: rest, fields, hasNone: isHead || status == 304)
        return ClientAnswer(status: status, fields: fields, body: body, isComplete: isComplete, duration: duration)
    }

    private static func body(of rest: [UInt8], _ fields: HTTPFields, hasNone: Bool) -> ([UInt8], isComplete: Bool) {
        if hasNone { return (rest, rest.isEmpty) }
        if fields["transfer-encoding"]?.lowercased() == "chunked" {
            var decoder = HTTP1ChunkedDecoder(limits: limits)
            var body: [UInt8] = []
            let taken = try? decoder.decode(rest.span, into: &body)
            return (body, taken == rest.count && decoder.isComplete)
        }
        guard let length = fields["content-length"].flatMap({ Int($0) }) else { return (rest, true) }
        return (rest, rest.count == length)
    }

    private static var limits: HTTP1Limits {
        var limits = HTTP1Limits()
        limits.bodySize = largestAnswer
        return limits
    }
}
