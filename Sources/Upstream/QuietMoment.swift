// The leave to ask a backend in the background.
import Synchronization

/// Counts against what background work may do at once, until it is ended or dropped.
package final class QuietMoment: Sendable {
    private let permits: Mutex<ConnectionPermits?>

    init(_ permits: ConnectionPermits) { self.permits = Mutex(permits) }

    deinit { end() }

    /// Lets the next one begin. Twice does no harm.
    package func end() {
        permits.withLock { $0.take() }?.quietEnded()
    }
}
