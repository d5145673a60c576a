// What the admin listener answers to what, decided without a socket. Changes need a token and the right Host and Origin, on
// loopback too: any web page that an operator's browser opens can send requests there.
package import DICOM
package import DiskCache
package import EventLoop
package import Gateway
package import StudyDirectory

/// What an admin call can ask of the gateway.
package struct AdminActions: Sendable {
    /// Answers what the gateway's explanation holds.
    package var explain: @Sendable (UID, UID?, EventLoop) async -> Result<JSONValue, DirectoryError>
    /// Target and Accept of a request.
    package var explainRequest: @Sendable (String, String, EventLoop) async -> Result<JSONValue, ExplainError>
    package var statistics: @Sendable () -> CacheStatistics
    /// Answers what is known of the backends' abilities.
    package var abilities: @Sendable () -> JSONValue
    /// Answers bytes freed.
    package var purge: @Sendable (UID, UID?) async -> Int64

    package init(
        explain: @escaping @Sendable (UID, UID?, EventLoop) async -> Result<JSONValue, DirectoryError>,
        explainRequest: @escaping @Sendable (String, String, EventLoop) async -> Result<JSONValue, ExplainError>,
        statistics: @escaping @Sendable () -> CacheStatistics, abilities: @escaping @Sendable () -> JSONValue,
        purge: @escaping @Sendable (UID, UID?) async -> Int64
    ) {
        self.explain = explain
        self.explainRequest = explainRequest
        self.statistics = statistics
        self.abilities = abilities
        self.purge = purge
    }
}

/// Where the process stands.
package enum AdminPhase: Sendable {
    /// Sources and cache are being opened.
    case starting
    case ready(AdminActions)
    /// No new work is taken.
    case draining
}

/// What of an admin request counts.
package struct AdminRequest: Sendable {
    package var method: String
    /// Without its query.
    package var path: String
    package var query: String?
    package var accept: String?
    package var host: String?
    package var origin: String?
    package var authorization: String?
    package var peer: String

    package init(
        method: String, path: String, query: String? = nil, accept: String? = nil, host: String?,
        origin: String? = nil, authorization: String? = nil, peer: String
    ) {
        self.method = method
        self.path = path
        self.query = query
        self.accept = accept
        self.host = host
        self.origin = origin
        self.authorization = authorization
        self.peer = peer
    }
}

package struct AdminAnswer: Sendable, Equatable {
    package var status: Int
    package var type: String
    package var body: String
    package var allow: String?

    static func sentence(_ status: Int, _ text: String, allow: String? = nil) -> AdminAnswer {
        AdminAnswer(status: status, type: "text/plain; charset=utf-8", body: text + "\n", allow: allow)
    }

    static func json(_ value: JSONValue) -> AdminAnswer {
        AdminAnswer(status: 200, type: "application/json", body: value.page)
    }
}

