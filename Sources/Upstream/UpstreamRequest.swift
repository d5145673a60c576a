// What is asked of a backend. Every request is a GET: the gateway changes nothing on a backend.
package import HTTP

/// A GET to a backend.
package struct UpstreamRequest: Sendable {
    package var url: HTTPURL
    /// For what it is sent: only backends of this role are asked.
    package var role: Backend.Role
    /// What to send beside the fields that belong to the connection and the credentials: those (Host, Connection,
    /// Authorization, Cookie and their like) are left out wherever they come from.
    package var fields: HTTPFields
    /// Sent only when the backend's credentials are `.client`.
    package var clientAuthorization: String?

    package init(
        url: HTTPURL, role: Backend.Role = .images, fields: HTTPFields = HTTPFields(),
        clientAuthorization: String? = nil
    ) {
        self.url = url
        self.role = role
        self.fields = fields
        self.clientAuthorization = clientAuthorization
    }

    /// Fields that a caller may not set, in lower case: they belong to the connection, or would carry a client's
    /// credentials to a backend that is not theirs.
    static let ownFields: Set<String> = [
        "accept-encoding", "authorization", "connection", "content-length", "cookie", "expect", "host", "keep-alive",
        "proxy-authorization", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade", "user-agent",
    ]

    /// The lines that go out, but for those that name the gateway.
    var permittedLines: [HTTPFields.Line] {
        fields.all.filter { !Self.ownFields.contains($0.name.lowercased()) }
    }
}
