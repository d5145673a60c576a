// One HTTP/1 connection: its phases, and what the socket's readiness does in each. Knows no routes and no bodies' meaning.
import CLinux
import EventLoop
import Glibc
import HTTP

/// Drives one connection on its loop.
///
///     head ──▶ body ──▶ answering ──▶ head … (keep-alive; what was pipelined is parsed next)
///       └───────┴──────────┴──▶ closing ──▶ lingering ──▶ closed
///
/// Nothing is read while an answer is under way: a client that pipelines faster than it reads is held back by TCP.
///
/// Unchecked because it is touched on its loop only.
final class Connection: DescriptorHandler, @unchecked Sendable {
    enum Phase {
        /// Between requests, or within a head.
        case head
        case body(HTTP1Request, RequestBody)
        /// A handler has the exchange, or its answer is on its way.
        case answering(Answer)
        /// The last output is on its way.
        case closing
        /// All is sent and our half closed; waits for the peer's end, so that no reset destroys the last answer.
        case lingering
        case closed
    }

    let server: LoopServer
    let descriptor: Int32
    private let address: SocketAddress
    private(set) lazy var peer = address.host

    // Shared by the extensions of this class, which are its parts in other files.
    let transport: any Transport
    var phase = Phase.head
    var input = InputBuffer()
    var output = OutputQueue()
    var watched: Readiness = [.readable, .peerClosed]
    var deadline = ConnectionDeadline()
    private var parser: HTTP1RequestParser
    private var keepsAlive = true
    private var isAdvancing = false

    init(server: LoopServer, descriptor: Int32, address: SocketAddress, transport: any Transport) {
        self.server = server
        self.descriptor = descriptor
        self.address = address
        self.transport = transport
        parser = HTTP1RequestParser(limits: server.settings.limits)
    }

    var loop: EventLoop { server.loop }
    var isSecure: Bool { transport.isSecure }
    var clientSubject: String? { transport.clientSubject }
    var isClosed: Bool { if case .closed = phase { true } else { false } }

    /// - Throws: ``SystemError`` when the loop cannot watch the descriptor; it stays the caller's then.
    func start() throws(SystemError) {
        try loop.register(descriptor, for: watched, handler: self)
        setDeadline(.head)
    }

    // MARK: Readiness

    func descriptorIsReady(_ readiness: Readiness) {
        if !readiness.isDisjoint(with: .failed) { return lose(.clientGone) }
        if readiness.contains(.writable) { flush() }
        if !readiness.isDisjoint(with: [.readable, .peerClosed]) {
            inputIsReady(peerClosed: readiness.contains(.peerClosed))
        }
    }

    private func inputIsReady(peerClosed: Bool) {
        switch phase {
        case .head, .body:
            receive()
            // The request came together with the client's end: an answer that is not there yet has nobody to go to.
            if peerClosed, case .answering(let answer) = phase, answer.isUnfinished { lose(.clientGone) }
        case .answering(let answer):
            // A client that closes its sending half counts as gone, as a viewer that drops a request does just that. One whose
            // answer is wholly there still gets it.
            if peerClosed, answer.isUnfinished { return lose(.clientGone) }
            watch(peerClosed ? watched.subtracting([.readable, .peerClosed]) : watched.subtracting(.readable))
        case .closing: watch(watched.subtracting([.readable, .peerClosed]))
        case .lingering: discardInput()
        case .closed: break
        }
    }

    func receive() {
        switch transport.receive(into: &input.bytes, scratch: &server.scratch) {
        case .received:
            if transport.hasPendingOutput { flush() }
            if deadline.kind == .idle, !input.isEmpty { setDeadline(.head) }
            advance()
        case .nothing: break
        case .ended: lose(.clientGone)
        case .failed(let reason):
            if let reason { server.log(.handshakeFailed(peer: peer, reason: reason)) }
            if transport.hasPendingOutput { flush() }
            lose(.clientGone)
        }
    }

    private func discardInput() {
        for _ in 0..<8 {
            let (count, code) = SocketCall.receive(descriptor, &server.scratch, most: .max)
            if count > 0 { continue }
            if count == 0 || code != EAGAIN { close() }
            return
        }
    }

    func watch(_ readiness: Readiness) {
        guard readiness != watched, !isClosed else { return }
        watched = readiness
        do throws(SystemError) { try loop.modify(descriptor, for: readiness) } catch { lose(.aborted) }
    }

    // MARK: Requests

    /// Goes on from phase to phase as far as bytes and answers allow. A loop, for a recursion over pipelined requests has no bound.
    func advance() {
        if isAdvancing { return }
        isAdvancing = true
        defer { isAdvancing = false }
        while step() {}
    }

    private func step() -> Bool {
        do throws(HTTP1Error) {
            switch phase {
            case .head: return try readHead()
            case .body(let request, let body):
                // The phase gives the body up while it grows, so that it is not copied.
                phase = .head
                return try readBody(request, body)
            case .answering(let answer):
                guard answer.isEnded, !hasOutput else { return false }
                endAnswer(answer)
                return true
            case .closing, .lingering, .closed: return false
            }
        } catch {
            server.log(.requestRefused(peer: peer, error))
            refuse(error.status, "\(error)")
            return false
        }
    }

    private func readHead() throws(HTTP1Error) -> Bool {
        if input.isEmpty { return false }
        guard let (request, consumed) = try input.withUnused({ bytes throws(HTTP1Error) in try parser.parse(bytes) })
        else { return false }
        input.consume(consumed)
        guard let body = try RequestBody(request.body, limits: server.settings.limits) else {
            handle(request, body: [])
            return true
        }
        phase = .body(request, body)
        if request.expectsContinue, input.isEmpty {
            enqueue(framing: HTTP1ResponseEncoder.continueResponse)
            flush()
        }
        return true
    }

    private func readBody(_ request: HTTP1Request, _ body: consuming RequestBody) throws(HTTP1Error) -> Bool {
        let taken = try input.withUnused { bytes throws(HTTP1Error) in try body.take(bytes) }
        input.consume(taken)
        if body.isComplete {
            handle(request, body: body.bytes)
            return true
        }
        phase = .body(request, body)
        return false
    }

    private func handle(_ request: HTTP1Request, body: [UInt8]) {
        let isOffered =
            switch request.head.method {
            case .post, .put, .delete: true
            default: false
            }
        let answer = Answer(connection: self, to: request.head)
        phase = .answering(answer)
        keepsAlive = request.keepsAlive
        clearDeadline()
        server.handler.handle(Exchange(request: request.head, body: isOffered ? body : [], answer: answer))
    }

    /// Whether the connection goes on after the present answer; settled when its head is written.
    func settlePersistence(_ isPossible: Bool) -> Bool {
        keepsAlive = keepsAlive && isPossible && !server.isDraining
        return keepsAlive
    }

    private func endAnswer(_ answer: Answer) {
        if keepsAlive {
            phase = .head
            watch([.readable, .peerClosed])
            setDeadline(input.isEmpty ? .idle : .head)
        } else {
            beginClosing()
        }
        answer.end(.complete)
        if server.isDraining { closeIfIdle() }
    }
}
