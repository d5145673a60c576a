// Which instances a series has, as far as the cache can vouch for it: lists that complete answers have left, read back, and
// held against what the archive and the record count now.
import CachePolicy
import DICOM
import DiskCache
import EventLoop
import FHIR
import Synchronization
import WADO

/// The list of a series' instances, as it is stored.
final class Membership: Sendable {
    let list: MembershipList
    let description: ObjectDescription
    private let places: [UID: Int]

    init(_ list: MembershipList, _ description: ObjectDescription) {
        self.list = list
        self.description = description
        places = Dictionary(
            list.members.enumerated().map { ($1.instance, $0) }, uniquingKeysWith: { first, _ in first })
    }

    func member(_ instance: UID) -> MembershipList.Member? { places[instance].map { list.members[$0] } }
}

/// Lists that were read lately, so that a request for one instance does not read its series' list anew. Bounded by
/// instances.
final class MembershipBook: Sendable {
    private struct State {
        var entries: [SeriesKey: (membership: Membership, lastUse: UInt64)] = [:]
        var instances = 0
        var uses: UInt64 = 0
        var syntaxes: [SeriesKey: UID] = [:]
    }

    /// About 200 bytes each.
    private static let limit = 100_000

    private let state = Mutex(State())

    /// - Parameter description: of the list as it is stored now.
    func membership(of series: SeriesKey, as description: ObjectDescription) -> Membership? {
        state.withLock { state in
            guard let entry = state.entries[series], entry.membership.description == description else { return nil }
            state.uses += 1
            state.entries[series]?.lastUse = state.uses
            return entry.membership
        }
    }

    /// The transfer syntax of an instance of the series, as it was fetched lately.
    func storedSyntax(in series: SeriesKey) -> UID? { state.withLock { $0.syntaxes[series] } }

    func note(storedSyntax syntax: UID, in series: SeriesKey) {
        state.withLock { state in
            // What is forgotten costs one instance to learn again.
            if state.syntaxes.count >= 4096 { state.syntaxes = [:] }
            state.syntaxes[series] = syntax
        }
    }

    func remember(_ membership: Membership, of series: SeriesKey) {
        state.withLock { state in
            state.uses += 1
            let old = state.entries.updateValue((membership, state.uses), forKey: series)
            state.instances += membership.list.members.count - (old?.membership.list.members.count ?? 0)
            while state.instances > Self.limit, state.entries.count > 1,
                let oldest = state.entries.min(by: { $0.value.lastUse < $1.value.lastUse })
            {
                state.entries[oldest.key] = nil
                state.instances -= oldest.value.membership.list.members.count
            }
        }
    }
}

extension Gateway {
    /// The list that is stored of a series, however old; nil when there is none that can be read.
    func membership(of series: SeriesKey) async -> Membership? {
        let key = ObjectKey(
            tenant: series.tenant, study: series.study, series: series.series, instance: nil, object: .members)
        guard let object = await cache.peek(key) else { return nil }
        if let known = memberships.membership(of: series, as: object.description) { return known }
        guard object.length <= MembershipList.sizeLimit,
            let bytes = try? await object.read(at: 0, length: Int(object.length)),
            let list = await workers.run({ MembershipList(decoding: bytes) })
        else {
            await cache.drop(object)
            return nil
        }
        let membership = Membership(list, object.description)
        memberships.remember(membership, of: series)
        return membership
    }

    /// Stores a list in place of the one that was there, whose further knowledge of the same instances is kept.
    func store(_ list: MembershipList, of series: SeriesKey, from backend: String, at moment: StudyMoment) async {
        let earlier = await membership(of: series)
        // An answer that took long must not undo what was learned since it began.
        if let earlier, earlier.description.epoch == moment.epoch, earlier.list.time > list.time { return }
        let list = earlier.map { list.completed(by: $0.list) } ?? list
        let key = ObjectKey(
            tenant: series.tenant, study: series.study, series: series.series, instance: nil, object: .members)
        guard list.members.count <= MembershipList.limit,
            case .fill(let writer, let own)? = try? await cache.open(key, accepting: { _ in false })
        else { return }
        writer.start()
        own.skip(to: .max)
        defer { own.leave() }
        let description = stamped(
            ObjectDescription(mediaType: "text/plain", backend: backend, etag: newTag()), as: key, at: moment, by: nil)
        do {
            try await writer.begin(description, expectedLength: nil)
            try await writer.append(list.encoded)
            try await writer.commit()
        } catch {
            // Without a list the series is asked for again.
            writer.fail(FillFailure(error))
        }
    }

    /// How long a list counts as fresh where nobody can say how many instances the series has now, in seconds.
    private static let unvouchedFreshness: Int64 = 60

    /// The list against which a series may be answered from the cache now; nil when it must be asked for anew.
    ///
    /// - Parameters:
    ///   - counts: what the archive counts now.
    ///   - record: the study's record, whose count decides where the archive cannot be asked.
    func vouched(
        _ series: SeriesKey, counts: SeriesCounts.Answer, record: StudyRecord, by choice: EndpointChoice,
        _ demand: Demand, _ context: RequestContext
    ) async -> Membership? {
        guard let membership = await membership(of: series), membership.description.epoch == demand.moment.epoch,
            membership.description.storedAt >= demand.renewedSince ?? 0
        else { return nil }
        let count = membership.list.members.count
        switch counts {
        case .counted(let counts):
            guard counts[series.series] == count else { return nil }
            return await renewed(membership, of: series, by: choice, demand, context)
        case .unreachable:
            if !demand.isOnlyIfCached {
                context.warn("299 wadogate: the archive cannot be asked whether the series has grown")
            }
            return membership
        case .uncounted:
            let recorded = record.series.first { $0.uid == series.series }?.numberOfInstances
            if recorded == count { return membership }
            let isYoung = secondsSince1970() - membership.list.time < Self.unvouchedFreshness
            let isOfThisRecord = recorded == nil || membership.description.recordVersion == record.version
            return isYoung && isOfThisRecord ? membership : nil
        }
    }

    /// An equal number may be that of other instances: now and then the archive is asked for their names too.
    private func renewed(
        _ membership: Membership, of series: SeriesKey, by choice: EndpointChoice, _ demand: Demand,
        _ context: RequestContext
    ) async -> Membership? {
        if let expires = membership.description.expires, secondsSince1970() < expires { return membership }
        guard let listed = try? await listing(of: series.study, series.series, by: choice, context),
            let instances = listed.first(where: { $0.uid == series.series })?.instances
        else { return nil }
        let list = MembershipList(
            source: .search, time: secondsSince1970(),
            members: instances.map { MembershipList.Member(instance: $0.uid, sopClass: $0.sopClass) })
        guard list.hasSameInstances(as: membership.list) else { return nil }
        await store(list, of: series, from: membership.description.backend, at: demand.moment)
        return await self.membership(of: series) ?? membership
    }
}
