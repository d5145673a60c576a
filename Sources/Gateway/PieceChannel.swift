// Pieces from a worker that reads and parses, to the loop that writes them: a few at a time, in order.
import EventLoop
import Synchronization

/// Carries pieces from one worker thread to one task; the worker blocks while too many wait.
final class PieceChannel: Sendable {
    struct Abandoned: Error {}

    private struct State {
        var pieces: [[UInt8]] = []
        var end: Result<Void, Problem>?
        var isAbandoned = false
        var waiter: CheckedContinuation<Void, Never>?
    }

    private let state = Mutex(State())
    /// One signal for each piece that may still be sent.
    private let room = Semaphore()

    init() {
        for _ in 0..<4 { room.signal() }
    }

    // MARK: The worker's side

    /// - Throws: ``Abandoned`` when nobody takes pieces any more.
    func send(_ piece: [UInt8]) throws {
        room.wait()
        let (waiter, isAbandoned) = state.withLock { state in
            state.pieces.append(piece)
            defer { state.waiter = nil }
            return (state.waiter, state.isAbandoned)
        }
        if isAbandoned { throw Abandoned() }
        waiter?.resume()
    }

    func finish(_ end: Result<Void, Problem>) {
        let waiter = state.withLock { state in
            state.end = end
            defer { state.waiter = nil }
            return state.waiter
        }
        waiter?.resume()
    }

    // MARK: The task's side

    /// The next piece; nil at the end.
    ///
    /// - Throws: what the worker has finished with.
    func next() async throws(Problem) -> [UInt8]? {
        while true {
            let (piece, end) = state.withLock { state in
                (state.pieces.isEmpty ? nil : state.pieces.removeFirst(), state.end)
            }
            if let piece {
                room.signal()
                return piece
            }
            if let end {
                try end.get()
                return nil
            }
            await withCheckedContinuation { continuation in
                let isReady = state.withLock { state in
                    if !state.pieces.isEmpty || state.end != nil { return true }
                    state.waiter = continuation
                    return false
                }
                if isReady { continuation.resume() }
            }
        }
    }

    /// Lets the worker end early.
    func abandon() {
        state.withLock { $0.isAbandoned = true }
        room.signal()
    }
}
