// The admin listener's side of a connection: from the exchange to the routes and back. No CORS, nothing is cached.
package import EventLoop
import HTTP
package import HTTPServer
import Synchronization

/// Answers the requests of the admin listener.
package final class AdminHandler: RequestHandler {
    private let routes: AdminRoutes
    private let log: Log
    private let phase = Mutex(AdminPhase.starting)

    /// - Parameter workers: read the token file.
    package init(settings: AdminSettings, workers: WorkerPool, log: Log) {
        self.log = log
        routes = AdminRoutes(allowedHosts: settings.allowedHosts) {
            await workers.run { AdminToken.read(settings.tokenFile) }
        }
    }

    /// Says where the process stands now; /readyz tells it.
    package func enter(_ phase: AdminPhase) {
        self.phase.withLock { $0 = phase }
    }

    package func handle(_ exchange: Exchange) {
        let head = exchange.request
        let request = AdminRequest(
            method: head.method.description, path: String(head.target.prefix { $0 != "?" }),
            query: head.target.firstIndex(of: "?").map { String(head.target[$0...].dropFirst()) },
            body: exchange.body, accept: head.fields["accept"], host: head.fields["host"],
            origin: head.fields["origin"], authorization: head.fields["authorization"], peer: exchange.peer)
        let task = exchange.loop.spawn {
            let phase = self.phase.withLock { $0 }
            let reply = await self.routes.answer(request, phase: phase, on: exchange.loop)
            self.report(request, reply)
            switch reply {
            case .whole(let answer):
                exchange.respond(
                    ResponseHead(status: answer.status, fields: Self.fields(answer.type, allow: answer.allow)),
                    body: .bytes(Array(answer.body.utf8)))
            case .lines(let write): await Self.stream(write, to: exchange)
            }
        }
        exchange.onCancel { task.cancel() }
    }

    private static func stream(
        _ write: (AdminLineSink) async throws(AdminClientGone) -> Void, to exchange: Exchange
    ) async {
        do {
            try await exchange.begin(ResponseHead(status: 200, fields: fields("application/x-ndjson")), length: nil)
            try await write { value throws(AdminClientGone) in
                do throws(ExchangeError) {
                    try await exchange.write(Array((value.line + "\n").utf8))
                } catch {
                    throw AdminClientGone()
                }
            }
            try await exchange.finish()
        } catch {
            exchange.abort()
        }
    }

    private static func fields(_ type: String, allow: String? = nil) -> HTTPFields {
        var fields = HTTPFields()
        fields.append("Content-Type", type)
        fields.append("Cache-Control", "no-store")
        fields.append("X-Content-Type-Options", "nosniff")
        if let allow { fields.append("Allow", allow) }
        return fields
    }

    /// Changes are told, and so are refusals; probes would only fill the log.
    private func report(_ request: AdminRequest, _ reply: AdminReply) {
        // The name of an unknown method is the client's text, which has no place in the log.
        var method = request.method
        if case .other = HTTPMethod(method) { method = "other" }
        let isNotable = !["GET", "HEAD"].contains(request.method) || reply.status == 403
        log.write(
            isNotable ? .info : .debug, "admin request",
            [
                ("peer", .text(request.peer)), ("method", .text(method)),
                ("path", .text(String(request.path.prefix(200)))), ("status", .integer(Int64(reply.status))),
            ])
    }
}
