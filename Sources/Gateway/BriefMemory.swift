// What is worth knowing for a few seconds only. Knows nothing of what it holds.
import CachePolicy
import EventLoop
import FHIR
import HTTP
import Synchronization

/// A bounded table of values that are forgotten after a while.
final class BriefMemory<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    private struct Entry {
        let value: Value
        let until: ContinuousClock.Instant
    }

    private let entries = Mutex<[Key: Entry]>([:])
    private let lifetime: Duration
    private let capacity: Int

    /// - Parameter lifetime: zero remembers nothing.
    init(lifetime: Duration, capacity: Int = 10_000) {
        self.lifetime = lifetime
        self.capacity = capacity
    }

    func remember(_ value: Value, for key: Key, at now: ContinuousClock.Instant) {
        guard lifetime > .zero else { return }
        entries.withLock { entries in
            if entries.count >= capacity { entries = entries.filter { $0.value.until > now } }
            // Full of what is still true: to know nothing costs a request each, and no memory.
            if entries.count >= capacity { entries = [:] }
            entries[key] = Entry(value: value, until: now + lifetime)
        }
    }

    func value(for key: Key, at now: ContinuousClock.Instant) -> Value? {
        entries.withLock { $0[key].flatMap { $0.until > now ? $0.value : nil } }
    }
}

/// A question to which backends have said that there is no such thing. Another version of the study is another question, and so
/// is the same object asked for in terms of another resource, or of other endpoints.
struct AbsentObject: Hashable, Sendable {
    let key: ObjectKey
    let moment: StudyMoment
    let translates: Bool
    let endpoints: [String]

    init(_ key: ObjectKey, at moment: StudyMoment, translates: Bool, from choice: EndpointChoice) {
        (self.key, self.moment, self.translates) = (key, moment, translates)
        endpoints = choice.candidates.map { "\($0.type.code) \($0.base?.description ?? $0.endpoint.address)" }
    }
}
