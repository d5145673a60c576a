// Filling the cache ahead of clients: what an operator names is collected as a client's request for it would be, by the
// cheapest plan, and nobody is answered.
package import DICOM
import DiskCache
package import EventLoop
import FHIR
import StudyDirectory
import Synchronization
import WADO

/// What is to be in the cache: a study, or one series of it.
package struct WarmTarget: Hashable, Sendable, CustomStringConvertible {
    package var study: UID
    package var series: UID?

    package init(study: UID, series: UID? = nil) {
        self.study = study
        self.series = series
    }

    /// "STUDY" or "STUDY/SERIES"; nil for anything else.
    package init?(_ text: some StringProtocol) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false).map { UID(String($0)) }
        guard (1...2).contains(parts.count), let study = parts[0], parts.count == 1 || parts[1] != nil else {
            return nil
        }
        self.init(study: study, series: parts.count == 2 ? parts[1] : nil)
    }

    package var description: String { study.string + (series.map { "/\($0)" } ?? "") }
}

/// How much is done at once, and how fast.
package struct WarmSettings: Sendable {
    /// Studies or series under way at once; at least 1.
    package var jobs: Int
    /// Bytes a second that archives are asked for at most, over all jobs; nil: no limit.
    package var bytesPerSecond: Int64?

    package init(jobs: Int = 2, bytesPerSecond: Int64? = nil) {
        self.jobs = jobs
        self.bytesPerSecond = bytesPerSecond
    }
}

/// How far one target is.
package struct WarmItem: Sendable {
    package enum State: Sendable {
        case waiting
        case running
        /// All of it is in the cache.
        case done
        /// A sentence for the operator; what came before is kept.
        case failed(String)
    }

    package var target: WarmTarget
    package var state = State.waiting
    /// Instances that are in the cache now.
    package var instances = 0
    /// Of these, how many were there already.
    package var present = 0
    /// How many there will be, as the study's record counts; nil when it does not.
    package var expected: Int?
    /// Bytes that came.
    package var fetchedBytes: Int64 = 0
    /// Bytes that were there already.
    package var presentBytes: Int64 = 0

    package init(target: WarmTarget) { self.target = target }
}

extension Gateway {
    /// Brings each target into the cache. A failure of one does not keep the others.
    ///
    /// - Parameters:
    ///   - loop: the one that this runs on.
    ///   - report: told of each item that has changed, now and then, and once when it has ended. While it is suspended nothing
    ///     is held back but further reports.
    /// - Throws: what `report` has thrown, which ends it all; so does a cancellation.
    package func warm<Failure: Error>(
        _ targets: [WarmTarget], _ settings: WarmSettings, on loop: EventLoop,
        report: (WarmItem) async throws(Failure) -> Void
    ) async throws(Failure) {
        let run = WarmRun(targets, on: loop)
        let errand = Errand(pace: settings.bytesPerSecond.map { Pace(bytesPerSecond: $0, on: loop) })
        let result: Result<Void, Failure> = await withTaskGroup(of: Void.self) { group in
            for _ in 0..<min(targets.count, max(1, settings.jobs)) {
                group.addTask {
                    while let place = run.next() { await self.warm(place, of: run, errand) }
                }
            }
            do throws(Failure) {
                var isOver = false
                while !isOver {
                    isOver = await run.somethingToReport()
                    for item in run.takeChanged() { try await report(item) }
                }
                return .success(())
            } catch {
                group.cancelAll()
                return .failure(error)
            }
        }
        try result.get()
    }

    private func warm(_ place: Int, of run: WarmRun, _ errand: Errand) async {
        do throws(Problem) {
            let (target, context) = (run.items[place].target, RequestContext(errand, on: run.loop))
            let located = try await locate(target, context)
            run.change(place) { $0.expected = located.expectedInstances }
            try await collect(target, located, context) { length, wasPresent in
                run.change(place) { $0.add(length, wasPresent: wasPresent) }
            }
            run.end(place, .done)
        } catch {
            run.end(place, .failed(Task.isCancelled ? "given up" : error.sentence))
        }
    }

    /// Finds the record and the endpoints, as for a client's request.
    func locate(_ target: WarmTarget, _ context: RequestContext) async throws(Problem) -> Located {
        try await resolve(target.request, context)
    }

