// One request on its way: from libcurl's callbacks to whoever pulls the response. Knows phases and time-outs, not sockets.
import CCurl
import EventLoop
import HTTP

/// A request and its response, bound to its loop.
///
/// ```
/// head ──final head──▶ body ──end──▶ complete
///   └───────┴──failure, cancel()──▶ failed
/// ```
/// In `complete` and `failed` libcurl has let go of the transfer and the permit is given back. What was buffered before an
/// end or a failure can still be taken; ``cancel()`` drops it.
///
/// Unchecked because everything is touched on the loop of `home` only.
final class Transfer: @unchecked Sendable {
    private enum Phase {
        case head
        case body
        case complete
        case failed(UpstreamError)
    }

    /// Above this, nothing more is read from the backend; from below its half, again.
    static let highWater = 512 << 10

    let pool: BackendPool
    let url: HTTPURL
    let home: TransferLoop
    /// Set while libcurl has the transfer.
    var handle: EasyHandle?
    /// Whether an idle connection is counted on that was not seen in use yet.
    var reusesConnection: Bool

    private var phase = Phase.head
    private var headReader = ResponseHeadReader()
    private var head: ResponseHead?
    private var body = BodyBuffer()
    /// Bytes that Content-Length still promises.
    private var expected: Int?
    private var isPaused = false
    /// Why a callback told libcurl to stop.
    private var verdict: UpstreamError?
    private var waiter: CheckedContinuation<Void, Never>?
    private var timer: LoopTimer?
    private var lastByte: ContinuousClock.Instant
    /// When somebody last took bytes, or the pause began; of no meaning unless paused.
    private var lastTaken: ContinuousClock.Instant

    init(_ url: HTTPURL, of pool: BackendPool, on home: TransferLoop, reusesConnection: Bool) {
        self.url = url
        self.pool = pool
        self.home = home
        self.reusesConnection = reusesConnection
        lastByte = home.loop.now
        lastTaken = lastByte
    }

    // MARK: From libcurl (of which only `pause` may be called from here)

    /// False: libcurl shall give the transfer up.
    func headerLineArrived(_ line: Span<UInt8>) -> Bool {
        do {
            guard let head = try headReader.take(line: line) else { return true }
            if let coding = head.fields["content-encoding"], coding.lowercased() != "identity" {
                verdict = pool.error(.protocolViolation, "Content-Encoding \(coding), where identity was asked for")
                return false
            }
            expected = head.fields["content-length"].flatMap { Int($0) }
            finalHeadArrived(head)
            return true
        } catch {
            verdict =
                switch error {
                case .tooLarge(let what): pool.error(.headTooLarge, what)
                case .malformed(let what): pool.error(.protocolViolation, what)
                }
            return false
        }
    }

    private func finalHeadArrived(_ head: ResponseHead) {
        self.head = head
        pool.count(status: head.status)
        phase = .body
        lastByte = home.loop.now
        watch(after: pool.backend.stallTimeout)
        wake()
    }

    func bodyArrived(_ bytes: UnsafeBufferPointer<UInt8>) {
        lastByte = home.loop.now
        pool.count(bytes: bytes.count)
        unsafe body.append(bytes, expected: expected)
        expected = expected.map { max(0, $0 - bytes.count) }
        if body.count > Self.highWater, !isPaused {
            isPaused = true
            lastTaken = lastByte
            home.pause(self)
        }
        wake()
    }

    /// libcurl is done with the transfer, which was taken out already.
    func ended(_ result: CURLcode, _ detail: String) {
        if let verdict { return finish(.failed(verdict)) }
        if result == CURLE_OK, head != nil { return finish(.complete) }
        let kind = result == CURLE_OK ? .closedEarly : UpstreamError.Kind(result, headIsComplete: head != nil)
        if kind == .closedEarly, let refusal = headReader.refusalWithoutEnd {
            finalHeadArrived(refusal)
            return finish(.complete)
        }
        finish(.failed(pool.error(kind, result == CURLE_OK ? "an end before the head's end" : detail)))
    }

    // MARK: From the loop

    /// Fails the transfer unless the final head comes in time.
    func expectHead(within time: Duration) {
        timer = home.loop.schedule(after: time) { [weak self] in
            guard let self, case .head = phase else { return }
            abort(.firstByteTimeout, "no final head from \(url.origin)")
        }
    }

