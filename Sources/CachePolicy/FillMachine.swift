// The life of one fill: who may do what when, who listens to it, and who is to be woken. Pure: no file, no lock, no
// continuation.

package import DICOM

/// Whether a fill goes on when nobody listens to it any more.
package enum KeepFilling: String, Sendable, CaseIterable {
    case always, never
    /// When more than half of the announced length is there.
    case half
}

/// The states of a fill, and those that listen to it: clients' requests that wait for it or are being sent its bytes.
///
///     state      begin    admit, wrote   seal     finish    fail      next
///     opened     yes      refused        refused  –         yes       growing, failed
///     growing    refused  yes            yes      –         yes       sealed, failed
///     sealed     refused  refused        refused  yes       yes       finished, failed
///     finished   refused  refused        refused  –         ignored
///     failed     refused  refused        refused  ignored   ignored
///
/// A waiter is woken when its wish can be answered, and asks again. Events return the waiters to be woken, so that the
/// caller can do so outside its lock.
///
/// A body that cannot be kept passes through: some first bytes may lie in the file, the others lie in memory, from the
/// beginning as long as there is room. Once they are let go from the front, the object as a whole is not to be had. A fill that has not started yet (it waits for its turn) ends with its last listener.
package struct FillMachine<Waiter, Failure>: ~Copyable {
    /// What a waiter waits for.
    package enum Wish: Hashable, Sendable {
        case description
        /// Body bytes beyond this offset, or the end.
        case bytes(beyond: Int64)
        /// The object: published, or finished when it is not to be.
        case object
    }

    /// How far it is.
    package enum Phase {
        /// Nothing is known yet.
        case opened
        /// This many bytes are in the file.
        case growing(ObjectDescription, written: Int64)
        /// The body is whole; it is being made durable and published.
        case sealed(ObjectDescription, length: Int64)
        case finished(ObjectDescription, length: Int64)
        case failed(Failure)
    }

    /// Why an event was refused; the fill should be failed then.
    package enum Refusal: Error, Equatable, Sendable {
        /// The event does not belong into this phase.
        case outOfOrder
        case tooLarge(limit: Int64)
        /// More bytes than announced.
        case excess(expected: Int64)
        /// Fewer bytes than announced.
        case short(expected: Int64, got: Int64)
    }

    package private(set) var phase = Phase.opened
    /// The announced length of the body in bytes.
    package private(set) var expectedLength: Int64?
    /// Bytes that came, written or about to be.
    package private(set) var admitted: Int64 = 0
    /// Where the body goes on in memory, of one that passes through; nil while all of it goes into the file.
    package private(set) var memoryBegin: Int64?
    /// Whether what passes through is let go behind the slowest listener.
    package private(set) var isStreamOnly = false
    private var hasStarted = false
    /// Up to where each listener has taken the body, and where what it was given last ends.
    private var listeners: [Int: (taken: Int64, given: Int64)] = [:]
    private var lastListener = 0
    private var waiters: [Int: (wish: Wish, waiter: Waiter)] = [:]
    private let limit: Int64
    private let keepFilling: KeepFilling

    /// - Parameters:
    ///   - limit: the most bytes that the body may have.
    ///   - keepFilling: whether it goes on when the last listener leaves.
    package init(limit: Int64, keepFilling: KeepFilling = .always) {
        self.limit = limit
        self.keepFilling = keepFilling
    }

    // MARK: The filler's events

    /// A source is asked: what was begun may be worth ending even when nobody listens.
    package mutating func start() { hasStarted = true }

    /// The description is known.
    ///
    /// - Parameter isKept: false when none of it is: ``passThrough(failure:)`` follows.
    /// - Throws: ``Refusal``, also when the announced length is negative, or exceeds the limit of what is kept.
    package mutating func begin(
        _ description: ObjectDescription, expectedLength: Int64?, isKept: Bool = true
    ) throws(Refusal) -> [Waiter] {
        guard case .opened = phase, expectedLength ?? 0 >= 0 else { throw .outOfOrder }
        if isKept, let expectedLength, expectedLength > limit { throw .tooLarge(limit: limit) }
        self.expectedLength = expectedLength
        phase = .growing(description, written: 0)
        return wake()
    }

    /// `count` more bytes came and are about to be written.
    ///
    /// - Throws: ``Refusal`` when there are too many.
    package mutating func admit(_ count: Int) throws(Refusal) {
        guard case .growing = phase else { throw .outOfOrder }
        let (total, overflows) = admitted.addingReportingOverflow(Int64(count))
        guard !overflows, total <= limit || memoryBegin != nil else { throw .tooLarge(limit: limit) }
        if let expectedLength, total > expectedLength { throw .excess(expected: expectedLength) }
        admitted = total
    }

    /// What follows what was written so far is not kept.
    ///
    /// - Returns: whether nobody listens, so that the fill has failed.
    package mutating func passThrough(failure: @autoclosure () -> Failure) -> Bool {
        guard case .growing(_, let written) = phase, memoryBegin == nil else { return false }
        memoryBegin = written
        guard listeners.isEmpty else { return false }
        phase = .failed(failure())
        return true
    }

    /// There is no room for all that passes through. Wakes those that want the object.
    package mutating func letGoOfBeginning() -> [Waiter] {
        isStreamOnly = true
        return wake()
    }

    /// The first `length` bytes are there and may be read by anyone.
    package mutating func wrote(upTo length: Int64) -> [Waiter] {
        guard case .growing(let description, let written) = phase, length > written else { return [] }
        phase = .growing(description, written: min(length, admitted))
        return wake()
    }

    /// What is only known at the end, before ``seal()``.
    package mutating func amend(placeholders: Int, facts: InstanceFacts?) {
        guard case .growing(var description, let written) = phase else { return }
        description.placeholders = placeholders
        description.facts = facts ?? description.facts
        phase = .growing(description, written: written)
    }

    /// The body is whole, and all of it is in the file: followers may finish. Answers its length.
    ///
    /// - Throws: ``Refusal/short(expected:got:)`` when bytes are missing.
    package mutating func seal() throws(Refusal) -> (length: Int64, woken: [Waiter]) {
        guard case .growing(let description, let written) = phase, written == admitted else { throw .outOfOrder }
        if let expectedLength, written != expectedLength { throw .short(expected: expectedLength, got: written) }
        phase = .sealed(description, length: written)
        return (written, wake())
    }

    /// It is published, or will never be, and is as durable as it gets.
    package mutating func finish(_ description: ObjectDescription) -> [Waiter] {
        guard case .sealed(_, let length) = phase else { return [] }
        phase = .finished(description, length: length)
        return wake()
    }

    /// It ended without an object.
    package mutating func fail(_ failure: Failure) -> [Waiter] {
        switch phase {
        case .finished, .failed: return []
        case .opened, .growing, .sealed: phase = .failed(failure)
        }
        return wake()
    }

    // MARK: The listeners' events

    /// One more listener, from the body's beginning; nil when that is gone, or the fill has failed.
    package mutating func join() -> Int? {
        if case .failed = phase { return nil }
        if isStreamOnly { return nil }
        lastListener += 1
        listeners[lastListener] = (0, 0)
        return lastListener
    }

    /// A listener has taken what it was given, or needs nothing before that place. Answers how far it is.
    package mutating func take(upTo offset: Int64? = nil, id: Int) -> Int64 {
        guard let (_, given) = listeners[id] else { return 0 }
        let taken = max(given, offset ?? 0)
        listeners[id] = (taken, taken)
        return taken
    }

    /// A listener is handed the body up to there. It has not taken it before it asks again.
    package mutating func give(upTo offset: Int64, id: Int) { listeners[id]?.given = offset }

    /// What every listener has taken: the body up to there.
    package var slowest: Int64 { listeners.values.lazy.map { $0.taken }.min() ?? .max }

    /// A listener leaves. Without any, the fill fails unless it is worth going on.
    ///
    /// - Returns: whether it has failed by that: its filler should stop.
    package mutating func leave(id: Int, failure: @autoclosure () -> Failure) -> Bool {
        waiters[id] = nil
        guard listeners.removeValue(forKey: id) != nil, listeners.isEmpty, !isWorthGoingOn else { return false }
        phase = .failed(failure())
        return true
    }

    private var isWorthGoingOn: Bool {
        switch phase {
        case .sealed, .finished, .failed: return true
        case .opened, .growing: break
        }
        guard hasStarted, memoryBegin == nil else { return false }
        return switch keepFilling {
        case .always: true
        case .never: false
        case .half: expectedLength.map { admitted > $0 / 2 } ?? false
        }
    }

    /// Whether a wish can be answered now, by ``phase``.
    package func isDecided(_ wish: Wish) -> Bool {
        switch (phase, wish) {
        case (.failed, _), (.finished, _): true
        case (.opened, _): false
        case (_, .description): true
        case (.growing(_, let written), .bytes(let offset)): written > offset
        case (.sealed, .bytes): true
        case (_, .object) where isStreamOnly: true
        case (.sealed, .object) where memoryBegin != nil: true
        case (.growing, .object), (.sealed, .object): false
        }
    }

    /// Remembers a listener until its wish is decided; false when it is already. A listener has one wish at a time.
    package mutating func enqueue(_ wish: Wish, id: Int, waiter: Waiter) -> Bool {
        if isDecided(wish) { return false }
        waiters[id] = (wish, waiter)
        return true
    }

    /// The listener waits no longer. Answers its waiter if it was still waiting.
    package mutating func giveUp(id: Int) -> Waiter? { waiters.removeValue(forKey: id)?.waiter }

    /// Whether someone waits for bytes: they should be written at once then.
    package var hasHungryWaiter: Bool {
        waiters.values.contains { if case .bytes = $0.wish { true } else { false } }
    }

    private mutating func wake() -> [Waiter] {
        let woken = waiters.filter { isDecided($0.value.wish) }
        for id in woken.keys { waiters[id] = nil }
        return woken.values.map { $0.waiter }
    }
}
