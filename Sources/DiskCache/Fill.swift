// A fill under way as its followers see it, on whichever loop they live.
package import CachePolicy
import EventLoop
import Synchronization

/// The follower's side of a fill in progress. It does not care who fills, nor whether its first client is still there.
///
/// Two locks: `body` orders the writes and is held during them, `state` answers followers and is held for moments. `body`
/// is taken before `state`, never after it; continuations are resumed with neither held.
package final class Fill: Sendable {
    package let key: ObjectKey

    typealias Machine = FillMachine<CheckedContinuation<Void, Never>, FillFailure>

    struct State: ~Copyable {
        var machine: Machine
        var file: FillFile?
        var bodyOffset: Int64 = 0
        var object: StoredObject?
        var lastWaiter = 0
    }

    struct Body: ~Copyable {
        var hasher = BlockHasher()
        var pending: [UInt8] = []
        var written: Int64 = 0
    }

    let state: Mutex<State>
    let body = Mutex(Body())
    /// The bytes in `pending`: readable without waiting for a write to end.
    let pendingCount = Atomic<Int>(0)

    init(key: ObjectKey, limit: Int64) {
        self.key = key
        state = Mutex(State(machine: Machine(limit: limit)))
    }

    // MARK: For followers

    /// Suspends until the description is known.
    ///
    /// - Throws: ``CacheError/fillFailed(_:)``, with `CancellationError` when the caller's task is cancelled.
    package func description() async throws(CacheError) -> ObjectDescription {
        while true {
            switch currentPhase {
            case .growing(let description, _), .sealed(let description, _), .finished(let description, _):
                return description
            case .failed(let failure): throw .fillFailed(failure)
            case .opened: try await suspend(until: .description)
            }
        }
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

    /// The growing file, open as long as this fill lives; -1 until the description is known.
    package var descriptor: Int32 { state.withLock { $0.file?.descriptor.number ?? -1 } }

    /// Where the body begins in the file, once the description is known.
    package var bodyOffset: Int64 { state.withLock { $0.bodyOffset } }

    /// Suspends until body bytes beyond `offset` are in the file or the body is complete.
    ///
    /// - Throws: ``CacheError/fillFailed(_:)``, with `CancellationError` when the caller's task is cancelled.
    package func wait(beyond offset: Int64) async throws(CacheError) -> Progress {
        while true {
            switch currentPhase {
            case .growing(_, let written) where written > offset: return .available(written)
            case .sealed(_, let length), .finished(_, let length): return .complete(length)
            case .failed(let failure): throw .fillFailed(failure)
            case .opened, .growing: try await suspend(until: .bytes(beyond: offset))
            }
        }
    }

    /// Suspends until it is published, or finished when it is not to be.
    ///
    /// - Throws: ``CacheError/fillFailed(_:)``, with `CancellationError` when the caller's task is cancelled.
    package func object() async throws(CacheError) -> StoredObject {
        while true {
            let (object, failure) = state.withLock { state -> (StoredObject?, FillFailure?) in
                if case .failed(let failure) = state.machine.phase { return (nil, failure) }
                return (state.object, nil)
            }
            if let object { return object }
            if let failure { throw .fillFailed(failure) }
            try await suspend(until: .finish)
        }
    }

    /// How far the body is.
    package enum Progress: Sendable, Equatable {
        /// This many body bytes may be sent.
        case available(Int64)
        /// The body is complete with this length.
        case complete(Int64)
    }

    private var currentPhase: Machine.Phase { state.withLock { $0.machine.phase } }

    private func suspend(until wish: Machine.Wish) async throws(CacheError) {
        let id = state.withLock { state in
            state.lastWaiter += 1
            return state.lastWaiter
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                // Asked under the lock: a cancellation that comes later finds the waiter in its place.
                let mustWait = state.withLock { state in
                    !Task.isCancelled && state.machine.enqueue(wish, id: id, waiter: continuation)
                }
                if !mustWait { continuation.resume() } else if case .bytes = wish { writePendingForFollower() }
            }
        } onCancel: {
            state.withLock { $0.machine.leave(id: id) }?.resume()
        }
        if Task.isCancelled { throw .fillFailed(FillFailure(CancellationError())) }
    }

    /// A hungry follower writes what was gathered itself; the filler's next bytes may be a long time coming.
    private func writePendingForFollower() {
        guard pendingCount.load(ordering: .acquiring) > 0 else { return }
        do throws(CacheError) {
            try flush()
        } catch {
            fail(FillFailure(error))
        }
    }
}
