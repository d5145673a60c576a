// CONTRACT: replaced by its owner (Upstream). Signatures bind, bodies do not.
package import EventLoop
package import HTTP

/// One configured backend (or FHIR server): what may be contacted, and how.
package struct Backend: Sendable {
    package var name: String
    package var match: HTTPURL
    package var maxConnections = 16
    package var maxQueue = 1024
    package var connectTimeout: Duration = .seconds(2)
    package var firstByteTimeout: Duration = .seconds(30)
    package var stallTimeout: Duration = .seconds(15)
    package var credentials: Credentials = .none
    package var caFile: String?
    package var clientCertificate: String?
    package var clientKey: String?
    package var proxy: String?
    package init(name: String, match: HTTPURL) {
        self.name = name
        self.match = match
    }
    package enum Credentials: Sendable, Hashable {
        case none
        case basic(user: String, passwordFile: String)
        case bearer(file: String)
        case header(name: String, valueFile: String)
        /// The client's own Authorization is passed on; nothing of this backend is cached or coalesced.
        case client
    }
}

package struct UpstreamRequest: Sendable {
    package var url: HTTPURL
    package var fields: HTTPFields
    /// Sent only when the backend's credentials are `.client`.
    package var clientAuthorization: String?
    package init(url: HTTPURL, fields: HTTPFields = HTTPFields(), clientAuthorization: String? = nil) {
        self.url = url
        self.fields = fields
        self.clientAuthorization = clientAuthorization
    }
}

/// Every outgoing request; process-wide. One libcurl multi handle per loop, permits and queues per backend over all loops.
package final class Upstream: Sendable {
    package init(loops: EventLoopGroup, workers: WorkerPool, backends: [Backend]) throws { fatalError() }
    /// The backend whose `match` contains the URL; nil = must not be contacted.
    package func backend(for url: HTTPURL) -> Backend? { fatalError() }
    /// GET; returns when the response's head is there (1xx and permitted redirects passed over).
    package func get(_ request: UpstreamRequest, on loop: EventLoop) async throws(UpstreamError) -> UpstreamResponse {
        fatalError()
    }
}

/// A response whose body is pulled; bound to the loop it was made on. Dropping it cancels the transfer.
package final class UpstreamResponse: @unchecked Sendable {
    package var head: ResponseHead { fatalError() }
    /// The URL that answered, after redirects.
    package var url: HTTPURL { fatalError() }
    package var backend: Backend { fatalError() }
    /// Body bytes, 16 to 256 KiB at a time; nil at the body's proper end.
    package func next() async throws(UpstreamError) -> [UInt8]? { fatalError() }
    package func cancel() { fatalError() }
}

package struct UpstreamError: Error, Sendable, Equatable {
    package enum Kind: Sendable, Equatable {
        case notAllowed, resolve, connect, connectTimeout, firstByteTimeout, stalled, closedEarly, tls, protocolViolation
        case redirectRefused, headTooLarge, queueFull, queueTimeout, credentials, cancelled
    }
    package let kind: Kind
    /// The backend's configured name; never its address.
    package let backend: String
    /// For the log only: may name addresses.
    package let detail: String
    package init(kind: Kind, backend: String, detail: String) {
        self.kind = kind
        self.backend = backend
        self.detail = detail
    }
}
