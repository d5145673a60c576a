// A fill under way: what its filler and its followers share. Those see it through FillWriter and Follower.
package import CachePolicy
import EventLoop
import Synchronization

/// A fill in progress. It does not care who fills, nor whether its first client is still there.
///
/// Two locks: `body` orders the writes and is held during them, `state` answers followers and is held for moments. `body`
/// is taken before the cache's index, and that before `state`, never the other way; continuations are resumed with neither
/// held.
package final class Fill: Sendable {
    package let key: ObjectKey
    /// The study's epoch for which it began; 0: not known.
    let epoch: Int64

    typealias Machine = FillMachine<CheckedContinuation<Void, Never>, FillFailure>

    struct State: ~Copyable {
        var machine: Machine
        var file: FillFile?
        var bodyOffset: Int64 = 0
        /// The bytes that are kept nowhere else, of a body that passes through.
        var window: FillWindow?
        /// The filler, while it waits for room in the window.
        var room: CheckedContinuation<Void, Never>?
        var object: StoredObject?
        /// Stops the filler when nobody wants the fill any more.
        var stop: (@Sendable () -> Void)?
    }

    struct Body: ~Copyable {
        var hasher = BlockHasher()
        var pending: [UInt8] = []
        var written: Int64 = 0
        /// Why it has just begun to pass through, until that is noted.
        var passReason: PassReason?
    }

    let state: Mutex<State>
    let body = Mutex(Body())
    /// The bytes in `pending`: readable without waiting for a write to end.
    let pendingCount = Atomic<Int>(0)

    weak let cache: DiskCache?

    private init(key: ObjectKey, limit: Int64, epoch: Int64, keepFilling: KeepFilling, cache: DiskCache) {
        self.key = key
        self.epoch = epoch
        self.cache = cache
        state = Mutex(State(machine: Machine(limit: limit, keepFilling: keepFilling)))
    }

    /// A fill and its first listener.
    static func begun(
        for key: ObjectKey, limit: Int64, epoch: Int64, keepFilling: KeepFilling, cache: DiskCache
    ) -> (Fill, Follower) {
        let fill = Fill(key: key, limit: limit, epoch: epoch, keepFilling: keepFilling, cache: cache)
        guard let follower = fill.join() else { preconditionFailure("a fill that nobody else knows has not failed") }
        return (fill, follower)
    }

    /// One more listener, from the body's beginning; nil when it comes too late.
    package func join() -> Follower? {
        state.withLock { $0.machine.join() }.map { Follower(of: self, id: $0) }
    }

    /// The whole length in bytes, if the filler announced one or is through.
    package var expectedLength: Int64? {
        state.withLock { state in
            switch state.machine.phase {
            case .sealed(_, let length), .finished(_, let length): length
            default: state.machine.expectedLength
            }
        }
    }

    /// The backend that it comes from, once that is known.
    var backend: String? {
        state.withLock { state in
            switch state.machine.phase {
            case .growing(let description, _), .sealed(let description, _), .finished(let description, _):
                description.backend
            case .opened, .failed: nil
            }
        }
    }
}