    /// Brings one study or series into the cache.
    ///
    /// - Parameter each: told of each instance that is in the cache: its bytes, and whether it was there already. The next
    ///   one waits for its return where instances come one by one.
    func collect(
        _ target: WarmTarget, _ located: Located, _ context: RequestContext,
        each: @escaping (Int64, Bool) async throws(Problem) -> Void
    ) async throws(Problem) {
        try await collect(
            located, target.request, in: WarmTarget.asStored, into: StoringSink(gateway: self, stored: each), context)
    }
}

extension WarmTarget {
    fileprivate static let asStored = ["*"]

    /// What a client would ask who wants all of it, as it is stored.
    fileprivate var request: RetrieveRequest {
        RetrieveRequest(
            frontDoor: .wadoRS, study: study, series: series, resource: .dataSets,
            representation: .dataSets(syntaxes: Self.asStored, envelope: .multipart))
    }
}

extension WarmItem {
    fileprivate mutating func add(_ length: Int64, wasPresent: Bool) {
        instances += 1
        present += wasPresent ? 1 : 0
        if wasPresent { presentBytes += length } else { fetchedBytes += length }
    }
}

extension Located {
    /// How many instances the record counts; nil when it does not.
    fileprivate var expectedInstances: Int? {
        let all = resolution.record.series.filter { series == nil || $0.uid == series }
        let counts = all.map { $0.numberOfInstances ?? ($0.instances.isEmpty ? nil : $0.instances.count) }
        guard !counts.isEmpty, !counts.contains(nil) else { return nil }
        // The numbers are from outside.
        return counts.reduce(0) { $0 + min($1 ?? 0, 1_000_000) }
    }
}

/// Waits until each data set is in the cache as a whole.
private struct StoringSink: DataSetSink {
    let gateway: Gateway
    let stored: (Int64, Bool) async throws(Problem) -> Void

    func expect(_ outcome: CacheOutcome) {}

    func take(_ obtained: Obtained, of target: InstanceTarget) async throws(Problem) {
        guard obtained.outcome != .bypass else { throw .notKept }
        if gateway.prefetches.isStopped { throw .draining }
        let object = try await gateway.whole(obtained)
        try await stored(object.length, obtained.outcome == .hit)
    }

    func take(_ part: PartSource, _ check: DataSetCheck) async throws(Problem) { throw .notKept }
}

extension Problem {
    fileprivate static let draining = Problem(status: 503, "The gateway is stopping.")

    static let notKept = Problem(
        status: 403, "The archive gets the clients' own credentials, so nothing of it is kept.")
}

/// The items of one call. Unchecked because it is touched on its loop only.
private final class WarmRun: @unchecked Sendable {
    let loop: EventLoop
    private(set) var items: [WarmItem]
    private var begun = 0
    private var ended = 0
    private var changed: Set<Int> = []
    private var hasNews = false
    private var waiter: CheckedContinuation<Void, Never>?
    /// Between reports of items that go on.
    private static let interval = Duration.milliseconds(200)

    init(_ targets: [WarmTarget], on loop: EventLoop) {
        self.loop = loop
        items = targets.map { WarmItem(target: $0) }
    }

    /// The next item to begin with; nil when there is none, or it is over.
    func next() -> Int? {
        guard begun < items.count, !Task.isCancelled else {
            // Those that were never begun wait on.
            wake()
            return nil
        }
        defer { begun += 1 }
        items[begun].state = .running
        changed.insert(begun)
        return begun
    }

    func change(_ place: Int, _ body: (inout WarmItem) -> Void) {
        body(&items[place])
        changed.insert(place)
    }

    func end(_ place: Int, _ state: WarmItem.State) {
        items[place].state = state
        changed.insert(place)
        ended += 1
        wake()
    }

    private func wake() {
        hasNews = true
        waiter?.resume()
        waiter = nil
    }

    /// Suspends until an item has ended, or for a moment.
    ///
    /// - Returns: whether all have ended, or will never begin.
    func somethingToReport() async -> Bool {
        if !hasNews, !isOver {
            let timer = loop.schedule(after: Self.interval) { self.wake() }
            await withCheckedContinuation { waiter = $0 }
            timer.cancel()
        }
        hasNews = false
        return isOver
    }

    private var isOver: Bool { ended == items.count || (Task.isCancelled && ended == begun) }

    func takeChanged() -> [WarmItem] {
        defer { changed = [] }
        return changed.sorted().map { items[$0] }
    }
}
