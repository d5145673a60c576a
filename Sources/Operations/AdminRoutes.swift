// Who may call the admin listener, and what is answered, decided without a socket. Changes need a token and the right Host and
// Origin, on loopback too: any web page that an operator's browser opens can send requests there.
import CachePolicy
import DICOM
import DiskCache
package import EventLoop
import Gateway
import StudyDirectory

/// The admin listener's grammar and rules.
package struct AdminRoutes: Sendable {
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
    package func answer(_ request: AdminRequest, phase: AdminPhase, on loop: EventLoop) async -> AdminReply {
        do throws(AdminRefusal) {
            let (route, method) = try AdminRoute.read(request)
            try await check(request, for: route, isChange: method != .get)
            return try await perform(route, accept: request.accept ?? "*/*", phase: phase, on: loop)
        } catch {
            return .whole(error.answer)
        }
    }

    // MARK: Rules

    /// - Throws: ``AdminRefusal`` 403 for who may not call this.
    private func check(_ request: AdminRequest, for route: AdminRoute, isChange: Bool) async throws(AdminRefusal) {
        // Probes ask by address, and the answer tells nothing.
        if route.isProbe { return }
        guard let host = request.host, allowedHosts.contains(Self.name(ofHost: host)) else {
            throw AdminRefusal(403, "The Host of the request is neither loopback nor one of allowed_hosts.")
        }
        if isChange, let origin = request.origin, !Self.isSame(origin, host) {
            throw AdminRefusal(403, "The request comes from a page of another origin.")
        }
        guard isChange || !Self.isLoopback(request.peer) else { return }
        switch await token() {
        case .notConfigured:
            throw AdminRefusal(403, "This needs a token, and none is configured: set admin.token_file.")
        case .unreadable:
            throw AdminRefusal(403, "This needs a token, and the file of admin.token_file can't be read.")
        case .token(let token):
            guard let sent = Self.bearer(request.authorization), token.matches(sent) else {
                throw AdminRefusal(403, "This needs the token of admin.token_file as Authorization: Bearer.")
            }
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
        _ route: AdminRoute, accept: String, phase: AdminPhase, on loop: EventLoop
    ) async throws(AdminRefusal) -> AdminReply {
        if case .health = route { return .whole(.sentence(200, "ok")) }
        switch phase {
        case .ready(let actions): return try await perform(route, accept: accept, actions, on: loop)
        case .starting: throw AdminRefusal(503, "starting: sources and cache are being opened")
        case .draining: throw AdminRefusal(503, "draining: no new work is taken")
        }
    }

    private func perform(
        _ route: AdminRoute, accept: String, _ actions: AdminActions, on loop: EventLoop
    ) async throws(AdminRefusal) -> AdminReply {
        switch route {
        case .health, .readiness: return .whole(.sentence(200, "ready"))
        case .metrics:
            let page = await actions.metrics(accept)
            return .whole(AdminAnswer(status: 200, type: page.type, body: page.text))
        case .backends: return .whole(.json(actions.abilities()))
        case .explain(let study, let series):
            switch await actions.explain(study, series, loop) {
            case .success(let explanation): return .whole(.json(explanation))
            case .failure(let error): throw AdminRefusal(error)
            }
        case .explainRequest(let target):
            switch await actions.explainRequest(target, accept, loop) {
            case .success(let explanation): return .whole(.json(explanation))
            case .failure(.directory(let error, _)): throw AdminRefusal(error)
            case .failure(.request(let status, let sentence)):
                throw AdminRefusal(status, "The gateway would refuse this request: \(sentence)")
            }
        case .warm(let targets, let settings):
            return .lines { write throws(AdminClientGone) in
                var summary = WarmSummary(asked: targets.count)
                try await actions.warm(targets, settings, loop) { item throws(AdminClientGone) in
                    summary.note(item)
                    try await write(item.json)
                }
                try await write(summary.json)
            }
        case .verify(let selection):
            return .lines { write throws(AdminClientGone) in
                try await AdminVerification(selection, actions.cache).run(on: loop, write)
            }
        case .statistics, .list, .show, .purge, .pins, .pin, .unpin, .scrub:
            return .whole(.json(try await perform(route, actions.cache)))
        }
    }

    private func perform(_ route: AdminRoute, _ cache: AdminCacheActions) async throws(AdminRefusal) -> JSONValue {
        switch route {
        case .statistics: return cache.statistics().json
        case .list(let selection, let end, let limit):
            let entries = await cache.list(selection, end, limit)
            let next = entries.count == limit ? entries.last?.key.pageEnd : nil
            return .object([("series", .array(entries.map(\.json))), ("next", .optional(next))])
        case .show(let study, let objects): return try await show(study, objects: objects, cache)
        case .purge(let selection, let isDryRun):
            return await cache.purge(selection, isDryRun).json(isDryRun: isDryRun)
        case .pins: return Pin.json(cache.pins())
        case .scrub: return cache.scrub().json
        case .pin(let pin): return try await change(cache) { () throws(CacheError) in try await cache.pin(pin) }
        case .unpin(let pin): return try await change(cache) { () throws(CacheError) in try await cache.unpin(pin) }
        case .health, .readiness, .explain, .explainRequest, .backends, .metrics, .warm, .verify: return .null
        }
    }

    private func show(
        _ study: UID, objects: Int, _ cache: AdminCacheActions
    ) async throws(AdminRefusal) -> JSONValue {
        let entries = await cache.list(CacheSelection(study: study), nil, Int(AdminRoute.pageLimit.upperBound))
        guard !entries.isEmpty else { throw AdminRefusal(404, "The cache holds nothing of this study.") }
        var series: [JSONValue] = []
        for entry in entries {
            series.append(entry.json(objects > 0 ? await cache.contents(entry.key, objects) : nil))
        }
        return .object([
            ("study", .text(study.string)), ("patient", .optional(entries.lazy.compactMap(\.patient).first)),
            ("pinned", .flag(cache.pins().contains(.study(study)))),
            ("bytes", .integer(entries.reduce(0) { $0 + $1.bytes })),
            ("objects", .integer(entries.reduce(0) { $0 + $1.objects })), ("series", .array(series)),
        ])
    }

    /// Changes the pins, and answers those that there are now.
    private func change(
        _ cache: AdminCacheActions, _ body: () async throws(CacheError) -> Void
    ) async throws(AdminRefusal) -> JSONValue {
        do throws(CacheError) {
            try await body()
        } catch {
            throw AdminRefusal(507, "The pins could not be written: \(error.sentence)")
        }
        return Pin.json(cache.pins())
    }
}

extension CacheError {
    fileprivate var sentence: String {
        if case .io(let detail) = self { detail } else { "the cache refuses more of them" }
    }
}

extension AdminRefusal {
    fileprivate init(_ error: DirectoryError) {
        switch error {
        case .notFound: self.init(404, "No source knows this study.")
        case .conflictingSubjects:
            self.init(409, "Several records have this Study UID and name different subjects.")
        case .unavailable(let source, let timedOut, _):
            self.init(
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
