// CONTRACT of the gateway for Configuration, Operations and main; replaced by its owner (Gateway).
package import DICOM
package import DiskCache
package import EventLoop
package import FHIR
package import HTTP
package import HTTPServer
package import StudyDirectory
package import Upstream
package import WADO

package struct GatewaySettings: Sendable {
    package var dicomWebRoot = "/dicom-web"
    package var wadoURIPath = "/wado"
    /// The gateway's own origin as clients see it ("https://images.example.org"); nil: from Host.
    package var publicURL: HTTPURL?
    /// Host names (without port) accepted when there is no `publicURL`.
    package var allowedHosts: [String] = ["localhost", "127.0.0.1", "[::1]"]
    /// Peer addresses or CIDR blocks whose Forwarded field counts.
    package var trustedProxies: [String] = []
    package var access = Access.anonymous
    package var defaultEndpoint: Endpoint?
    /// By backend name: what is known of a WADO-URI backend.
    package var abilities: [String: Set<RenderingAbility>] = [:]
    /// 32 random bytes that survive a restart: boundaries and bulk data tokens are made with it.
    package var secret: [UInt8] = []
    package init() {}

    package enum Access: Sendable, Hashable {
        case anonymous
        /// A file of tokens, one a line, "token" or "name token"; read again when it changes.
        case bearerFile(String)
        case mutualTLS
    }
}

/// One finished request, for the log. Holds no query values and no patient data.
package struct RequestLogEntry: Sendable {
    package var requestID = ""
    package var peer = ""
    package var principal: String?
    package var method = ""
    /// The route's pattern, never the URL: "/studies/{}/series/{}/instances/{}/frames/{}".
    package var route = ""
    package var status = 0
    package var study: UID?
    package var series: UID?
    package var instance: UID?
    package var backend: String?
    /// hit, miss, follow, derived, stale, bypass.
    package var cache: String?
    package var objectClass: String?
    package var bytes: Int64 = 0
    package var duration: Duration = .zero
    /// Until the backend's first byte; nil without a backend.
    package var upstreamFirstByte: Duration?
    /// Ended before its time: "client gone", or the reason of the failure, without addresses.
    package var failure: String?
    package init() {}
}

package final class Gateway: RequestHandler {
    package init(
        settings: GatewaySettings, upstream: Upstream, directory: StudyDirectory, cache: DiskCache, loops: EventLoopGroup,
        workers: WorkerPool, log: @escaping @Sendable (RequestLogEntry) -> Void
    ) { fatalError() }
    package func handle(_ exchange: Exchange) { fatalError() }
    /// Which record, from which source, which endpoint for each series and why not the others.
    package func explain(study: UID, series: UID?, on loop: EventLoop) async throws(DirectoryError) -> Explanation { fatalError() }
}

package struct Explanation: Sendable {
    package struct SeriesLine: Sendable {
        package var series: UID
        package var modality: String?
        package var instances: Int?
        /// Usable endpoints, best first: "dicom-wado-rs at backend pacs".
        package var chosen: [Choice]
        package var rejected: [Rejection]
    }
    package struct Choice: Sendable {
        package var endpoint: String
        package var connectionType: String
        /// The configured backend that matches; nil: would be refused.
        package var backend: String?
    }
    package struct Rejection: Sendable {
        package var endpoint: String
        package var reason: String
    }
    package var study: UID
    package var source: String
    package var isStale: Bool
    package var status: String
    package var version: String
    package var series: [SeriesLine]
}
