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

    func error(_ kind: UpstreamError.Kind, _ detail: String) -> UpstreamError {
        tally.withLock { $0.failures[kind, default: 0] += 1 }
        return UpstreamError(kind: kind, backend: backend.name, detail: detail)
    }

    var counters: BackendCounters {
        let (requests, failures) = tally.withLock { ($0.requests, $0.failures) }
        let counts = permits.counts
        return BackendCounters(
            requests: requests, failures: failures, active: counts.active, idle: counts.idle, queued: counts.queued)
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
}
