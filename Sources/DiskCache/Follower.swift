// A fill under way as one of its listeners sees it, on whichever loop that lives.
package import CachePolicy
package import EventLoop
import Synchronization

/// One listener of a fill: a request that waits for it or is being sent its bytes. It leaves when it is let go.
///
/// What it asks for, it asks for one after the other.
package final class Follower: Sendable {
    package let fill: Fill
    private let id: Int

    init(of fill: Fill, id: Int) {
        self.fill = fill
        self.id = id
    }

    deinit { leave() }

    /// Some of the body.
    package enum Piece: Sendable, Equatable {
        /// It lies in this file, which the fill holds open.
        case file(descriptor: Int32, offset: Int64, length: Int64)
        /// It passes through.
        case bytes([UInt8])
    }

    /// Suspends until the description is known.
    ///
    /// - Throws: ``CacheError/fillFailed(_:)``, with `CancellationError` when the caller's task is cancelled.
    package func description() async throws(CacheError) -> ObjectDescription {
        while true {
            switch fill.state.withLock({ $0.machine.phase }) {
            case .growing(let description, _), .sealed(let description, _), .finished(let description, _):
                return description
            case .failed(let failure): throw .fillFailed(failure)
            case .opened: try await suspend(until: .description)
            }
        }
    }

    /// The next bytes of the body as soon as there are some; nil at its end, or at `end`. The piece before is taken then.
    ///
    /// - Throws: ``CacheError/fillFailed(_:)``, with `CancellationError` when the caller's task is cancelled.
    package func next(upTo end: Int64? = nil) async throws(CacheError) -> Piece? {
        while true {
            let (step, room) = fill.state.withLock { ($0.step(of: id, upTo: end ?? .max), $0.roomWaiter()) }
            room?.resume()
            switch step {
            case .piece(let piece): return piece
            case .end: return nil
            case .failed(let failure): throw .fillFailed(failure)
            case .wait(let offset): try await suspend(until: .bytes(beyond: offset))
            }
        }
    }

    /// Reads a piece that ``next(upTo:)`` has given; on a worker.
    ///
    /// - Throws: ``CacheError/io(detail:)``.
    package func bytes(of piece: Piece, on workers: WorkerPool) async throws(CacheError) -> [UInt8] {
        switch piece {
        case .bytes(let bytes): return bytes
        case .file(let descriptor, let offset, let length):
            return try await workers.run { [fill] () throws(CacheError) -> [UInt8] in
                defer { withExtendedLifetime(fill) {} }
                do throws(SystemError) {
                    return try Descriptor.read(descriptor, at: offset, count: Int(length))
                } catch {
                    throw .io(detail: "\(error)")
                }
            }
        }
    }

    /// Says that nothing before that place of the body is wanted; beyond its end, that no byte is.
    package func skip(to offset: Int64) {
        let room = fill.state.withLock { state in
            _ = state.machine.take(upTo: offset, id: id)
            return state.roomWaiter()
        }
        room?.resume()
    }

    /// Suspends until the object is published, or whole when it is not to be.
    ///
    /// - Throws: ``CacheError/notKept`` of one that passes through and is too long to be had as a whole: this listener has
    ///   lost nothing and can still be sent its bytes; ``CacheError/fillFailed(_:)``, with `CancellationError` when the
    ///   caller's task is cancelled.
    package func object() async throws(CacheError) -> StoredObject {
        while true {
            switch fill.state.withLock({ $0.whole }) {
            case .object(let object): return object
            case .failed(let failure): throw .fillFailed(failure)
            case .gone: throw .notKept
            case .inPieces: return try await fill.gathered()
            case .growing: try await suspend(until: .object)
            }
        }
    }

    /// Listens no more. Once is enough, twice does no harm.
    package func leave() {
        let (stop, room) = fill.state.withLock { state in
            let isUnwanted = state.machine.leave(id: id, failure: FillFailure(FillUnwanted()))
            return (isUnwanted ? state.stop.take() : nil, state.roomWaiter())
        }
        room?.resume()
        stop?()
    }

    private func suspend(until wish: Fill.Machine.Wish) async throws(CacheError) {
        let (fill, id) = (fill, id)
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                // Asked under the lock: a cancellation that comes later finds the waiter in its place.
                let mustWait = fill.state.withLock { state in
                    !Task.isCancelled && state.machine.enqueue(wish, id: id, waiter: continuation)
                }
                if !mustWait { continuation.resume() } else if case .bytes = wish { fill.writePendingForFollower() }
            }
        } onCancel: {
            fill.state.withLock { $0.machine.giveUp(id: id) }?.resume()
        }
        if Task.isCancelled { throw .fillFailed(FillFailure(CancellationError())) }
    }
}

extension Fill.State {
    enum Step {
        case piece(Follower.Piece)
        case wait(beyond: Int64)
        case end
        case failed(FillFailure)
    }

    /// What a listener gets next, up to that place of the body.
    mutating func step(of id: Int, upTo end: Int64) -> Step {
        let taken = machine.take(id: id)
        if taken >= end { return .end }
        switch machine.phase {
        case .opened: return .wait(beyond: taken)
        case .failed(let failure): return .failed(failure)
        case .growing(_, let written):
            return written > taken ? give(taken..<min(written, end), to: id) : .wait(beyond: taken)
        case .sealed(_, let length), .finished(_, let length):
            return length > taken ? give(taken..<min(length, end), to: id) : .end
        }
    }

    private mutating func give(_ range: Range<Int64>, to id: Int) -> Step {
        if let memoryBegin = machine.memoryBegin, range.lowerBound >= memoryBegin {
            guard let bytes = window?.bytes(from: range.lowerBound, upTo: range.upperBound) else {
                return .failed(FillFailure(CacheError.notKept))
            }
            machine.give(upTo: range.lowerBound + Int64(bytes.count), id: id)
            return .piece(.bytes(bytes))
        }
        let end = min(range.upperBound, machine.memoryBegin ?? .max)
        guard let file else { return .failed(FillFailure(CacheError.notKept)) }
        machine.give(upTo: end, id: id)
        return .piece(
            .file(
                descriptor: file.descriptor.number, offset: bodyOffset + range.lowerBound,
                length: end - range.lowerBound))
    }

    enum Whole {
        case object(StoredObject)
        /// Passed through, and still here.
        case inPieces
        /// Passed through, and partly gone.
        case gone
        case growing
        case failed(FillFailure)
    }

    var whole: Whole {
        if let object { return .object(object) }
        switch machine.phase {
        case .failed(let failure): return .failed(failure)
        case _ where machine.isStreamOnly: return .gone
        case .sealed, .finished: return machine.memoryBegin == nil ? .growing : .inPieces
        case .opened, .growing: return .growing
        }
    }
}