    /// Looks after `time`, or sooner, whether the body stands still: by the backend's fault or by ours.
    private func watch(after time: Duration) {
        timer?.cancel()
        timer = home.loop.schedule(after: min(time, pool.backend.pauseTimeout)) { [weak self] in
            guard let self, case .body = phase else { return }
            let idle = ContinuousClock.now - (isPaused ? lastTaken : lastByte)
            let limit = isPaused ? pool.backend.pauseTimeout : pool.backend.stallTimeout
            if idle < limit {
                watch(after: min(limit - idle, pool.backend.stallTimeout))
            } else if isPaused {
                abort(.abandoned, "nobody took a byte of \(url.origin)'s answer for \(idle)")
            } else {
                abort(.stalled, "no byte from \(url.origin) for \(idle)")
            }
        }
    }

    private func abort(_ kind: UpstreamError.Kind, _ detail: String) {
        home.remove(self)
        finish(.failed(pool.error(kind, detail)))
    }

    private func finish(_ end: Phase) {
        phase = end
        timer?.cancel()
        timer = nil
        wake()
    }

    private var isOver: Bool {
        switch phase {
        case .head, .body: false
        case .complete, .failed: true
        }
    }

    private func wake() {
        waiter?.resume()
        waiter = nil
    }

    // MARK: From the consumer

    var bufferedBytes: Int { body.count }

    /// - Throws: what ended the transfer before its final head.
    func finalHead() async throws(UpstreamError) -> ResponseHead {
        while true {
            if let head { return head }
            if case .failed(let error) = phase { throw error }
            await news { head != nil }
        }
    }

    /// The next bytes of the body; nil at its end.
    ///
    /// - Throws: what ended the transfer, once the bytes before are taken.
    func next() async throws(UpstreamError) -> [UInt8]? {
        home.loop.assertOnLoop()
        while true {
            if let piece = body.takePiece() {
                if isPaused { lastTaken = ContinuousClock.now }
                resumeIfDrained()
                return piece
            }
            switch phase {
            case .complete: return nil
            case .failed(let error): throw error
            case .head, .body: await news { !body.isEmpty }
            }
        }
    }

    private func resumeIfDrained() {
        guard isPaused, body.count < Self.highWater / 2 else { return }
        isPaused = false
        lastByte = ContinuousClock.now
        home.resume(self)
    }

    /// Waits until what is wanted is there, or the transfer is over. What comes in the same turn of the loop is found
    /// together.
    private func news(_ isThere: () -> Bool) async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                precondition(waiter == nil, "two tasks read one response")
                // The call itself may have taken a turn of the loop.
                if isThere() || isOver { continuation.resume() } else { waiter = continuation }
            }
        } onCancel: {
            home.loop.execute { self.cancel() }
        }
    }

    /// Ends the transfer and drops what was not taken.
    func cancel() {
        home.remove(self)
        body.removeAll()
        let error = UpstreamError(kind: .cancelled, backend: pool.backend.name, detail: "nobody waits for the answer")
        switch phase {
        case .failed: break
        case .head, .body, .complete: finish(.failed(error))
        }
    }
}

extension UpstreamError.Kind {
    /// What libcurl's code says of a transfer that no callback of ours has ended.
    init(_ code: CURLcode, headIsComplete: Bool) {
        self =
            switch code {
            case CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_RESOLVE_PROXY: .resolve
            case CURLE_COULDNT_CONNECT, CURLE_INTERFACE_FAILED, CURLE_PROXY: .connect
            // The only time-out that libcurl is given.
            case CURLE_OPERATION_TIMEDOUT: .connectTimeout
            case CURLE_PARTIAL_FILE, CURLE_GOT_NOTHING, CURLE_RECV_ERROR, CURLE_SEND_ERROR: .closedEarly
            case CURLE_SSL_CONNECT_ERROR, CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_ENGINE_NOTFOUND,
                CURLE_SSL_ENGINE_SETFAILED, CURLE_SSL_CERTPROBLEM, CURLE_SSL_CIPHER, CURLE_USE_SSL_FAILED,
                CURLE_SSL_ENGINE_INITFAILED, CURLE_SSL_CACERT_BADFILE, CURLE_SSL_SHUTDOWN_FAILED,
                CURLE_SSL_CRL_BADFILE, CURLE_SSL_ISSUER_ERROR, CURLE_SSL_PINNEDPUBKEYNOTMATCH,
                CURLE_SSL_INVALIDCERTSTATUS, CURLE_SSL_CLIENTCERT:
                .tls
            // libcurl says so of a header line above its own limit of 100 KiB.
            case CURLE_OUT_OF_MEMORY where !headIsComplete: .headTooLarge
            default: .protocolViolation
            }
    }
}
