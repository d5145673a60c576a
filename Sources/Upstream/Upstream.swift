// Every outgoing request of the process: which backend a URL belongs to, permits, redirects. Knows HTTP, no DICOM and no
// FHIR.
import CCurl
package import EventLoop
package import HTTP

/// Every outgoing request; process-wide. One libcurl multi handle per loop, permits and queues per backend over all loops.
package final class Upstream: Sendable {
    /// Redirects that are followed for one request.
    package static let maxRedirects = 5

    private let homes: [TransferLoop]
    /// Longest `match` first.
    private let pools: [BackendPool]
    private static let libcurlIsReady = ccurl_global_init() == CURLE_OK

    /// - Throws: ``SystemError`` when libcurl can't be set up.
    package init(loops: EventLoopGroup, workers: WorkerPool, backends: [Backend]) throws {
        guard Self.libcurlIsReady else { throw SystemError(call: "curl_global_init", code: 0) }
        let maxIdle = backends.reduce(0) { $0 + min(max(1, $1.maxConnections), 1 << 16) }
        var homes: [TransferLoop] = []
        for loop in loops.loops { homes.append(try TransferLoop(loop: loop, maxIdle: maxIdle)) }
        self.homes = homes
        pools = backends.map { BackendPool($0, loops: homes, workers: workers) }
            .sorted { $0.backend.match.path.utf8.count > $1.backend.match.path.utf8.count }
    }

    deinit {
        for home in homes { home.loop.execute { home.close() } }
    }

    /// The backend of that role whose `match` contains the URL, the longest one if several do; nil: it must not be
    /// contacted.
    package func backend(for url: HTTPURL, role: Backend.Role = .images) -> Backend? {
        pool(for: url, role: role)?.backend
    }

    /// Every configured backend.
    package var backends: [Backend] { pools.map { $0.backend } }

    /// What has happened with each backend, in no order that matters.
    package var counters: [(backend: String, counters: BackendCounters)] {
        pools.map { ($0.backend.name, $0.counters) }
    }

    /// GET; returns when the response's head is there (1xx and permitted redirects passed over). Call it on `loop`, which
    /// is one of the group's.
    ///
    /// - Throws: ``UpstreamError``; see its kinds.
    package func get(_ request: UpstreamRequest, on loop: EventLoop) async throws(UpstreamError) -> UpstreamResponse {
        loop.assertOnLoop()
        guard let pool = pool(for: request.url, role: request.role) else {
            throw UpstreamError(
                kind: .notAllowed, backend: "", detail: "no backend of \(request.role) contains \(request.url)")
        }
        pool.countRequest()
        var url = request.url
        var deadline: ContinuousClock.Instant?
        for _ in 0...Self.maxRedirects {
            let transfer = try await start(url, request, of: pool, on: loop, &deadline)
            let response = UpstreamResponse(transfer, try await transfer.finalHead())
            guard let target = try redirectTarget(of: response, in: pool) else { return response }
            response.cancel()
            url = target
        }
        throw pool.error(.redirectRefused, "more than \(Self.maxRedirects) redirects from \(request.url)")
    }

    /// Waits until nobody waits for a connection of the URL's image backend and at least half of them are free: then work in the
    /// background may ask it. Call it on `loop`.
    ///
    /// - Returns: nil when the task was cancelled, or no backend contains the URL.
    package func quietMoment(of url: HTTPURL, on loop: EventLoop) async -> QuietMoment? {
        guard let permits = pool(for: url, role: .images)?.permits, await permits.quietMoment(on: loop) else {
            return nil
        }
        return QuietMoment(permits)
    }

    private func pool(for url: HTTPURL, role: Backend.Role) -> BackendPool? {
        pools.first { $0.backend.role == role && $0.backend.match.contains(url) }
    }

    /// Gets a permit and sends the request. All redirects of one request share the time to the final head.
    private func start(
        _ url: HTTPURL, _ request: UpstreamRequest, of pool: BackendPool, on loop: EventLoop,
        _ deadline: inout ContinuousClock.Instant?
    ) async throws(UpstreamError) -> Transfer {
        let credentials: BackendCredentials.Ready
        do {
            credentials = try await pool.credentials.ready(for: request, now: loop.now)
        } catch {
            throw pool.error(.credentials, error.detail)
        }
        let reuses = try await permit(of: pool, on: loop)
        let transfer = Transfer(url, of: pool, on: homes[loop.index], reusesConnection: reuses)
        do throws(UpstreamError) {
            if Task.isCancelled { throw UpstreamError(kind: .cancelled, backend: pool.backend.name, detail: "") }
            try homes[loop.index].start(transfer, request, credentials)
        } catch {
            pool.permits.giveBack(on: loop.index, keptConnections: reuses ? 1 : 0)
            throw error
        }
        let end = deadline ?? ContinuousClock.now + pool.backend.firstByteTimeout
        deadline = end
        transfer.expectHead(within: end - ContinuousClock.now)
        return transfer
    }

    /// Waits for a permit; true when an idle connection is counted on.
    private func permit(of pool: BackendPool, on loop: EventLoop) async throws(UpstreamError) -> Bool {
        switch await pool.permits.acquire(on: loop, within: pool.backend.firstByteTimeout) {
        case .granted(let reuses): return reuses
        case .full: throw pool.error(.queueFull, "\(pool.backend.maxQueue) requests wait already")
        case .timedOut: throw pool.error(.queueTimeout, "all \(pool.backend.maxConnections) connections are busy")
        case .cancelled: throw UpstreamError(kind: .cancelled, backend: pool.backend.name, detail: "while it waited")
        }
    }

    /// Where a response sends us; nil when it is no redirect.
    ///
    /// The target must belong to the same backend: another one has other credentials, and anything else isn't allowed.
    private func redirectTarget(
        of response: UpstreamResponse, in pool: BackendPool
    ) throws(UpstreamError) -> HTTPURL? {
        guard [301, 302, 303, 307, 308].contains(response.head.status), let location = response.head.fields["location"]
        else { return nil }
        guard let target = response.url.resolving(location), self.pool(for: target, role: pool.backend.role) === pool
        else {
            throw pool.error(.redirectRefused, "\(response.url) redirects to \(location)")
        }
        return target
    }
}
