// What the gateway must be told; Configuration fills it in.
package import CachePolicy
package import FHIR
package import HTTP
package import WADO

/// The gateway's own settings; those of the rooms below it are theirs.
package struct GatewaySettings: Sendable {
    /// The path under which the studies of WADO-RS lie, without a trailing slash.
    package var dicomWebRoot = "/dicom-web"
    /// The path of WADO-URI.
    package var wadoURIPath = "/wado"
    /// The gateway's own origin as clients see it ("https://images.example.org"); nil: from the request's Host.
    package var publicURL: HTTPURL?
    /// Host names, without port, accepted when there is no `publicURL`.
    package var allowedHosts: [String] = ["localhost", "127.0.0.1", "[::1]"]
    /// Peer addresses or CIDR blocks whose Forwarded field counts.
    package var trustedProxies: [String] = []
    package var access = Access.anonymous
    /// For studies whose record names no endpoint at all.
    package var defaultEndpoint: Endpoint?
    /// By backend name: what the operator says that a backend can and cannot do.
    package var abilities: [String: [Ability: Bool]] = [:]
    package var freshness = FreshnessRules()
    /// How long a backend's 404 or 410 is remembered; zero: not at all.
    package var negativeFor: Duration = .seconds(10)
    /// Seconds after which what is stored of a study in use is held against its archive; 0: never.
    package var recheckInstances: Int64 = 86400
    /// Whether a client's `Cache-Control: no-cache` and `only-if-cached` count.
    package var honorsClientCacheControl = false
    /// Whether the rest of a series follows in the background when a viewer has opened it.
    package var prefetchesSeries = false
    /// Fills that ask backends at once, over all clients.
    package var maxFills = 256
    /// The same on one client's account.
    package var maxFillsPerClient = 32
    /// 32 random bytes that survive a restart: boundaries and bulk data tokens are made with them.
    package var secret: [UInt8] = []

    package init() {}

    /// Who may ask.
    package enum Access: Sendable, Hashable {
        case anonymous
        /// A file of tokens, one a line, "token" or "name token"; read again when it changes.
        case bearerFile(String)
        /// A client certificate that the listener has verified.
        case mutualTLS
    }
}
