// A fill that cannot be kept, for its size or the disk's sake, and goes on all the same: its bytes pass through memory to
// those who listened to it by then. Nobody else finds it, and nothing of it is published.
import CLinux
import CachePolicy
import EventLoop
import Synchronization

/// Why a body is not kept.
enum PassReason: Sendable, CustomStringConvertible {
    case tooLarge(limit: Int64)
    /// Its key and description fit into no header.
    case noHeader
    case disk(SystemError)

    var description: String {
        switch self {
        case .tooLarge(let limit): "it has more than the \(limit) bytes of max_object"
        case .noHeader: "its name is too long"
        case .disk(let error): "\(error)"
        }
    }
}

extension Fill {
    package var isPassedThrough: Bool { state.withLock { $0.machine.memoryBegin != nil } }

    /// As ``begin(_:expectedLength:file:bodyOffset:)``, for a body of which no byte is kept.
    func begin(
        _ description: ObjectDescription, expectedLength: Int64?, passedThroughFor reason: PassReason
    ) throws(CacheError) {
        let budget = leaveIndex()
        let (woken, isUnwanted) = try refusing { () throws(Machine.Refusal) in
            try state.withLock { state throws(Machine.Refusal) in
                let woken = try state.machine.begin(description, expectedLength: expectedLength, isKept: false)
                return (woken, state.passThrough(from: 0, holding: [], budget))
            }
        }
        cache?.notePassedThrough(reason)
        for waiter in woken { waiter.resume() }
        if isUnwanted { throw .fillFailed(FillFailure(FillUnwanted())) }
    }

    /// From here on nothing more is written into the file. With the body's lock held.
    func passThrough(_ body: inout Body, for reason: PassReason) throws(CacheError) {
        let budget = leaveIndex()
        let (written, pending) = (body.written, body.pending)
        let isUnwanted = state.withLock { $0.passThrough(from: written, holding: pending, budget) }
        body.written += Int64(body.pending.count)
        body.pending = []
        pendingCount.store(0, ordering: .releasing)
        body.passReason = reason
        if isUnwanted { throw .fillFailed(FillFailure(FillUnwanted())) }
    }

    /// Whoever asks from now on begins a fill of its own. Before the first byte passes by, so that nobody comes too late.
    private func leaveIndex() -> WindowBudget {
        cache?.index.withLock { $0.unregister(self) }
        return cache?.windows ?? WindowBudget()
    }

    /// Suspends while the window is full: the source has to wait for the slowest listener.
    ///
    /// - Throws: ``CacheError/fillFailed(_:)`` when the last one leaves or the caller's task is cancelled.
    func makeRoom() async throws(CacheError) {
        while true {
            let (step, woken) = state.withLock { $0.makeRoom() }
            for waiter in woken { waiter.resume() }
            switch step {
            case .room: return
            case .failed(let failure): throw .fillFailed(failure)
            case .wait: await waitForRoom()
            }
            if Task.isCancelled { throw .fillFailed(FillFailure(CancellationError())) }
        }
    }

    private func waitForRoom() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let mustWait = state.withLock { state in
                    guard !Task.isCancelled, case (.wait, _) = state.makeRoom() else { return false }
                    state.room = continuation
                    return true
                }
                if !mustWait { continuation.resume() }
            }
        } onCancel: {
            state.withLock { $0.room.take() }?.resume()
        }
    }

    /// The whole of a body that has passed through and still lies in file and memory: an object that nobody else finds.
    func gathered() async throws(CacheError) -> StoredObject {
        guard let cache else { throw .notKept }
        let object = try await cache.workers.run { () throws(CacheError) -> StoredObject in try self.gatheredNow(cache)
        }
        return state.withLock { state in
            let first = state.object ?? object
            state.object = first
            return first
        }
    }

    private func gatheredNow(_ cache: DiskCache) throws(CacheError) -> StoredObject {
        let (source, description) = state.withLock { state -> (BodySource?, ObjectDescription?) in
            switch state.machine.phase {
            case .sealed(let description, let length), .finished(let description, let length):
                return (state.source(length: length), description)
            case .opened, .growing, .failed: return (nil, nil)
            }
        }
        guard let source, var description else { throw .notKept }
        description.storedAt = cache.clock() / 1000
        let share = WindowShare(of: cache.windows)
        share.add(Int(source.length))
        guard !share.isExceeded else { throw .notKept }
        do throws(SystemError) {
            let memory = Descriptor(try system("memfd_create") { clinux_memory_file() })
            try source.copy(to: memory)
            return StoredObject(
                key: key, description: description, length: source.length, bodyOffset: 0, file: memory,
                isVerified: true, cache: nil, workers: cache.workers, share: share)
        } catch {
            throw .notKept
        }
    }
}

/// Where a body lies that passes through: its beginning in a file, the rest in memory.
private struct BodySource {
    let length: Int64
    let file: FillFile?
    let bodyOffset: Int64
    let window: FillWindow
    let memoryBegin: Int64

    func copy(to memory: Descriptor) throws(SystemError) {
        if memoryBegin > 0, let file {
            try memory.write(try file.descriptor.read(at: bodyOffset, count: Int(memoryBegin)), at: 0)
        }
        var offset = memoryBegin
        while let bytes = window.bytes(from: offset, upTo: length) {
            try memory.write(bytes, at: offset)
            offset += Int64(bytes.count)
        }
    }
}

extension Fill.State {
    enum Room {
        case room, wait
        case failed(FillFailure)
    }

    /// - Returns: whether nobody listens, so that it has failed.
    fileprivate mutating func passThrough(from begin: Int64, holding bytes: [UInt8], _ budget: WindowBudget) -> Bool {
        var window = FillWindow(from: begin, budget: budget)
        window.append(bytes)
        self.window = window
        return machine.passThrough(failure: FillFailure(FillUnwanted()))
    }

    /// Takes bytes in that pass through. They have been admitted.
    mutating func pass(_ bytes: [UInt8]) -> [CheckedContinuation<Void, Never>] {
        window?.append(bytes)
        return machine.wrote(upTo: window?.end ?? 0)
    }

    /// Lets go of what every listener has taken once there is no room; those that want the whole are told then.
    mutating func makeRoom() -> (Room, woken: [CheckedContinuation<Void, Never>]) {
        if case .failed(let failure) = machine.phase { return (.failed(failure), []) }
        guard let window, window.isFull || window.end > FillWindow.limit else { return (.room, []) }
        let woken = machine.letGoOfBeginning()
        return (dropTaken() ? .room : .wait, woken)
    }

    /// Whether there is room then.
    private mutating func dropTaken() -> Bool {
        guard window?.isFull == true else { return true }
        window?.drop(below: machine.slowest)
        return window?.isFull != true
    }

    /// The filler that waits for room, when there is some: after a listener has moved or left.
    mutating func roomWaiter() -> CheckedContinuation<Void, Never>? {
        guard room != nil else { return nil }
        if case .failed = machine.phase { return room.take() }
        return dropTaken() ? room.take() : nil
    }

    /// Nil when some of it is gone.
    fileprivate func source(length: Int64) -> BodySource? {
        guard let window, let memoryBegin = machine.memoryBegin, !machine.isStreamOnly else { return nil }
        return BodySource(
            length: length, file: file, bodyOffset: bodyOffset, window: window, memoryBegin: memoryBegin)
    }
}
