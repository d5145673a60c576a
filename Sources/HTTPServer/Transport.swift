// The way bytes take between a connection and its socket: plain or encrypted. Knows no HTTP.
import EventLoop

/// How far sending got.
enum SendOutcome {
    /// Everything is with the kernel.
    case drained
    /// The socket is full; writability will tell.
    case blocked
    /// More could be sent, but other connections' turn comes first.
    case yielded
    case failed
    /// A file region could not be read: the error, or nil when the file ended early.
    case fileFailed(SystemError?)
}

enum ReceiveOutcome {
    /// Some bytes came; with TLS perhaps none for the reader.
    case received
    case nothing
    /// The peer has ended its sending half.
    case ended
    /// The reason, when it is worth a line in the log.
    case failed(String?)
}

/// What an answer's sending achieved.
struct SendResult {
    var outcome: SendOutcome
    /// Whether the kernel took anything.
    var hasProgressed: Bool
    /// Body bytes among what was taken.
    var bodyBytes: Int64
}

/// A socket's bytes, plain or encrypted. Bound to its connection's loop.
protocol Transport: AnyObject {
    var isSecure: Bool { get }
    /// The verified client certificate's subject; nil before the handshake's end and without one.
    var clientSubject: String? { get }
    /// Whether something of its own, apart from the queue, waits to be sent.
    var hasPendingOutput: Bool { get }
    /// Reads once and appends what came to `input`.
    func receive(into input: inout [UInt8], scratch: inout [UInt8]) -> ReceiveOutcome
    /// Sends from the queue until it is empty, the socket is full, or its turn is over.
    func send(_ queue: inout OutputQueue, scratch: inout [UInt8]) -> SendResult
    /// Says behind all that was sent that nothing more will come; the caller sends what that leaves pending. Once is enough.
    func prepareShutdown()
}

enum TransportLimits {
    /// Bytes that one connection sends before the others' turn comes.
    static let bytesPerTurn = 4 << 20
    /// Bytes of one `sendfile`.
    static let bytesPerFileCall = 2 << 20
    /// Bytes of one read from the socket.
    static let bytesPerReceive = 16 << 10
    /// What ``Transport``'s callers lend them to work in.
    static let scratchSize = 128 << 10
}
