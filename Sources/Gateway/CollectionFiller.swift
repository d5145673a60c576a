// Reads an archive's answer for a whole series or study, and makes an object of the cache of each instance in it. Runs on its
// own, whoever listens.
import CachePolicy
import DICOM
import DiskCache
import EventLoop
import FHIR
import HTTP
import StudyDirectory
import Upstream
import WADO

/// One collection's fill. Unchecked because it runs as one task on one loop.
final class CollectionFiller: @unchecked Sendable {
    private let gateway: Gateway
    private let fill: CollectionFill
    private let candidates: [EndpointChoice.Candidate]
    private let record: StudyRecord
    private let demand: Demand
    private let loop: EventLoop
    /// Of the errand that began it.
    private let pace: Pace?
    private var seen: Set<UID> = []
    private var isPartial = false
    private var askedAt: Int64 = 0
    private let commits = CommitsUnderWay()
    private let watch: StudyWatch

    init(
        gateway: Gateway, fill: CollectionFill, candidates: [EndpointChoice.Candidate], record: StudyRecord,
        demand: Demand, loop: EventLoop, pace: Pace? = nil
    ) {
        self.gateway = gateway
        self.fill = fill
        self.candidates = candidates
        self.record = record
        self.demand = demand
        self.loop = loop
        watch = gateway.cache.watch(fill.key.study)
        self.pace = pace
    }

    func run() async {
        do throws(Problem) {
            // All may have left while it waited for its turn: nothing has been asked yet.
            if gateway.collectionFills.endIfAbandoned(fill, beforeStart: true) { throw .clientGone }
            let backend = try await fillFromFirstAble()
            await commits.end(below: 1)
            if !isPartial, watch.isIntact { await storeMembership(from: backend) }
            fill.end(.success(()))
        } catch {
            fill.end(.failure(error))
        }
        gateway.collectionFills.ended(fill)
        await forgetWhatWasPurged()
    }

    /// What a purge has taken must not come back with the rest of an answer that began before it: those who listen have it,
    /// and the cache lets it go.
    private func forgetWhatWasPurged() async {
        guard !watch.isIntact else { return }
        await commits.end(below: 1)
        for series in Set(fill.members.map(\.target.series)) {
            _ = await gateway.cache.purge(study: fill.key.study, series: series)
        }
    }

    /// Goes on with the next archive where one fails half-way: what is there already is passed over.
    private func fillFromFirstAble() async throws(Problem) -> String {
        var problems: [Problem] = []
        for candidate in candidates {
            guard let base = candidate.base else { continue }
            do throws(Problem) {
                return try await fill(from: base)
            } catch {
                problems.append(error)
                guard error.allowsNextEndpoint else { throw error }
            }
        }
        throw Problem(oneOf: problems)
    }

    private func fill(from base: HTTPURL) async throws(Problem) -> String {
        let key = fill.key
        let path = "/studies/\(key.study)" + (key.series.map { "/series/\($0)" } ?? "")
        let asked = try await gateway.ask(
            base.appending(path: path, query: nil),
            accept: "multipart/related; type=\"application/dicom\"; transfer-syntax=\(key.syntax)",
            asking: key.series == nil ? "study" : "series", as: nil, base: base, on: loop, clientAuthorization: nil)
        // What the archive holds is told as of now, however long the telling takes.
        askedAt = secondsSince1970()
        if asked.response.head.status == 206 {
            // Those who listen already were promised a whole.
            guard fill.members.isEmpty else {
                throw .badBody(from: asked.backend.name, "only a part of what was asked for")
            }
            isPartial = true
        }
        let backend = asked.backend.name
        fill.began(at: backend, isPartial: isPartial)
        let parts = PartSource(
            body: UpstreamBody(asked.response), fields: asked.response.head.fields, backend: backend)
        while try await parts.nextPart() != nil {
            try await take(parts, from: backend)
            if gateway.collectionFills.endIfAbandoned(fill) { throw .clientGone }
            // Who asks after a purge gets an answer that begins after it.
            if !watch.isIntact { gateway.collectionFills.ended(fill) }
        }
        return backend
    }

    // MARK: One part

