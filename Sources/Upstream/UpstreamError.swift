// Why a backend gave no answer, or not a whole one; and how that is said to a client.

/// A request to a backend that failed.
package struct UpstreamError: Error, Sendable, Equatable {
    package enum Kind: Sendable, Hashable, CaseIterable {
        /// No configured backend contains the URL; nothing was looked up and nothing connected.
        case notAllowed
        case resolve
        case connect
        case connectTimeout
        /// The permit was had, and no final head came in time.
        case firstByteTimeout
        /// The body stood still while somebody wanted it.
        case stalled
        /// The body waited for us, and nobody took a byte of it for too long.
        case abandoned
        /// The connection ended before the body did.
        case closedEarly
        /// The handshake failed, or the certificate does not belong to the backend.
        case tls
        /// The answer is not HTTP, or not what was asked for.
        case protocolViolation
        /// A redirect to another place, or one too many.
        case redirectRefused
        case headTooLarge
        /// As many requests as may wait for a connection wait already.
        case queueFull
        /// No connection came free in time.
        case queueTimeout
        /// The file with the gateway's credentials can't be used.
        case credentials
        /// Nobody wants the answer any more.
        case cancelled

        /// The word for metrics: "first_byte_timeout".
        package var word: String {
            "\(self)".reduce(into: "") { $0 += $1.isUppercase ? "_\($1.lowercased())" : "\($1)" }
        }
    }

    package let kind: Kind
    /// The backend's configured name; never its address. Empty when no backend contains the URL.
    package let backend: String
    /// For the log only: may name addresses.
    package let detail: String

    package init(kind: Kind, backend: String, detail: String) {
        self.kind = kind
        self.backend = backend
        self.detail = detail
    }

    /// What a client is told: a whole sentence without a full stop, which names no address.
    package var clientSentence: String {
        let backend = "backend \(backend)"
        return switch kind {
        case .notAllowed: "the address of the images belongs to no configured backend"
        case .resolve: "the host name of \(backend) could not be resolved"
        case .connect: "\(backend) could not be connected to"
        case .connectTimeout: "\(backend) could not be connected to within its connect time-out"
        case .firstByteTimeout: "\(backend) did not answer within its first-byte time-out"
        case .stalled: "\(backend) stopped sending for longer than its stall time-out"
        case .abandoned: "\(backend)'s answer was not taken in time"
        case .closedEarly: "\(backend) closed the connection before its answer was complete"
        case .tls: "no trusted TLS connection to \(backend) could be made"
        case .protocolViolation: "\(backend) sent an answer that is not valid"
        case .redirectRefused: "\(backend) redirected to a place that may not be contacted"
        case .headTooLarge: "\(backend) sent too large a response head"
        case .queueFull: "too many requests wait for \(backend)"
        case .queueTimeout: "no connection to \(backend) came free in time"
        case .credentials: "the gateway's credentials for \(backend) can't be used"
        case .cancelled: "the request to \(backend) was cancelled"
        }
    }

    /// The status that a client gets when nothing was sent to it yet: 502, 503 or 504.
    ///
    /// Spec: PS3.18 §8.5, RFC 9110 §15.6.
    package var status: Int {
        switch kind {
        case .connectTimeout, .firstByteTimeout, .stalled: 504
        case .queueFull, .queueTimeout, .abandoned, .cancelled: 503
        case .notAllowed, .resolve, .connect, .closedEarly, .tls, .protocolViolation, .redirectRefused, .headTooLarge,
            .credentials:
            502
        }
    }
}
