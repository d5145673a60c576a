// The metadata of a whole series as one stored document: fetched once, answered as a whole and for each of its instances.
import CachePolicy
import DICOM
import DiskCache
import EventLoop
import FHIR
import HTTP
import HTTPServer
import StudyDirectory
import Upstream
import WADO

extension Gateway {
    /// A series' metadata: as it is stored, where a list vouches for it, else on its way from the archive.
    ///
    /// - Throws: ``Problem`` when no archive has begun to deliver.
    func seriesDocument(
        _ series: UID, of located: Located, from candidates: [EndpointChoice.Candidate], _ context: RequestContext
    ) async throws(Problem) -> Obtained {
        let seriesKey = SeriesKey(study: located.study, series: series)
        let key = ObjectKey(study: located.study, series: series, instance: nil, object: .metadata(.json))
        let vouched = await vouchedMemberships(located, series, from: candidates, context)?.first?.1
        var spare: StoredObject?
        if let vouched, let object = await cache.peek(key), object.description.etag == vouched.list.document {
            switch freshness(of: object.description, at: key, located.demand) {
            case .fresh: return .stored(object, .hit)
            case .renewing, .onlyInNeed: spare = object
            case .outdated: break
            }
        }
        do throws(Problem) {
            return try await renewedDocument(seriesKey, key, located, from: candidates, context)
        } catch {
            guard error.isOutage, let spare else { throw error }
            return .stored(spare, .stale)
        }
    }

    private func renewedDocument(
        _ series: SeriesKey, _ key: ObjectKey, _ located: Located, from candidates: [EndpointChoice.Candidate],
        _ context: RequestContext
    ) async throws(Problem) -> Obtained {
        if located.demand.isOnlyIfCached { throw .notStored }
        let opening: Opening
        do {
            opening = try await cache.open(key, epoch: located.demand.moment.epoch, accepting: { _ in false })
        } catch {
            throw Problem(error)
        }
        let follower: Follower
        var outcome = CacheOutcome.follow
        switch opening {
        case .hit(let object): return .stored(object, .hit)
        case .follow(let running):
            follower = running
            fillTurns.join(running.fill, as: context.account)
        case .fill(let writer, let own):
            follower = own
            outcome = .miss
            context.fillsBegun += 1
            let filler = SeriesDocumentFiller(
                gateway: self, writer: writer, series: series, candidates: candidates,
                moment: located.demand.moment, loop: context.loop)
            runInTurn(writer, context) { await filler.run() }
        }
        let description: ObjectDescription
        do { description = try await follower.description() } catch { throw Problem(error) }
        context.entry.backend = description.backend
        if outcome == .miss { context.entry.upstreamFirstByte = ContinuousClock.now - context.startedAt }
        return .filling(follower, description, outcome)
    }

    /// An instance's own data set in its series' document.
    func metadataInSeries(of target: InstanceTarget, _ demand: Demand) async -> Obtained? {
        let series = SeriesKey(study: target.study, series: target.series)
        let key = ObjectKey(study: target.study, series: target.series, instance: nil, object: .metadata(.json))
        guard let membership = await membership(of: series), let member = membership.member(target.instance),
            let place = member.metadata, let object = await cache.peek(key),
            object.description.etag == membership.list.document, place.range.upperBound <= object.length
        else { return nil }
        var description = object.description
        // It is not the series as a whole that is asked for: what is said of one instance holds as long as its epoch.
        description.expires = nil
        guard freshness(of: description, at: self.key(.metadata(.json), of: target), demand) == .fresh else {
            return nil
        }
        description.placeholders = place.placeholders
        description.etag += "-\(target.instance)"
        description.facts = member.facts(study: target.study, series: target.series)
        return .slice(object, place.range, description, .metadata(.json))
    }
}

/// Fetches one series' metadata. Unchecked because it runs as one task on one loop.
private final class SeriesDocumentFiller: @unchecked Sendable {
    private let gateway: Gateway
    private let writer: FillWriter
    private let series: SeriesKey
    private let candidates: [EndpointChoice.Candidate]
    private let moment: StudyMoment
    private let loop: EventLoop
    private var hasBegun = false
    private var report = FillReport(objectClass: ObjectClass.metadata(.json).word, result: .complete)

    init(
        gateway: Gateway, writer: FillWriter, series: SeriesKey, candidates: [EndpointChoice.Candidate],
        moment: StudyMoment, loop: EventLoop
    ) {
        self.gateway = gateway
        self.writer = writer
        self.series = series
        self.candidates = candidates
        self.moment = moment
        self.loop = loop
    }

    func run() async {
        let start = ContinuousClock.now
        do throws(Problem) {
            let (backend, members) = try await fillFromFirstAble()
            do { try await writer.commit() } catch { throw Problem(error) }
            if let members, let stored = writer.stored {
                let list = MembershipList(
                    source: .metadata, time: secondsSince1970(), members: members, document: stored.etag)
                await gateway.store(list, of: series, from: backend, at: moment)
            }
        } catch {
            writer.fail(FillFailure(error))
            report.result = error.fillResult
        }
        report.duration = ContinuousClock.now - start
        gateway.reports.fill(report, loop)
    }

    private func fillFromFirstAble() async throws(Problem) -> (String, [MembershipList.Member]?) {
        var problems: [Problem] = []
        for candidate in candidates {
            guard let base = candidate.base else { continue }
            do throws(Problem) {
                return try await fill(from: base)
            } catch {
                problems.append(error)
                guard error.allowsNextEndpoint, !hasBegun else { throw error }
            }
        }
        throw Problem(oneOf: problems)
    }

    /// - Returns: the members; nil when the archive has said that they are not all.
    private func fill(from base: HTTPURL) async throws(Problem) -> (String, [MembershipList.Member]?) {
        let path = "/studies/\(series.study)/series/\(series.series)/metadata"
        let (response, backend) = try await gateway.ask(
            base.appending(path: path, query: nil), accept: "application/dicom+json", asking: "metadata",
            as: .metadata, base: base, on: loop, clientAuthorization: nil)
        report.backend = backend.name
        // A part of the metadata is for one who is told so, and nothing to keep.
        guard response.head.status == 200 else { throw .partialDocument }
        var rewriter = JSONMetadataRewriter(
            expecting: .init(study: series.study, series: series.series), base: base, document: response.url,
            token: gateway.bulkTokenMaker(backend.name))
        let body = UpstreamBody(response)
        var members: [MembershipList.Member] = []
        let summary = try await Problem.reading(from: backend.name) {
            while let piece = try await body.next() {
                try await self.append(try rewriter.feed(piece), from: backend.name)
                members += rewriter.takeParts().map {
                    MembershipList.Member($0.facts, metadata: .init(range: $0.range, placeholders: $0.placeholders))
                }
            }
            return try rewriter.finish()
        }
        guard summary.dataSets > 0 else { throw .nothingThere }
        writer.amend(placeholders: summary.placeholders, facts: nil)
        let isWhole = Set(members.map(\.instance)).count == members.count
        return (backend.name, isWhole ? members : nil)
    }

    private func append(_ bytes: [UInt8], from backend: String) async throws(Problem) {
        if bytes.isEmpty { return }
        report.bytes += Int64(bytes.count)
        do throws(CacheError) {
            if !hasBegun {
                let description = gateway.stamped(
                    ObjectDescription(mediaType: "application/dicom+json", backend: backend, etag: newTag()),
                    as: writer.key, at: moment, by: nil)
                try await writer.begin(description, expectedLength: nil)
            }
            hasBegun = true
            try await writer.append(bytes)
        } catch {
            throw Problem(error)
        }
    }
}
