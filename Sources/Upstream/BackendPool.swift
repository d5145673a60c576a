// What the process keeps for one backend: its settings, permits, credentials and counters.
import EventLoop
import Synchronization

/// The state of one backend, shared by all loops.
final class BackendPool: Sendable {
    let backend: Backend
    let permits: ConnectionPermits
    let credentials: BackendCredentials
    private let tally = Mutex(Tally())

    private struct Tally {
        var requests = 0
        var failures: [UpstreamError.Kind: Int] = [:]
        var statuses = Array(repeating: 0, count: 6)
        var bytes: Int64 = 0
    }

    init(_ backend: Backend, loops: [TransferLoop], workers: WorkerPool) {
        self.backend = backend
        credentials = BackendCredentials(backend.credentials, workers: workers)
        permits = ConnectionPermits(
            limit: backend.maxConnections, maxQueue: backend.maxQueue, loops: loops.count
        ) { index, done in
            loops[index].closeIdleConnection(of: backend, then: done)
        }
    }

    func countRequest() { tally.withLock { $0.requests += 1 } }

    func count(status: Int) {
        let place = (1...5).contains(status / 100) ? status / 100 : 0
        tally.withLock { $0.statuses[place] += 1 }
    }

    func count(bytes: Int) { tally.withLock { $0.bytes += Int64(bytes) } }

    func error(_ kind: UpstreamError.Kind, _ detail: String) -> UpstreamError {
        tally.withLock { $0.failures[kind, default: 0] += 1 }
        return UpstreamError(kind: kind, backend: backend.name, detail: detail)
    }

    var counters: BackendCounters {
        let tally = tally.withLock { $0 }
        let counts = permits.counts
        return BackendCounters(
            requests: tally.requests, failures: tally.failures, active: counts.active, idle: counts.idle,
            queued: counts.queued, statuses: tally.statuses, bytes: tally.bytes)
    }
}

/// What has happened with a backend since the start, and what goes on now.
package struct BackendCounters: Sendable, Equatable {
    /// Requests that the gateway made, one for each ``Upstream/get(_:on:)``.
    package var requests: Int
    package var failures: [UpstreamError.Kind: Int]
    /// Transfers under way.
    package var active: Int
    /// Connections kept open for the next request.
    package var idle: Int
    /// Requests that wait for a connection.
    package var queued: Int
    /// Final heads by the hundred of their status, those of redirects among them; at 0 those that no hundred takes.
    package var statuses = Array(repeating: 0, count: 6)
    /// Body bytes that came.
    package var bytes: Int64 = 0
}