    private func take(_ parts: PartSource, from backend: String) async throws(Problem) {
        var head = try await DataSetHead(of: parts, backend: backend)
        let facts = head.facts
        guard facts.study == fill.key.study, fill.key.series.map({ $0 == facts.series }) ?? true else {
            throw .badBody(
                from: backend, "an instance of another study or series than the one asked for",
                detail: "\(facts.study) \(facts.series) \(facts.instance)")
        }
        guard seen.insert(facts.instance).inserted else {
            // Named twice, or sent again by the archive that goes on for another.
            try await head.skip(parts)
            return
        }
        let syntax = facts.transferSyntax?.string
        let object = ObjectClass.instance(syntax: fill.key.syntax == "*" ? ObjectClass.stored : fill.key.syntax)
        if fill.key.syntax != "*", syntax != fill.key.syntax {
            throw .notAcceptable(
                have: ObjectDescription(mediaType: "application/dicom", transferSyntax: syntax, backend: backend))
        }
        let target = InstanceTarget(study: facts.study, series: facts.series, instance: facts.instance)
        func member(isFetched: Bool) -> CollectionFill.Member {
            CollectionFill.Member(target: target, facts: facts, object: object, isFetched: isFetched)
        }
        let key = gateway.key(object, of: target)
        guard case .fill(let writer, let own) = try await gateway.opening(key, demand) else {
            fill.append(member(isFetched: false))
            try await head.skip(parts)
            return
        }
        // Wanted as long as the collection is, whoever has come to it already.
        writer.start()
        own.skip(to: .max)
        let description = gateway.stamped(
            ObjectDescription(
                mediaType: "application/dicom", transferSyntax: syntax, backend: backend, etag: newTag(), facts: facts),
            as: key, at: demand.moment, by: nil)
        let start = ContinuousClock.now
        var report = FillReport(objectClass: object.word, backend: backend, result: .failed)
        do throws(Problem) {
            report.bytes = try await write(&head, of: parts, into: writer, description) {
                self.fill.append(member(isFetched: true))
            }
        } catch {
            writer.fail(FillFailure(error))
            report.duration = ContinuousClock.now - start
            gateway.reports.fill(report, loop)
            throw error
        }
        // Making it durable takes longer than reading the next one.
        await commits.end(below: CommitsUnderWay.limit)
        commits.began()
        let (commits, loop, reports, received) = (commits, loop, gateway.reports, report)
        loop.spawn {
            var report = received
            if (try? await writer.commit()) != nil { report.result = .complete }
            report.duration = ContinuousClock.now - start
            reports.fill(report, loop)
            own.leave()
            commits.ended()
        }
    }

    /// - Returns: how many bytes came.
    private func write(
        _ head: inout DataSetHead, of parts: PartSource, into writer: FillWriter, _ description: ObjectDescription,
        whenBegun: () -> Void
    ) async throws(Problem) -> Int64 {
        var count: Int64 = 0
        do throws(CacheError) {
            try await writer.begin(description, expectedLength: nil)
            whenBegun()
            let bytes = head.takeBytes()
            count += Int64(bytes.count)
            try await writer.append(bytes)
        } catch {
            throw Problem(error)
        }
        while let piece = try await head.next(of: parts) {
            count += Int64(piece.count)
            do { try await writer.append(piece) } catch { throw Problem(error) }
            // Who waits for it beside the errand is not held back.
            if !fill.hasOtherListeners { await pace?.took(piece.count) }
        }
        return count
    }

    // MARK: The end

    /// The closing boundary has been seen: what came is all there is.
    private func storeMembership(from backend: String) async {
        let members = fill.members
        var order: [UID] = []
        var series: [UID: [MembershipList.Member]] = [:]
        for member in members {
            if series[member.target.series] == nil { order.append(member.target.series) }
            var entry = MembershipList.Member(member.facts)
            // A transcoded part does not tell how the archive stores it.
            if fill.key.syntax != "*" { entry.transferSyntax = nil }
            series[member.target.series, default: []].append(entry)
        }
        for uid in order {
            let list = MembershipList(source: .answer, time: askedAt, members: series[uid] ?? [])
            await gateway.store(
                list, of: SeriesKey(study: fill.key.study, series: uid), from: backend, at: demand.moment)
        }
    }
}

/// The beginning of a Part 10 file, read until it is known whose it is.
struct DataSetHead {
    let facts: InstanceFacts
    private var bytes: [UInt8]
    private var hasEnded = false

    /// - Throws: ``Problem`` 502 for what is no Part 10 file.
    init(of parts: PartSource, backend: String) async throws(Problem) {
        var reader = Part10HeadReader(toleratesOtherFileMeta: true)
        var held: [UInt8] = []
        while let piece = try await parts.nextBytes() {
            held += piece
            let outcome: Part10HeadReader.Outcome
            do { outcome = try reader.feed(piece) } catch { throw Problem(error, from: backend) }
            if case .facts(let found) = outcome {
                facts = found
                bytes = held
                return
            }
        }
        do { facts = try reader.finish() } catch { throw Problem(error, from: backend) }
        bytes = held
        hasEnded = true
    }

    /// The next bytes behind ``takeBytes()``; nil at the part's end.
    mutating func next(of parts: PartSource) async throws(Problem) -> [UInt8]? {
        if hasEnded { return nil }
        let piece = try await parts.nextBytes()
        hasEnded = piece == nil
        return piece
    }

    /// Reads the part to its end.
    mutating func skip(_ parts: PartSource) async throws(Problem) {
        while try await next(of: parts) != nil {}
    }

    /// What was read of it so far; once.
    mutating func takeBytes() -> [UInt8] {
        defer { bytes = [] }
        return bytes
    }
}

/// Counts the instances of one collection that are being made durable: a few at a time, since each holds a descriptor.
private final class CommitsUnderWay: @unchecked Sendable {
    // Unchecked: touched on its filler's loop only.
    static let limit = 8

    private var count = 0
    private var waiter: (below: Int, continuation: CheckedContinuation<Void, Never>)?

    func began() { count += 1 }

    func ended() {
        count -= 1
        guard let waiting = waiter, count < waiting.below else { return }
        waiter = nil
        waiting.continuation.resume()
    }

    /// Suspends until fewer than that are under way.
    func end(below: Int) async {
        guard count >= below else { return }
        await withCheckedContinuation { waiter = (below, $0) }
    }
}
