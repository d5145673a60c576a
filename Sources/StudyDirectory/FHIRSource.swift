// A FHIR server as a source: what it said is remembered, each study is asked for once at a time, and its last answer
// serves while it is down. How it is asked is FHIRLookup's affair.
import DICOM
import EventLoop
import FHIR
import HTTP
import Synchronization

final class FHIRSource: StudySource {
    let name: String
    private let base: HTTPURL
    private let lookup: FHIRLookup
    private let limits: DirectoryLimits
    private let now: Clock
    private let kept: KeptRecords
    private let onChange: DirectoryChange
    private let maxStale: Duration
    private let freshFor: Duration
    private let state: Mutex<State>

    /// A record that is too old, and how to ask whether it still holds.
    private struct Known: Sendable {
        let record: StudyRecord
        let revalidation: Revalidation?

        init(_ record: StudyRecord, _ revalidation: Revalidation?) {
            self.record = record
            self.revalidation = revalidation
        }
    }

    private struct State {
        var cache: RecordCache
        /// Those who wait for a look-up under way, by study.
        var flights: [UID: [UInt64: CheckedContinuation<SourceAnswer?, Never>]] = [:]
        var lastTicket: UInt64 = 0
        /// The server could not be reached and is left alone until then.
        var down: (until: ContinuousClock.Instant, failure: SourceAnswer)?
    }

    init(
        name: String, settings: SourceSettings, base: HTTPURL, lookup: FHIRLookup, limits: DirectoryLimits,
        now: @escaping Clock, kept: @escaping KeptRecords, onChange: @escaping DirectoryChange
    ) {
        self.name = name
        self.base = base
        self.lookup = lookup
        self.limits = limits
        self.now = now
        self.kept = kept
        (maxStale, freshFor) = (settings.maxStale, settings.freshFor)
        self.onChange = onChange
        state = Mutex(State(cache: RecordCache(settings: settings, limits: limits)))
    }

    func cached(_ study: UID) -> SourceAnswer? {
        let now = now()
        return state.withLock { state in
            guard case .fresh(let content, let age) = state.cache.lookup(study, now: now) else { return nil }
            return answer(content, age: age)
        }
    }

    func answer(_ study: UID, on loop: EventLoop) async -> SourceAnswer {
        let now = now()
        let (known, down) = state.withLock { state in
            let known = state.cache.lookup(study, now: now)
            return (known, state.down.flatMap { $0.until > now ? $0.failure : nil })
        }
        switch known {
        case .fresh(let content, let age):
            return answer(content, age: age)
        case .stale(let record, let revalidation, let age):
            let last = SourceAnswer.found(resolution(record, isStale: true, age: age))
            if down != nil { return last }
            return await ask(study, Known(record, revalidation), last, on: loop)
        case .unknown:
            if let recalled = await recall(study) {
                let last = SourceAnswer.found(resolution(recalled.record, isStale: true, age: recalled.age))
                if down != nil { return last }
                return await ask(study, Known(recalled.record, nil), last, on: loop)
            }
            if let down { return down }
            return await fly(study, nil, patience: nil, on: loop) ?? .absent
        }
    }

    /// Asks the server; its last answer serves when it cannot be asked, or not in good time.
    private func ask(_ study: UID, _ known: Known, _ last: SourceAnswer, on loop: EventLoop) async -> SourceAnswer {
        switch await fly(study, known, patience: limits.patience, on: loop) {
        case .unavailable, nil: return last
        case .some(let answer): return answer
        }
    }

    /// What an earlier process knew, if it may still serve. It is remembered as too old to be used without asking: what the
    /// server has said since is not known.
    private func recall(_ study: UID) async -> KeptRecord? {
        guard var found = await kept(study, name) else { return nil }
        // A wall clock that was set back makes a record seem to be from the future.
        found.age = max(found.age, freshFor)
        guard found.age < maxStale else { return nil }
        let confirmed = now() - found.age
        state.withLock { state in
            // Somebody may have asked in the meantime.
            guard case .unknown = state.cache.lookup(study, now: confirmed + found.age) else { return }
            state.cache.store(.found(found.record, nil), of: study, now: confirmed)
        }
        return found
    }

