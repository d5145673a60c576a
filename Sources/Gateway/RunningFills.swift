// How many fills run in the process, whoever listens to them.
import Synchronization

/// Counts fills; may be used from any loop.
final class RunningFills: Sendable {
    private let running = Atomic<Int>(0)

    var count: Int { running.load(ordering: .relaxed) }

    func began() { running.wrappingAdd(1, ordering: .relaxed) }

    func ended() { running.wrappingSubtract(1, ordering: .relaxed) }
}
