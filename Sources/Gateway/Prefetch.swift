// Reading ahead: when a viewer has opened a series, the rest of it is brought into the cache in the background. Clients come
// first: it asks an archive only while nobody waits for one of its connections and at least half of them are free.
import CachePolicy
import DICOM
import DiskCache
import EventLoop
import FHIR
import HTTP
import Synchronization
import Upstream
import WADO

/// What prefetching has come to since the start.
package struct PrefetchCounters: Sendable, Equatable {
    /// Series that were begun.
    package var begun = 0
    /// Of these, those that ended with all of the series in the cache.
    package var completed = 0
    /// Those that ended early: an archive failed, the series was purged or evicted, or the gateway drains.
    package var stopped = 0
    /// Bytes that were fetched.
    package var bytes: Int64 = 0

    package init() {}
}

/// The series that are being prefetched, those that wait for it, and those that were lately; process-wide.
final class Prefetches: Sendable {
    struct Order {
        let series: SeriesKey
        let loop: EventLoop
    }

    private struct State {
        var running: [SeriesKey: Task<Void, Never>?] = [:]
        var waiting: [Order] = []
        /// Until when a series is not begun again.
        var lately: [SeriesKey: ContinuousClock.Instant] = [:]
        var isStopped = false
        var counters = PrefetchCounters()
    }

    /// Series at once.
    private static let atOnce = 2
    /// Viewers that open more than that have outrun it anyway.
    private static let mostWaiting = 64
    /// Every frame that a viewer asks for would begin it anew.
    private static let rest = Duration.seconds(600)
    private static let mostRemembered = 4096

    private let state = Mutex(State())

    var isStopped: Bool { state.withLock { $0.isStopped } }

    var counters: PrefetchCounters { state.withLock { $0.counters } }

    /// Takes an order, once for each series and while.
    func add(_ order: Order, start: @Sendable (Order) -> Void) {
        let now = ContinuousClock.now
        let isNew = state.withLock { state in
            guard !state.isStopped, state.lately[order.series].map({ $0 <= now }) ?? true,
                state.waiting.count < Self.mostWaiting
            else { return false }
            if state.lately.count >= Self.mostRemembered { state.lately = state.lately.filter { $0.value > now } }
            if state.lately.count >= Self.mostRemembered { return false }
            state.lately[order.series] = now + Self.rest
            state.waiting.append(order)
            return true
        }
        if isNew { startNext(start) }
    }

    /// Begins with those that wait, as many as may run.
    func startNext(_ start: (Order) -> Void) {
        while let order = take() { start(order) }
    }

    private func take() -> Order? {
        state.withLock { state in
            guard !state.isStopped, state.running.count < Self.atOnce, !state.waiting.isEmpty else { return nil }
            let order = state.waiting.removeFirst()
            state.running[order.series] = .some(nil)
            state.counters.begun += 1
            return order
        }
    }

    func started(_ series: SeriesKey, _ task: Task<Void, Never>) {
        let mustCancel = state.withLock { state in
            // It may have ended already.
            if state.running[series] != nil { state.running[series] = task }
            return state.isStopped
        }
        if mustCancel { task.cancel() }
    }

    func fetched(_ bytes: Int64) { state.withLock { $0.counters.bytes += bytes } }

    /// - Parameter wasRemoved: a series that was evicted may be opened again at once.
    func ended(_ series: SeriesKey, isComplete: Bool, wasRemoved: Bool) {
        state.withLock { state in
            state.running[series] = nil
            if isComplete { state.counters.completed += 1 } else { state.counters.stopped += 1 }
            if wasRemoved { state.lately[series] = nil }
        }
    }

    /// Nothing is begun any more, and what runs ends after its present instance.
    func stop() {
        let tasks = state.withLock { state in
            state.isStopped = true
            state.waiting = []
            return state.running.values.compactMap { $0 }
        }
        for task in tasks { task.cancel() }
    }
}

extension Gateway {
    /// For a gateway that drains: warming and prefetching end after their present instances.
    package func stopErrands() { prefetches.stop() }

    package var prefetchCounters: PrefetchCounters { prefetches.counters }

    /// A request was answered: where it shows that a viewer has opened a series, the rest of it follows.
    func noteOpened(_ request: RetrieveRequest, _ context: RequestContext) {
        guard settings.prefetchesSeries, request.opensSeries, let study = context.entry.study,
            let series = context.entry.series
        else { return }
        prefetches.add(.init(series: SeriesKey(study: study, series: series), loop: context.loop)) { start($0) }
    }

    private func start(_ order: Prefetches.Order) {
        let task = order.loop.spawn {
            await self.prefetch(order)
            self.prefetches.startNext { self.start($0) }
        }
        prefetches.started(order.series, task)
    }

    private func prefetch(_ order: Prefetches.Order) async {
        let watch = cache.watch(order.series)
        let context = RequestContext(Errand(instancesAtOnce: 1), on: order.loop)
        do throws(Problem) {
            let target = WarmTarget(study: order.series.study, series: order.series.series)
            let located = try await locate(target, context)
            guard let base = located.choice.candidates.lazy.compactMap(\.base).first else {
                // A folder of files is as near as the cache.
                throw .notKept
            }
            var moment = try await quietMoment(of: base, watch, on: order.loop)
            try await collect(target, located, context) { length, wasPresent throws(Problem) in
                if !wasPresent { self.prefetches.fetched(length) }
                moment.end()
                moment = try await self.quietMoment(of: base, watch, on: order.loop)
            }
            moment.end()
            prefetches.ended(order.series, isComplete: true, wasRemoved: false)
        } catch {
            prefetches.ended(order.series, isComplete: false, wasRemoved: !watch.isUntouched)
        }
    }

    /// Waits until no client waits for the archive and half of its connections are free.
    ///
    /// - Throws: ``Problem`` when the series was purged or evicted meanwhile, or the gateway drains.
    private func quietMoment(
        of base: HTTPURL, _ watch: SeriesWatch, on loop: EventLoop
    ) async throws(Problem) -> QuietMoment {
        guard let moment = await upstream.quietMoment(of: base, on: loop), watch.isUntouched, !Task.isCancelled else {
            throw .clientGone
        }
        return moment
    }
}

extension RetrieveRequest {
    /// Whether viewers ask this when they open a series: for metadata of it, or for a first frame.
    fileprivate var opensSeries: Bool {
        switch resource {
        case .metadata: true
        case .frames(let frames): frames.contains(1)
        case .dataSets, .rendered, .thumbnail, .bulk, .pixelData, .bulkData: false
        }
    }
}