/// The admin listener's grammar and rules.
package struct AdminRoutes: Sendable {
    private enum Route {
        case health
        case readiness
        case explain(UID, UID?)
        /// Path and query of a request to the gateway.
        case explainRequest(String)
        case statistics
        case backends
        case purge(UID, UID?)

        /// GET stands for HEAD too.
        var method: String {
            if case .purge = self { "DELETE" } else { "GET" }
        }
    }

    private let allowedHosts: Set<String>
    private let token: @Sendable () async -> AdminToken

    /// - Parameters:
    ///   - allowedHosts: beside loopback names, without port.
    ///   - token: reads the token anew.
    package init(allowedHosts: [String], token: @escaping @Sendable () async -> AdminToken) {
        self.allowedHosts = Set(allowedHosts.map { $0.lowercased() } + ["localhost", "127.0.0.1", "[::1]"])
        self.token = token
    }

    /// - Parameter loop: the one that this runs on.
    package func answer(_ request: AdminRequest, phase: AdminPhase, on loop: EventLoop) async -> AdminAnswer {
        let route: Route
        switch parse(request.path, query: request.query) {
        case .success(let parsed): route = parsed
        case .failure(let refusal): return refusal.answer
        }
        guard request.method == route.method || (request.method == "HEAD" && route.method == "GET") else {
            let allow = route.method == "GET" ? "GET, HEAD" : "DELETE"
            return .sentence(405, "This answers to \(allow) only.", allow: allow)
        }
        if let refusal = await refusal(of: request, for: route) { return refusal }
        return await perform(route, accept: request.accept ?? "*/*", phase: phase, on: loop)
    }

    // MARK: Grammar

    private struct Refusal: Error { let answer: AdminAnswer }

    private func parse(_ path: String, query: String?) -> Result<Route, Refusal> {
        let unknown = Refusal(
            answer: .sentence(
                404,
                """
                There is nothing here. The admin listener knows /healthz, /readyz, /explain/{study}[/{series}], /explain/ before \
                any path of the gateway, /backends, /cache/stats and DELETE /cache/studies/{study}[/series/{series}].
                """))
        let parts = path.split(separator: "/", omittingEmptySubsequences: false).dropFirst().map(String.init)
        switch (parts.first, parts.count) {
        case ("healthz", 1): return .success(.health)
        case ("readyz", 1): return .success(.readiness)
        case ("backends", 1): return .success(.backends)
        case ("explain", 2...) where UID(parts[1]) == nil && parts[1].contains(where: \.isLetter):
            return .success(.explainRequest(path.dropFirst("/explain".count) + (query.map { "?\($0)" } ?? "")))
        case ("explain", 2): return uids(parts[1], nil).map { .explain($0.0, $0.1) }
        case ("explain", 3): return uids(parts[1], parts[2]).map { .explain($0.0, $0.1) }
        case ("cache", 2) where parts[1] == "stats": return .success(.statistics)
        case ("cache", 3) where parts[1] == "studies": return uids(parts[2], nil).map { .purge($0.0, $0.1) }
        case ("cache", 5) where parts[1] == "studies" && parts[3] == "series":
            return uids(parts[2], parts[4]).map { .purge($0.0, $0.1) }
        default: return .failure(unknown)
        }
    }

    private func uids(_ study: String, _ series: String?) -> Result<(UID, UID?), Refusal> {
        for text in [study, series].compactMap({ $0 }) where UID(text) == nil {
            return .failure(
                Refusal(answer: .sentence(400, "A UID is 1 to 64 digits and dots; the path holds something else.")))
        }
        guard let studyUID = UID(study) else {
            return .failure(Refusal(answer: .sentence(400, "The study UID is missing.")))
        }
        return .success((studyUID, series.flatMap { UID($0) }))
    }

    // MARK: Rules

    private func refusal(of request: AdminRequest, for route: Route) async -> AdminAnswer? {
        switch route {
        case .health, .readiness:
            // Probes ask by address, and the answer tells nothing.
            return nil
        case .explain, .explainRequest, .statistics, .backends, .purge: break
        }
        guard let host = request.host, allowedHosts.contains(Self.name(ofHost: host)) else {
            return .sentence(403, "The Host of the request is neither loopback nor one of allowed_hosts.")
        }
        let isChange = route.method != "GET"
        if isChange, let origin = request.origin, !Self.isSame(origin, host) {
            return .sentence(403, "The request comes from a page of another origin.")
        }
        guard isChange || !Self.isLoopback(request.peer) else { return nil }
        switch await token() {
        case .notConfigured:
            return .sentence(403, "This needs a token, and none is configured: set admin.token_file.")
        case .unreadable:
            return .sentence(403, "This needs a token, and the file of admin.token_file can't be read.")
        case .token(let token):
            guard let sent = Self.bearer(request.authorization), token.matches(sent) else {
                return .sentence(403, "This needs the token of admin.token_file as Authorization: Bearer.")
            }
            return nil
        }
    }

    private static func name(ofHost host: String) -> String {
        let host = host.lowercased()
        if host.hasPrefix("["), let end = host.firstIndex(of: "]") { return String(host[...end]) }
        return String(host.prefix { $0 != ":" })
    }

    private static func isSame(_ origin: String, _ host: String) -> Bool {
        ["http://", "https://"].contains { origin.lowercased() == $0 + host.lowercased() }
    }

    private static func isLoopback(_ peer: String) -> Bool {
        peer.hasPrefix("127.") || peer == "::1" || peer.hasPrefix("::ffff:127.")
    }

    private static func bearer(_ field: String?) -> String? {
        guard let field, field.prefix(7).lowercased() == "bearer " else { return nil }
        return String(field.dropFirst(7).drop { $0 == " " })
    }

    // MARK: Answers

    private func perform(
        _ route: Route, accept: String, phase: AdminPhase, on loop: EventLoop
    ) async -> AdminAnswer {
        if case .health = route { return .sentence(200, "ok") }
        let actions: AdminActions
        switch phase {
        case .ready(let present): actions = present
        case .starting: return .sentence(503, "starting: sources and cache are being opened")
        case .draining: return .sentence(503, "draining: no new work is taken")
        }
        switch route {
        case .health, .readiness: return .sentence(200, "ready")
        case .statistics: return .json(actions.statistics().json)
        case .backends: return .json(actions.abilities())
        case .purge(let study, let series):
            return .json(.object([("freed_bytes", .integer(await actions.purge(study, series)))]))
        case .explain(let study, let series):
            switch await actions.explain(study, series, loop) {
            case .success(let explanation): return .json(explanation)
            case .failure(let error): return Self.answer(to: error)
            }
        case .explainRequest(let target):
            switch await actions.explainRequest(target, accept, loop) {
            case .success(let explanation): return .json(explanation)
            case .failure(.directory(let error, _)): return Self.answer(to: error)
            case .failure(.request(let status, let sentence)):
                return .sentence(status, "The gateway would refuse this request: \(sentence)")
            }
        }
    }

    private static func answer(to error: DirectoryError) -> AdminAnswer {
        switch error {
        case .notFound: .sentence(404, "No source knows this study.")
        case .conflictingSubjects: .sentence(409, "Several records have this Study UID and name different subjects.")
        case .unavailable(let source, let timedOut, _):
            .sentence(
                timedOut ? 504 : 502,
                "The source \(source) \(timedOut ? "did not answer in time" : "could not be asked").")
        }
    }
}

extension AbilityFinding {
    package var json: JSONValue {
        .object([
            ("backend", .text(backend)), ("connection_type", .optional(connectionType)), ("ability", .text(ability)),
            ("able", .flag(isAble)), ("known", .text(source)),
            ("seconds_left", left.map { .integer($0.components.seconds) } ?? .null),
        ])
    }
}

extension CacheStatistics {
    package var json: JSONValue {
        .object([
            ("bytes", .integer(bytes)), ("objects", .integer(objects)), ("series", .integer(series)),
            ("fills", .integer(Int64(fills))), ("evicted_series", .integer(evictedSeries)),
            ("damaged", .integer(damaged)),
        ])
    }
}
