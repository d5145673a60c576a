// The life of one fill: who may do what when, and who is to be woken. Pure: no file, no lock, no continuation.

package import DICOM

/// The states of a fill, and those that wait for it.
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
package struct FillMachine<Waiter, Failure>: ~Copyable {
    /// What a waiter waits for.
    package enum Wish: Hashable, Sendable {
        case description
        /// Body bytes beyond this offset, or the end.
        case bytes(beyond: Int64)
        /// Being published, or finished when it is not to be.
        case finish
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
    private var admitted: Int64 = 0
    private var waiters: [Int: (wish: Wish, waiter: Waiter)] = [:]
    private let limit: Int64

    /// - Parameter limit: the most bytes that the body may have.
    package init(limit: Int64) { self.limit = limit }

    // MARK: The filler's events

    /// The description is known.
    ///
    /// - Throws: ``Refusal``, also when the announced length exceeds the limit or is negative.
    package mutating func begin(
        _ description: ObjectDescription, expectedLength: Int64?
    ) throws(Refusal) -> [Waiter] {
        guard case .opened = phase else { throw .outOfOrder }
        if let expectedLength, expectedLength > limit || expectedLength < 0 { throw .tooLarge(limit: limit) }
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
        guard !overflows, total <= limit else { throw .tooLarge(limit: limit) }
        if let expectedLength, total > expectedLength { throw .excess(expected: expectedLength) }
        admitted = total
    }

    /// The first `length` bytes are in the file and may be read by anyone.
    package mutating func wrote(upTo length: Int64) -> [Waiter] {
        guard case .growing(let description, let written) = phase, length > written else { return [] }
        phase = .growing(description, written: min(length, admitted))
        return wake()
    }

    /// What is only known at the end, before ``seal()``.
    package mutating func amend(placeholders: Int, facts: InstanceFacts) {
        guard case .growing(var description, let written) = phase else { return }
        description.placeholders = placeholders
        description.facts = facts
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

    // MARK: The followers' events

    /// Whether a wish can be answered now, by ``phase``.
    package func isDecided(_ wish: Wish) -> Bool {
        switch (phase, wish) {
        case (.failed, _), (.finished, _): true
        case (.opened, _): false
        case (_, .description): true
        case (.growing(_, let written), .bytes(let offset)): written > offset
        case (.sealed, .bytes): true
        case (.growing, .finish), (.sealed, .finish): false
        }
    }

    /// Remembers a waiter until its wish is decided; false when it is already. `id` is the caller's, unique to the fill.
    package mutating func enqueue(_ wish: Wish, id: Int, waiter: Waiter) -> Bool {
        if isDecided(wish) { return false }
        waiters[id] = (wish, waiter)
        return true
    }

    /// The waiter leaves. Answers it if it was still waiting.
    package mutating func leave(id: Int) -> Waiter? { waiters.removeValue(forKey: id)?.waiter }

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
