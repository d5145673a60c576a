// What an operator may tune of a server. Values only.
package import HTTP

/// The bounds that a server keeps towards its clients.
package struct HTTPServerSettings: Sendable {
    /// Sizes of head, fields and request body.
    package var limits = HTTP1Limits()
    /// From a connection's beginning (with the TLS handshake), or a request's first byte, to the end of its head and body.
    package var headerTimeout: Duration = .seconds(15)
    /// Between an answer's end and the next request's first byte.
    package var idleTimeout: Duration = .seconds(75)
    /// How long a client may take nothing at all of an answer that waits for it. A slow client that takes some is never cut off.
    package var writeStallTimeout: Duration = .seconds(60)
    /// Connections of this server over all loops; one more is told so by a 503 and closed.
    package var maxConnections = 16_384
    /// How long a connection that the server closes waits for the client's end, so that the last answer is not lost to a reset.
    package var lingerTimeout: Duration = .seconds(2)

    package init() {}
}
