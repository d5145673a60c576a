// What an HTTP/1 head says: the request itself, and how its bytes go on.

/// A request's head with what its connection must know.
package struct HTTP1Request: Sendable, Equatable {
    /// How many bytes follow the head.
    package enum Body: Sendable, Equatable {
        /// Also for `Content-Length: 0`.
        case none
        /// 1 or more.
        case length(Int64)
        case chunked
    }

    package var head: RequestHead
    package var body: Body
    /// Whether the client is ready for another answer on this connection.
    package var keepsAlive: Bool
    /// Whether the client waits for "100 Continue" before it sends the body.
    package var expectsContinue: Bool
}
