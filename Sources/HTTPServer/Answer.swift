// One answer on an HTTP/1 connection: which calls are legal when, and what they put into the output queue.
import EventLoop
import HTTP

/// The answer to one request, between the handler's ``Exchange`` and the ``Connection``.
///
///     open ── respond ──────────────▶ ended ── all sent ──▶ over
///       └──── begin ──▶ streaming ── finish ──▶ ended
///     from each but over: client lost, abort ──▶ over
///
/// A call that its state does not allow does nothing: after a lost client that is right, otherwise it is our bug and an assertion
/// fails in debug builds.
///
/// Unchecked because it is touched on its connection's loop only.
final class Answer: @unchecked Sendable {
    private enum State {
        case open
        case streaming(Stream)
        /// Everything is in the connection's queue.
        case ended
        case over(ExchangeEnd)
    }

    private struct Stream {
        let framing: HTTP1ResponseEncoder.Framing
        /// The client expects body bytes: not for HEAD, 204, 304.
        let hasBody: Bool
        var written: Int64 = 0
    }

    let connection: Connection
    private let method: HTTPMethod
    private let version: Int
    private var state = State.open
    private var waiter: CheckedContinuation<Void, Never>?
    private var cancelCalls: [() -> Void] = []
    private var endCalls: [(ExchangeEnd) -> Void] = []
    var bytesSent: Int64 = 0
    private(set) var isCancelled = false

    init(connection: Connection, to request: RequestHead) {
        self.connection = connection
        method = request.method
        version = request.version
    }

    /// Whether the handler has still to end it.
    var isUnfinished: Bool {
        switch state {
        case .open, .streaming: true
        case .ended, .over: false
        }
    }

    var isEnded: Bool { if case .ended = state { true } else { false } }

    // MARK: The handler's calls

    func respond(_ head: ResponseHead, body: ResponseBody) {
        guard case .open = expect("respond", [.open]) else { return }
        let framing = framing(for: head, length: body.length)
        state = .ended
        connection.send(encoded(head, framing), body: hasBody(head) ? body : .empty)
    }

    func begin(_ head: ResponseHead, length: Int64?) async throws(ExchangeError) {
        guard case .open = expect("begin", [.open]) else { throw .clientGone }
        // A length that cannot be is none.
        let framing = framing(for: head, length: length.flatMap { $0 >= 0 ? $0 : nil })
        state = .streaming(Stream(framing: framing, hasBody: hasBody(head)))
        connection.enqueue(.bytes(encoded(head, framing), bodyStart: .max))
        try await flushed()
    }

    func write(_ segment: OutputQueue.Segment) async throws(ExchangeError) {
        guard case .streaming(var stream) = expect("write", [.streaming]) else { throw .clientGone }
        guard segment.length > 0, stream.hasBody else { return }
        stream.written += segment.length
        state = .streaming(stream)
        if case .length(let announced) = stream.framing, stream.written > announced {
            breakOff(announced: announced, sent: stream.written)
            throw .clientGone
        }
        if stream.framing == .chunked {
            connection.enqueue(framing: HTTP1ResponseEncoder.chunkHead(segment.length))
            connection.enqueue(segment)
            connection.enqueue(framing: HTTP1ResponseEncoder.lineEnd)
        } else {
            connection.enqueue(segment)
        }
        try await flushed()
    }

    func finish() async throws(ExchangeError) {
        guard case .streaming(let stream) = expect("finish", [.streaming]) else { throw .clientGone }
        if stream.hasBody, case .length(let announced) = stream.framing, stream.written < announced {
            breakOff(announced: announced, sent: stream.written)
            throw .clientGone
        }
        if stream.hasBody, stream.framing == .chunked { connection.enqueue(framing: HTTP1ResponseEncoder.lastChunk) }
        state = .ended
        try await flushed()
        // Where the end puts nothing on the wire, nothing else tells the connection.
        connection.advance()
    }

    func abort() {
        guard isUnfinished else { return }
        // A body until the connection's end is cut off visibly by a reset only.
        var mustReset = false
        if case .streaming(let stream) = state { mustReset = stream.framing == .untilClose }
        connection.abort(reset: mustReset)
    }

    func exchangeWasDropped() {
        guard isUnfinished else { return }
        connection.server.log(.exchangeDropped)
        if case .open = state {
            let head = ResponseHead(status: 500, fields: ["Content-Type": "text/plain"])
            respond(head, body: .bytes(Array("No answer.\n".utf8)))
        } else {
            abort()
        }
    }

    func onCancel(_ body: @escaping () -> Void) {
        if isCancelled { body() } else if case .over = state { return } else { cancelCalls.append(body) }
    }

    func onEnd(_ body: @escaping (ExchangeEnd) -> Void) {
        if case .over(let end) = state { body(end) } else { endCalls.append(body) }
    }

    // MARK: The connection's events

    /// The kernel has everything that was queued.
    func outputDrained() {
        let waiter = waiter
        self.waiter = nil
        waiter?.resume()
    }

    /// The kernel has the whole answer, or the connection is lost.
    func end(_ end: ExchangeEnd) {
        if case .over = state { return }
        state = .over(end)
        let (cancelCalls, endCalls) = (cancelCalls, endCalls)
        (self.cancelCalls, self.endCalls) = ([], [])
        isCancelled = end == .clientGone
        outputDrained()
        if isCancelled { for call in cancelCalls { call() } }
        for call in endCalls { call(end) }
    }

    // MARK: Parts

    private enum Phase { case open, streaming }

    /// The state, checked to be one in which `call` makes sense.
    private func expect(_ call: StaticString, _ phases: [Phase]) -> State {
        connection.loop.assertOnLoop()
        switch state {
        case .open: assert(phases.contains(.open), "\(call) before begin")
        case .streaming: assert(phases.contains(.streaming), "\(call) after begin")
        case .ended: assertionFailure("\(call) after the end")
        case .over(let end): assert(end != .complete, "\(call) after the end")
        }
        return state
    }

    private func framing(for head: ResponseHead, length: Int64?) -> HTTP1ResponseEncoder.Framing {
        if head.status < 200 || head.status == 204 || head.status == 304 { return .none }
        if let length { return .length(length) }
        return version >= 11 ? .chunked : .untilClose
    }

    private func hasBody(_ head: ResponseHead) -> Bool {
        method != .head && head.status >= 200 && head.status != 204 && head.status != 304
    }

    private func encoded(_ head: ResponseHead, _ framing: HTTP1ResponseEncoder.Framing) -> [UInt8] {
        let keepsAlive = connection.settlePersistence(framing != .untilClose)
        var bytes: [UInt8] = []
        bytes.reserveCapacity(512)
        HTTP1ResponseEncoder.append(
            head, framing: framing,
            persistence: keepsAlive ? (version >= 11 ? .implied : .keepAlive) : .close,
            date: connection.server.date(), to: &bytes)
        return bytes
    }

    /// Sends what is queued, and waits for the kernel to take it.
    private func flushed() async throws(ExchangeError) {
        connection.flush()
        if connection.hasOutput {
            precondition(waiter == nil, "two writers on one answer")
            await withCheckedContinuation { waiter = $0 }
        }
        if case .over(let end) = state, end != .complete { throw .clientGone }
    }

    private func breakOff(announced: Int64, sent: Int64) {
        connection.server.log(.lengthMismatch(announced: announced, sent: sent))
        connection.abort(reset: false)
    }
}
