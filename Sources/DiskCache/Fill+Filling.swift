// A fill under way as its filler drives it: bytes into the file, hashed as they go, and who is woken for them.
import CachePolicy
import DICOM
import EventLoop
import Synchronization

extension Fill {
    /// Bytes that are gathered before they are written, while nobody waits for them.
    private static let gatheredBytes = 256 << 10

    func begin(
        _ description: ObjectDescription, expectedLength: Int64?, file: FillFile, bodyOffset: Int64
    ) throws(CacheError) {
        let woken = try refusing { () throws(Machine.Refusal) in
            try state.withLock { state throws(Machine.Refusal) in
                let woken = try state.machine.begin(description, expectedLength: expectedLength)
                state.file = file
                state.bodyOffset = bodyOffset
                return woken
            }
        }
        for waiter in woken { waiter.resume() }
    }

    /// Takes bytes in; writes them at once when someone waits for them or enough have gathered. What cannot be written, and
    /// what would be more than is kept, passes through.
    func append(_ bytes: [UInt8]) throws(CacheError) {
        if bytes.isEmpty { return }
        try writing { body throws(CacheError) in
            if isPassedThrough { return try pass(bytes, &body) }
            let isAwaited: Bool
            do throws(CacheError) {
                isAwaited = try admit(bytes.count)
            } catch {
                guard case .tooLarge(let limit) = error else { throw error }
                try passThrough(&body, for: .tooLarge(limit: limit))
                return try pass(bytes, &body)
            }
            body.hasher.update(bytes.span)
            // Nothing gathered and enough here: no copy is needed.
            if body.pending.isEmpty, isAwaited || bytes.count >= Self.gatheredBytes {
                body.pending = bytes
                return try writePending(&body)
            }
            body.pending += bytes
            pendingCount.store(body.pending.count, ordering: .releasing)
            // Asked again: a follower that came after the first look may have seen nothing gathered yet.
            let mustWrite =
                body.pending.count >= Self.gatheredBytes || state.withLock { $0.machine.hasHungryWaiter }
            if mustWrite { try writePending(&body) }
        }
    }

    /// Whether somebody waits for the bytes that came.
    private func admit(_ count: Int) throws(CacheError) -> Bool {
        try refusing { () throws(Machine.Refusal) in
            try state.withLock { state throws(Machine.Refusal) in
                try state.machine.admit(count)
                return state.machine.hasHungryWaiter
            }
        }
    }

    private func pass(_ bytes: [UInt8], _ body: inout Body) throws(CacheError) {
        _ = try admit(bytes.count)
        body.hasher.update(bytes.span)
        for waiter in state.withLock({ $0.pass(bytes) }) { waiter.resume() }
    }

    /// Writes what was gathered.
    func flush() throws(CacheError) {
        try writing { body throws(CacheError) in try writePending(&body) }
    }

    /// Ends the body. Followers may finish; what remains is durability and a name. Nil of one that has passed through.
    func seal() throws(CacheError) -> SealedBody? {
        try flush()
        let checksums = body.withLock { $0.hasher.finish() }
        let (sealed, woken) = try refusing { () throws(Machine.Refusal) in
            try state.withLock { state throws(Machine.Refusal) in
                let (length, woken) = try state.machine.seal()
                guard state.machine.memoryBegin == nil else { return (nil as SealedBody?, woken) }
                return (SealedBody(length: length, trailer: ObjectLayout.trailer(of: checksums)), woken)
            }
        }
        for waiter in woken { waiter.resume() }
        return sealed
    }

    /// Ends one that has passed through.
    func finishUnkept() {
        let woken = state.withLock { state -> [CheckedContinuation<Void, Never>] in
            state.stop = nil
            guard case .sealed(let description, _) = state.machine.phase else { return [] }
            return state.machine.finish(description)
        }
        for waiter in woken { waiter.resume() }
    }

    func amend(placeholders: Int, facts: InstanceFacts?) {
        state.withLock { $0.machine.amend(placeholders: placeholders, facts: facts) }
    }

    func finish(_ object: StoredObject) {
        let woken = state.withLock { state in
            state.object = object
            state.stop = nil
            return state.machine.finish(object.description)
        }
        for waiter in woken { waiter.resume() }
    }

    func fail(_ failure: FillFailure) {
        let (woken, room) = state.withLock { state in
            state.stop = nil
            return (state.machine.fail(failure), state.room.take())
        }
        for waiter in woken { waiter.resume() }
        room?.resume()
    }

    /// A hungry follower writes what was gathered itself; the filler's next bytes may be a long time coming.
    func writePendingForFollower() {
        guard pendingCount.load(ordering: .acquiring) > 0 else { return }
        do throws(CacheError) {
            try flush()
        } catch {
            fail(FillFailure(error))
        }
    }

    // MARK: Writing

    /// Runs `change` with the body's lock held, then wakes those for whom it wrote.
    private func writing(_ change: @Sendable (inout Body) throws(CacheError) -> Void) throws(CacheError) {
        let (length, passReason, result) = body.withLock { body -> (Int64, PassReason?, Result<Void, CacheError>) in
            let result = Result { () throws(CacheError) in try change(&body) }
            return (body.written, body.passReason.take(), result)
        }
        if let passReason { cache?.notePassedThrough(passReason) }
        let woken = state.withLock { $0.machine.wrote(upTo: length) }
        for waiter in woken { waiter.resume() }
        try result.get()
    }

    /// Into the page cache, on the caller's thread: a copy, not a disk access.
    private func writePending(_ body: inout Body) throws(CacheError) {
        if body.pending.isEmpty { return }
        let (file, bodyOffset) = state.withLock { ($0.file, $0.bodyOffset) }
        guard let file else { throw .io(detail: "append before begin") }
        do throws(SystemError) {
            try file.write(body.pending, at: bodyOffset + body.written)
        } catch {
            return try passThrough(&body, for: .disk(error))
        }
        body.written += Int64(body.pending.count)
        file.reservation?.wrote(upTo: bodyOffset + body.written)
        body.pending.removeAll(keepingCapacity: body.pending.count <= Self.gatheredBytes)
        pendingCount.store(0, ordering: .releasing)
    }

    func refusing<Value>(_ event: () throws(Machine.Refusal) -> Value) throws(CacheError) -> Value {
        do throws(Machine.Refusal) {
            return try event()
        } catch {
            switch error {
            case .tooLarge(let limit): throw .tooLarge(limit: limit)
            case .excess(let expected): throw .io(detail: "the body is longer than the announced \(expected) bytes")
            case .short(let expected, let got): throw .io(detail: "\(got) of the announced \(expected) bytes came")
            case .outOfOrder:
                // The fill may have failed under the filler's hands: then that is the reason to tell.
                if case .failed(let failure) = state.withLock({ $0.machine.phase }) { throw .fillFailed(failure) }
                throw .io(detail: "the fill was not begun, or has ended")
            }
        }
    }
}

/// A whole body in its file, and what stands behind it.
struct SealedBody: Sendable {
    let length: Int64
    /// The block checksums as they go into the file.
    let trailer: [UInt8]
}
