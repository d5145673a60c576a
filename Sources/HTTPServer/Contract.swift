// CONTRACT: replaced by its owner (HTTPServer). Signatures bind, bodies do not.
package import EventLoop
package import HTTP

package protocol RequestHandler: AnyObject, Sendable {
    /// Called on the connection's loop for each request, in order. The exchange must be ended exactly once, now or later,
    /// by `respond`, `finish` or `abort`; one that is dropped without an end is aborted and logged.
    func handle(_ exchange: Exchange)
}

/// One request and its answer; belongs to one loop and is touched only there.
package final class Exchange: @unchecked Sendable {
    package var loop: EventLoop { fatalError() }
    package var request: RequestHead { fatalError() }
    /// The peer's numeric address, without port: "127.0.0.1", "::1".
    package var peer: String { fatalError() }
    /// Whether the connection is TLS.
    package var isSecure: Bool { fatalError() }
    /// The verified client certificate's subject in RFC 2253 form; nil without mTLS.
    package var clientSubject: String? { fatalError() }

    /// Answers at once, whole: small bodies and file regions. HEAD sends the head only; Content-Length, Date, Connection are the server's.
    package func respond(_ head: ResponseHead, body: ResponseBody) { fatalError() }

    /// Begins a streamed answer. `length` nil means chunked (HTTP/1.1) or until close (HTTP/1.0).
    package func begin(_ head: ResponseHead, length: Int64?) async throws(ExchangeError) { fatalError() }
    /// Sends bytes; returns once the connection can take more (back-pressure).
    package func write(_ bytes: [UInt8]) async throws(ExchangeError) { fatalError() }
    /// Sends a region of a file by sendfile; returns when it was handed to the kernel.
    package func write(_ region: FileRegion) async throws(ExchangeError) { fatalError() }
    /// Ends a streamed answer properly.
    package func finish() async throws(ExchangeError) { fatalError() }
    /// Ends it improperly: the connection closes without the last chunk, so that the client sees the truncation.
    package func abort() { fatalError() }
    /// True once the client has gone.
    package var isCancelled: Bool { fatalError() }
    /// Called once on the loop when the client goes before the end.
    package func onCancel(_ body: @escaping () -> Void) { fatalError() }
    /// The number of body bytes handed to the kernel so far; for the log.
    package var bytesSent: Int64 { fatalError() }
    /// Called once on the loop when the answer is wholly sent or has failed; for the log line.
    package func onEnd(_ body: @escaping (ExchangeEnd) -> Void) { fatalError() }
}

package enum ExchangeEnd: Sendable { case complete, clientGone, aborted }
package enum ExchangeError: Error { case clientGone }

/// A part of an open file. Holds the owner of the descriptor alive while it is sent.
package struct FileRegion: Sendable {
    package let descriptor: Int32
    package let offset: Int64
    package let length: Int64
    package let owner: any AnyObject & Sendable
    package init(descriptor: Int32, offset: Int64, length: Int64, owner: any AnyObject & Sendable) {
        self.descriptor = descriptor
        self.offset = offset
        self.length = length
        self.owner = owner
    }
}

package enum ResponseBody: Sendable {
    case empty
    case bytes([UInt8])
    /// An envelope of bytes around a region: prefix, file, suffix.
    case file(prefix: [UInt8], FileRegion, suffix: [UInt8])
}
