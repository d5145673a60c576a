// A whole series or study on its way from an archive into the cache, as those who wait for it see it: a list of members that
// grows. The members' bytes are objects of the cache like any others, each followed while it is being filled.
import CachePolicy
import DICOM
import Synchronization
import WADO

/// One archive's answer for a series or study, shared by all who ask for it while it is under way.
final class CollectionFill: Sendable {
    /// What makes two requests one.
    struct Key: Hashable, Sendable {
        let study: UID
        /// Nil for the whole study.
        let series: UID?
        /// The transfer syntax that the archive is asked for: "*" for as stored.
        let syntax: String
        /// The archives' roots.
        let archives: [String]
        /// The study's.
        let epoch: Int64
    }

    /// One instance of it, which is in the cache or on its way there.
    struct Member: Sendable {
        let target: InstanceTarget
        let facts: InstanceFacts
        let object: ObjectClass
        /// Whether it was not in the cache before.
        let isFetched: Bool
    }

    private enum Wish: Sendable {
        case beginning
        case member(Int)
    }

    private struct State {
        var members: [Member] = []
        var backend: String?
        var isPartial = false
        var end: Result<Void, Problem>?
        var waiters: [Int: (wish: Wish, continuation: CheckedContinuation<Void, Never>)] = [:]
        var nextWaiter = 0
        var listeners = 0
        var isAbandoned = false

        func isDecided(_ wish: Wish) -> Bool {
            if end != nil { return true }
            return switch wish {
            case .beginning: backend != nil
            case .member(let number): number < members.count
            }
        }
    }

    let key: Key
    /// How many instances there will be, as the record counts; 0: not known.
    private let expected: Int
    private let keepFilling: KeepFilling
    private let state = Mutex(State())

    init(key: Key, expecting count: Int, keepFilling: KeepFilling) {
        self.key = key
        expected = count
        self.keepFilling = keepFilling
    }

    // MARK: For those who listen

    /// Suspends until the archive has begun to answer.
    ///
    /// - Returns: the archive's name, and whether it has said that its answer is a part only.
    /// - Throws: ``Problem`` when every archive has refused.
    func beginning() async throws(Problem) -> (backend: String, isPartial: Bool) {
        while true {
            let (backend, isPartial, end) = state.withLock { ($0.backend, $0.isPartial, $0.end) }
            if let backend { return (backend, isPartial) }
            if let end { try end.get() }
            try await suspend(until: .beginning)
        }
    }

    /// The member with this number; nil when the answer has ended properly before it.
    ///
    /// - Throws: ``Problem`` when the answer has failed before it.
    func member(_ number: Int) async throws(Problem) -> Member? {
        while true {
            let (member, end) = state.withLock { state in
                (number < state.members.count ? state.members[number] : nil, state.end)
            }
            if let member { return member }
            if let end {
                try end.get()
                return nil
            }
            try await suspend(until: .member(number))
        }
    }

    func joined() {
        state.withLock { state in
            state.listeners += 1
            state.isAbandoned = false
        }
    }

    /// One less listens. With the last one it ends, unless it is to go on by itself.
    ///
    /// - Parameter isOfUse: false when what comes is of no use to the one who leaves.
    func left(isOfUse: Bool = true) {
        state.withLock { state in
            state.listeners -= 1
            guard state.listeners == 0 else { return }
            let goesOn =
                switch keepFilling {
                case .always: true
                case .never: false
                case .half: expected > 0 && state.members.count * 2 > expected
                }
            state.isAbandoned = !isOfUse || !goesOn
        }
    }

    /// Whether more than one listens.
    var hasOtherListeners: Bool { state.withLock { $0.listeners > 1 } }

    var hasListeners: Bool { state.withLock { $0.listeners > 0 } }

    var isAbandoned: Bool { state.withLock { $0.isAbandoned } }

    private func suspend(until wish: Wish) async throws(Problem) {
        let ticket = state.withLock { state in
            state.nextWaiter += 1
            return state.nextWaiter
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let mustWait = state.withLock { state in
                    if Task.isCancelled || state.isDecided(wish) { return false }
                    state.waiters[ticket] = (wish, continuation)
                    return true
                }
                if !mustWait { continuation.resume() }
            }
        } onCancel: {
            state.withLock { $0.waiters.removeValue(forKey: ticket) }?.continuation.resume()
        }
        if Task.isCancelled { throw .clientGone }
    }

    // MARK: For the one who fills

    func began(at backend: String, isPartial: Bool) {
        change { state in
            state.backend = backend
            state.isPartial = state.isPartial || isPartial
        }
    }

    func append(_ member: Member) { change { $0.members.append(member) } }

    func end(_ result: Result<Void, Problem>) { change { $0.end = result } }

    var members: [Member] { state.withLock { $0.members } }

    private func change(_ body: (inout State) -> Void) {
        let woken = state.withLock { state in
            body(&state)
            let woken = state.waiters.filter { state.isDecided($0.value.wish) }
            for ticket in woken.keys { state.waiters[ticket] = nil }
            return woken.values.map(\.continuation)
        }
        for continuation in woken { continuation.resume() }
    }
}

/// The collections under way in the process.
final class CollectionFills: Sendable {
    private let fills = Mutex<[CollectionFill.Key: CollectionFill]>([:])

    /// The one under way, or a new one, which the caller then must fill. The caller has joined it.
    func fill(
        _ key: CollectionFill.Key, expecting count: Int, keepFilling: KeepFilling
    ) -> (fill: CollectionFill, isNew: Bool) {
        fills.withLock { fills in
            if let running = fills[key] {
                running.joined()
                return (running, false)
            }
            let fill = CollectionFill(key: key, expecting: count, keepFilling: keepFilling)
            fill.joined()
            fills[key] = fill
            return (fill, true)
        }
    }

    /// Whether nobody wants it any more; then nobody can join it either.
    ///
    /// - Parameter beforeStart: nothing has been asked yet, so that it ends when nobody listens.
    func endIfAbandoned(_ fill: CollectionFill, beforeStart: Bool = false) -> Bool {
        fills.withLock { fills in
            guard fill.isAbandoned || (beforeStart && !fill.hasListeners) else { return false }
            if fills[fill.key] === fill { fills[fill.key] = nil }
            return true
        }
    }

    func ended(_ fill: CollectionFill) {
        fills.withLock { fills in
            if fills[fill.key] === fill { fills[fill.key] = nil }
        }
    }
}