    func records() -> [StudyRecord] { state.withLock { $0.cache.records } }

    func locate(instance: UID) -> (study: UID, series: UID)? {
        // Searched outside of the lock: the records are values, and there may be a million instances in them.
        for record in records() {
            for series in record.series where series.instances.contains(where: { $0.uid == instance }) {
                return (record.study, series.uid)
            }
        }
        return nil
    }

    func refresh() async {}

    // MARK: Look-ups under way

    /// Waits for the look-up of a study, beginning it if nobody has yet. It is a task of its own, so that it ends in good
    /// order whoever loses interest.
    ///
    /// - Parameter patience: nil waits to the end.
    /// - Returns: nil when the patience was not enough; the look-up goes on.
    private func fly(
        _ study: UID, _ known: Known?, patience: Duration?, on loop: EventLoop
    ) async -> SourceAnswer? {
        var timer: LoopTimer?
        let answer = await withCheckedContinuation { continuation in
            let (ticket, isFirst) = state.withLock { state in
                state.lastTicket += 1
                let isFirst = state.flights[study] == nil
                state.flights[study, default: [:]][state.lastTicket] = continuation
                return (state.lastTicket, isFirst)
            }
            if isFirst {
                loop.spawn { self.land(study, known, await self.lookup.find(study, known?.revalidation, on: loop)) }
            }
            if let patience {
                timer = loop.schedule(after: patience) {
                    self.state.withLock { $0.flights[study]?.removeValue(forKey: ticket) }?.resume(returning: nil)
                }
            }
        }
        timer?.cancel()
        return answer
    }

    /// Remembers what a look-up brought and tells those who wait.
    private func land(_ study: UID, _ known: Known?, _ outcome: FHIRLookup.Outcome) {
        let now = now()
        let (waiters, answer, hasChanged) = state.withLock { state in
            let before = state.cache.record(of: study)?.version ?? known?.record.version
            let answer = take(outcome, of: study, known, now: now, into: &state)
            // A failure leaves the old record in its place.
            let hasChanged =
                switch outcome {
                case .found(let record, _): before.map { $0 != record.version } ?? false
                case .absent, .conflicting: before != nil
                case .unchanged, .failed: false
                }
            return (state.flights.removeValue(forKey: study) ?? [:], answer, hasChanged)
        }
        if hasChanged { onChange(StudyChange(study: study, source: name, isOfFiles: false)) }
        for waiter in waiters.values { waiter.resume(returning: answer) }
    }

    private func take(
        _ outcome: FHIRLookup.Outcome, of study: UID, _ known: Known?, now: ContinuousClock.Instant,
        into state: inout State
    ) -> SourceAnswer {
        if case .failed = outcome {} else { state.down = nil }
        switch outcome {
        case .found(let record, let next):
            state.cache.store(.found(record, next), of: study, now: now)
            return .found(resolution(record, isStale: false, age: .zero))
        case .unchanged:
            guard let known else { return .absent }
            state.cache.store(.found(known.record, known.revalidation?.next), of: study, now: now)
            return .found(resolution(known.record, isStale: false, age: .zero))
        case .absent:
            state.cache.store(.absent, of: study, now: now)
            return .absent
        case .conflicting:
            state.cache.store(.conflicting, of: study, now: now)
            return .conflicting
        case .failed(let failure):
            let answer = SourceAnswer.unavailable(timedOut: failure.timedOut, detail: failure.detail)
            if failure.isUnreachable { state.down = (now + limits.downFor, answer) }
            return answer
        }
    }

    private func answer(_ content: RecordCache.Content, age: Duration) -> SourceAnswer {
        switch content {
        case .found(let record, _): .found(resolution(record, isStale: false, age: age))
        case .absent: .absent
        case .conflicting: .conflicting
        }
    }

    private func resolution(_ record: StudyRecord, isStale: Bool, age: Duration) -> Resolution {
        Resolution(record: record, source: name, isStale: isStale, age: age, base: base)
    }
}
