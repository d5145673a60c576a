// What the configuration says of one backend. Knows no socket, and no secret: only where secrets are read.
package import HTTP

/// One configured backend (or FHIR server): what may be contacted, and how.
package struct Backend: Sendable {
    /// The only name of the backend that a client ever sees.
    package var name: String
    /// Every URL at or under this one belongs to the backend.
    package var match: HTTPURL
    /// What it is asked for. A URL may lie on a backend of each role; each has its own credentials.
    package var role = Role.images
    /// Connections of the whole process, idle ones among them; at least 1.
    package var maxConnections = 16
    /// Requests that may wait for a connection; one more fails at once.
    package var maxQueue = 1024
    /// Name look-up, TCP and TLS together.
    package var connectTimeout: Duration = .seconds(2)
    /// From the permit to the final head, and also the longest wait for a permit.
    package var firstByteTimeout: Duration = .seconds(30)
    /// The longest silence within a body that somebody reads.
    package var stallTimeout: Duration = .seconds(15)
    /// How long a body that nobody takes may hold its connection. No setting: who reads so slowly is not served by
    /// waiting, and the others wait for the connection.
    package var pauseTimeout: Duration = .seconds(60)
    package var credentials: Credentials = .none
    /// PEM; takes the place of the system's authorities.
    package var caFile: String?
    /// PEM, with its chain.
    package var clientCertificate: String?
    /// PEM; nil when the certificate's file holds the key too.
    package var clientKey: String?
    /// "http://host:port" of an outbound proxy. The environment's proxies never count.
    package var proxy: String?

    package init(name: String, match: HTTPURL) {
        self.name = name
        self.match = match
    }

    /// What a backend is asked for. Whoever sends a request says for what, and reaches no backend of another role: an
    /// address that comes with a study must not be contacted with the credentials that were meant for a directory.
    package enum Role: Sendable, Hashable {
        /// Images and what belongs to them.
        case images
        /// Which studies there are, and where.
        case directory
    }

    /// How the gateway makes itself known. Files are read again when they change.
    package enum Credentials: Sendable, Hashable {
        case none
        case basic(user: String, passwordFile: String)
        case bearer(file: String)
        case header(name: String, valueFile: String)
        /// The client's own Authorization is passed on; nothing of this backend is cached or coalesced.
        case client
    }
}
