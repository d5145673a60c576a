// The answer of a backend as its consumer sees it.
import EventLoop
package import HTTP

/// A response whose body is pulled; bound to the loop it was made on. Dropping it cancels the transfer.
///
/// Unchecked because everything but `deinit` happens on that loop, and `deinit` hops to it.
package final class UpstreamResponse: @unchecked Sendable {
    package let head: ResponseHead
    private let transfer: Transfer

    init(_ transfer: Transfer, _ head: ResponseHead) {
        self.transfer = transfer
        self.head = head
    }

    deinit {
        let transfer = transfer
        let loop = transfer.home.loop
        if loop.isOnLoop { transfer.cancel() } else { loop.execute { transfer.cancel() } }
    }

    /// The URL that answered, after redirects.
    package var url: HTTPURL { transfer.url }
    package var backend: Backend { transfer.pool.backend }

    /// The body bytes that have come, at most 256 KiB; waits for some when there are none. Nil at the body's proper end.
    ///
    /// At most about 768 KiB are buffered: the backend can send no more until they are taken. One task at a time may wait.
    ///
    /// - Throws: ``UpstreamError``: `.closedEarly` when the body is shorter than its framing says, `.stalled`,
    ///   `.abandoned`, `.protocolViolation`, or `.cancelled` when the task was cancelled. What came before is handed out first.
    package func next() async throws(UpstreamError) -> [UInt8]? { try await transfer.next() }

    /// Body bytes in memory that were not taken yet.
    package var bufferedBytes: Int { transfer.bufferedBytes }

    /// Ends the transfer at once and gives its permit back; call it on the loop.
    package func cancel() { transfer.cancel() }
}
