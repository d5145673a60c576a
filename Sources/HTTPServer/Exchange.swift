// What a handler sees of a request and its answer. Knows no wire format: HTTP/1 stands behind ``Answer``.
package import EventLoop
package import HTTP

/// Answers requests.
package protocol RequestHandler: AnyObject, Sendable {
    /// Called on the connection's loop for each request, in order. The exchange must be ended exactly once, now or later,
    /// by `respond`, `finish` or `abort`; one that is dropped without an end is answered with 500 if nothing was said yet,
    /// else broken off, and logged.
    func handle(_ exchange: Exchange)
}

/// One request and its answer.
///
/// Unchecked because it is touched on its loop only: handlers run there, and so do tasks that the loop has spawned.
package final class Exchange: @unchecked Sendable {
    package let request: RequestHead
    /// The body of a POST, PUT or DELETE, whole; empty for other methods, whose bodies are read and dropped.
    package let body: [UInt8]
    private let answer: Answer

    init(request: RequestHead, body: [UInt8], answer: Answer) {
        self.request = request
        self.body = body
        self.answer = answer
    }

    deinit {
        let (loop, answer) = (loop, answer)
        if loop.isOnLoop, !answer.isUnfinished { return }
        // Later, for the last reference may go in the midst of the connection's own work.
        loop.execute { answer.exchangeWasDropped() }
    }

    package var loop: EventLoop { answer.connection.loop }
    /// The peer's numeric address, without port: "127.0.0.1", "::1".
    package var peer: String { answer.connection.peer }
    /// Whether the connection is TLS.
    package var isSecure: Bool { answer.connection.isSecure }
    /// The verified client certificate's subject in RFC 2253 form; nil without mTLS.
    package var clientSubject: String? { answer.connection.clientSubject }

    /// Answers at once, whole. To HEAD only the head is sent; Content-Length, Date and Connection are the server's.
    ///
    /// Up to 64 KiB leave in one call; a larger file region is sent by `sendfile`. Does nothing when the client has gone.
    package func respond(_ head: ResponseHead, body: ResponseBody) { answer.respond(head, body: body) }

    /// Begins a streamed answer.
    ///
    /// - Parameter length: the body's bytes; nil means chunked (HTTP/1.1) or until the connection's end (HTTP/1.0).
    /// - Throws: `.clientGone`.
    package func begin(_ head: ResponseHead, length: Int64?) async throws(ExchangeError) {
        try await answer.begin(head, length: length)
    }

    /// Sends bytes; returns once the kernel has taken them, which is the back-pressure. To HEAD nothing is sent.
    ///
    /// More bytes than announced break the answer off.
    /// - Throws: `.clientGone`, also after ``abort()``.
    package func write(_ bytes: [UInt8]) async throws(ExchangeError) {
        try await answer.write(.bytes(bytes, bodyStart: 0))
    }

    /// Sends a region of a file by `sendfile`; returns when the kernel has taken it.
    ///
    /// - Throws: `.clientGone`, also after ``abort()``.
    package func write(_ region: FileRegion) async throws(ExchangeError) { try await answer.write(.file(region)) }

    /// Ends a streamed answer properly; returns when the kernel has taken all of it. Fewer bytes than announced break it off.
    ///
    /// - Throws: `.clientGone`.
    package func finish() async throws(ExchangeError) { try await answer.finish() }

    /// Ends it improperly: the connection closes without the last chunk, so that the client sees the truncation.
    package func abort() { answer.abort() }

    /// True once the client has gone before the end.
    package var isCancelled: Bool { answer.isCancelled }

    /// Called once on the loop when the client goes before the end; at once when it has gone already.
    package func onCancel(_ body: @escaping () -> Void) { answer.onCancel(body) }

    /// The number of body bytes handed to the kernel so far; for the log.
    package var bytesSent: Int64 { answer.bytesSent }

    /// Called once on the loop when the answer is wholly sent or has failed; at once when that is past.
    ///
    /// The closure may hold this exchange, say for ``bytesSent``, and is let go after the call; but then a handler that forgets the
    /// exchange is not noticed.
    package func onEnd(_ body: @escaping (ExchangeEnd) -> Void) { answer.onEnd(body) }
}

/// How an exchange ended.
package enum ExchangeEnd: Sendable {
    /// The kernel has all of the answer.
    case complete
    /// The client closed, reset, or took nothing for too long.
    case clientGone
    /// The handler or the server broke it off.
    case aborted
}

package enum ExchangeError: Error { case clientGone }
