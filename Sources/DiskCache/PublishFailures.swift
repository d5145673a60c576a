// What keeps objects from being stored, said to the operator without flooding the log. Knows no file.
import Synchronization

/// Counts failures and tells of the first in each while.
final class PublishFailures: Sendable {
    private struct State {
        var count: Int64 = 0
        /// Since the last line.
        var untold = 0
        var nextLine: ContinuousClock.Instant?
    }

    static let pause = Duration.seconds(10)

    private let state = Mutex(State())
    private let log: @Sendable (String) -> Void

    init(log: @escaping @Sendable (String) -> Void) { self.log = log }

    /// Since the start.
    var count: Int64 { state.withLock { $0.count } }

    func note(_ reason: String, now: ContinuousClock.Instant = .now) {
        state.withLock { $0.count += 1 }
        tell(reason, now: now)
    }

    /// Says what is no failure, in the same while.
    func tell(_ reason: String, now: ContinuousClock.Instant = .now) {
        let untold = state.withLock { state -> Int? in
            if let next = state.nextLine, now < next {
                state.untold += 1
                return nil
            }
            defer { state.untold = 0 }
            state.nextLine = now + Self.pause
            return state.untold
        }
        guard let untold else { return }
        log(
            "cache: an object could not be stored: \(reason)"
                + (untold > 0 ? "; \(untold) more since the last line" : ""))
    }
}
