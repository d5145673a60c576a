// The data sets of whole studies and series: from the cache where it can vouch for all of them, else from the archive's whole
// answer, which becomes objects of the cache while it is delivered.
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

/// Takes the data sets of a study or series, one after the other.
protocol DataSetSink {
    /// What some of them will cost, before the first.
    func expect(_ outcome: CacheOutcome)
    /// One in the cache or on its way there.
    func take(_ obtained: Obtained, of target: InstanceTarget) async throws(Problem)
    /// One of an archive that gets the client's own credentials; nothing of it is kept.
    func take(_ part: PartSource, _ check: DataSetCheck) async throws(Problem)
}

extension PartSink: DataSetSink {
    func take(_ obtained: Obtained, of target: InstanceTarget) async throws(Problem) {
        try await send(obtained, target: target)
    }

    func take(_ part: PartSource, _ check: DataSetCheck) async throws(Problem) { try await send(part, check: check) }
}

extension Gateway {
    /// What an archive answers as a whole: on its way into the cache, or for one client alone.
    private enum WholeAnswer {
        case shared(CollectionFill, isNew: Bool)
        case own(UpstreamResponse, Backend, series: UID?)
    }

    func streamDataSets(
        _ located: Located, _ request: RetrieveRequest, _ context: RequestContext
    ) async throws(Problem) {
        guard case .dataSets(let syntaxes, let envelope) = request.representation, envelope != .single else {
            throw Problem(
                status: 406,
                "A study or series is answered as multipart/related; type=\"application/dicom\", which the request does "
                    + "not accept.")
        }
        let sink = PartSink(
            gateway: self, context: context, located: located, type: "application/dicom", objectClass: "instance")
        try await collect(located, request, in: syntaxes, into: sink, context)
        try await sink.finish()
    }

    /// Has a sink take every data set of a study or series as it comes to be had: from the cache, out of an archive's whole
    /// answer, or one by one.
    func collect(
        _ located: Located, _ request: RetrieveRequest, in syntaxes: [String], into sink: some DataSetSink,
        _ context: RequestContext
    ) async throws(Problem) {
        for source in try await plan(located, series: located.series, request.way, context).sources {
            if let (members, missing) = await heldMembers(of: source, located, request, context) {
                if missing > 0 { sink.expect(.miss) }
                try await send(members, to: sink, context)
                continue
            }
            let opened = try await open(source, of: located, request, context) { candidates, series throws(Problem) in
                try await wholeAnswer(located, series, from: candidates, in: syntaxes, request, context)
            }
            switch opened {
            case .whole(.shared(let fill, let isNew)):
                // Where an errand is given up, what has not come yet is of no use to it.
                // A HEAD has had what it wanted.
                defer { fill.left(isOfUse: !(context.isErrand ? Task.isCancelled : context.isHead)) }
                try await send(fill, isNew: isNew, located, request, to: sink, context)
            case .whole(.own(let response, let backend, let series)):
                let parts = PartSource(
                    body: UpstreamBody(response), fields: response.head.fields, backend: backend.name)
                let check = DataSetCheck(
                    study: located.study, series: series, syntaxes: syntaxes, backend: backend.name)
                while try await parts.nextPart() != nil { try await sink.take(parts, check) }
            case .members(let members): try await send(members, to: sink, context)
            }
        }
    }

    private func send(
        _ members: [CollectionMember], to sink: some DataSetSink, _ context: RequestContext
    ) async throws(Problem) {
        try await each(of: members, atMost: context.errand.instancesAtOnce) { member throws(Problem) in
            guard let variants = member.request.objects?.first else { throw .unproven }
            return (member, try await self.obtain(variants, of: member, context))
        } deliver: { member, obtained throws(Problem) in
            try await sink.take(obtained, of: member.target)
        }
    }

    func obtain(
        _ variants: [ObjectClass], of member: CollectionMember, _ context: RequestContext
    ) async throws(Problem) -> Obtained {
        try await obtain(variants, of: member.target, member.located, member.request, context)
    }

    // MARK: From the cache

    /// The members of what one archive would answer as a whole, when there is a list to vouch for them and most of them are
    /// here, and how many are not: those are then fetched one by one. One request for all is cheaper where half of them are missing.
    private func heldMembers(
        of source: CollectionPlan.Source, _ located: Located, _ request: RetrieveRequest, _ context: RequestContext
    ) async -> (members: [CollectionMember], missing: Int)? {
        guard case .collection(let candidates, let series) = source, !passesClientCredentials(candidates),
            let memberships = await vouchedMemberships(located, series, from: candidates, context)
        else { return nil }
        var members: [CollectionMember] = []
        for (uid, membership) in memberships {
            let instances = membership.list.members.map {
                StudyRecord.Instance(uid: $0.instance, sopClass: $0.sopClass)
            }
            let choice = choice(in: located.resolution, series: uid).only(candidates)
            members +=
                CollectionPlan.Source.instances(instances, series: uid, choice).members(of: located, request) ?? []
        }
        let missing = await cache.missing(
            members.map { member in
                let forms = (member.request.objects?.first ?? []) + [.instance(syntax: ObjectClass.stored)]
                return forms.map { key($0, of: member.target) }
            })
        return missing * 2 < members.count ? (members, missing) : nil
    }

    /// The lists of a series, or of each series of a study, when there is one of each that holds now.
    func vouchedMemberships(
        _ located: Located, _ series: UID?, from candidates: [EndpointChoice.Candidate], _ context: RequestContext
    ) async -> [(UID, Membership)]? {
        let record = located.resolution.record
        let expected = series.map { [$0] } ?? record.series.map(\.uid)
        // Where there is no list, nothing needs to be asked.
        for uid in expected {
            guard await membership(of: SeriesKey(study: located.study, series: uid)) != nil else { return nil }
        }
        let choice = choice(in: located.resolution, series: series).only(candidates)
        // Who may not ask takes the lists at their word.
        let counts =
            located.demand.isOnlyIfCached ? .unreachable : await counts(of: located.study, by: choice, context)
        var uids = expected
        if series == nil {
            switch counts {
            case .counted(let counted):
                uids = expected.filter { counted[$0] != nil }
                uids += counted.keys.filter { !expected.contains($0) }.sorted()
            case .unreachable: break
            // The record may lag behind the archive: that these are all of its series nobody has said.
            case .uncounted: return nil
            }
            if uids.isEmpty { return nil }
        }
        var memberships: [(UID, Membership)] = []
        for uid in uids {
            let key = SeriesKey(study: located.study, series: uid)
            guard
                let membership = await vouched(
                    key, counts: counts, record: record, by: choice, located.demand, context)
            else { return nil }
            memberships.append((uid, membership))
        }
        return memberships
    }

    // MARK: From an archive

    /// Asks for a study or series as it is stored; where the archive refuses that, or what it stores is of no use to the
    /// client, in the transfer syntaxes that the client names.
    private func wholeAnswer(
        _ located: Located, _ series: UID?, from candidates: [EndpointChoice.Candidate], in syntaxes: [String],
        _ request: RetrieveRequest, _ context: RequestContext
    ) async throws(Problem) -> WholeAnswer {
        if passesClientCredentials(candidates) {
            // An errand has none to pass on.
            if context.isErrand { throw .notKept }
            let (response, backend) = try await dataSets(
                of: located.study, series, from: candidates, in: syntaxes, context)
            return .own(response, backend, series: series)
        }
        var refusal: Problem?
        for syntax in ["*"] + syntaxes.filter({ $0 != "*" }) {
            let (fill, isNew) = collectionFill(located, series, from: candidates, in: syntax, context)
            var isOfUse = false
            do throws(Problem) {
                let (backend, isPartial) = try await fill.beginning()
                context.entry.backend = backend
                if isNew { context.entry.upstreamFirstByte = ContinuousClock.now - context.startedAt }
                if isPartial {
                    context.warn(
                        "299 wadogate: backend \(backend) has sent only a part of the "
                            + (series == nil ? "study" : "series"))
                }
                guard let first = try await fill.member(0) else { throw .nothingThere }
                isOfUse = syntax != "*" || isDeliverable(first.facts, request)
            } catch {
                fill.left()
                guard error.allowsNextVariant else { throw error }
                refusal = error
                continue
            }
            if isOfUse { return .shared(fill, isNew: isNew) }
            fill.left(isOfUse: false)
        }
        throw refusal ?? Problem(status: 406, "No transfer syntax that this request accepts can be delivered.")
    }

    /// Whether the client takes what is stored so, or takes it re-encoded without a codec.
    private func isDeliverable(_ facts: InstanceFacts, _ request: RetrieveRequest) -> Bool {
        if request.representation.isSatisfied(
            mediaType: "application/dicom", transferSyntax: facts.transferSyntax?.string)
        {
            return true
        }
        guard case .dataSets(let syntaxes, _) = request.representation,
            let stored = facts.transferSyntax.flatMap({ TransferSyntax($0) })
        else { return false }
        return syntaxes.contains { wanted in
            UID(wanted).flatMap { TransferSyntax($0) }.map { Reencoder.supports(stored, to: $0) } ?? false
        }
    }

    /// The collection's fill, which one more now listens to.
    private func collectionFill(
        _ located: Located, _ series: UID?, from candidates: [EndpointChoice.Candidate], in syntax: String,
        _ context: RequestContext
    ) -> (CollectionFill, isNew: Bool) {
        let key = CollectionFill.Key(
            study: located.study, series: series, syntax: syntax,
            archives: candidates.compactMap { $0.base.map { "\($0)" } }, epoch: located.demand.moment.epoch)
        let record = located.resolution.record
        let counted = record.series.filter { series == nil || $0.uid == series }.map { $0.numberOfInstances ?? 0 }
        let (fill, isNew) = collectionFills.fill(
            key, expecting: counted.reduce(0) { $0 &+ max(0, $1) }, keepFilling: cache.keepFilling)
        if isNew {
            context.fillsBegun += 1
            let filler = CollectionFiller(
                gateway: self, fill: fill, candidates: candidates, record: located.resolution.record,
                demand: located.demand, loop: context.loop, pace: context.errand.pace)
            let client = context.account
            runFill(on: context.loop) {
                guard let account = await self.fillTurns.take(for: client, fill: fill) else { return }
                await filler.run()
                self.fillTurns.giveBack(account)
            }
        } else {
            fillTurns.join(fill, as: context.account)
        }
        return (fill, isNew)
    }

    /// Sends each member as soon as it has begun to come.
    private func send(
        _ fill: CollectionFill, isNew: Bool, _ located: Located, _ request: RetrieveRequest, to sink: some DataSetSink,
        _ context: RequestContext
    ) async throws(Problem) {
        sink.expect(isNew ? .miss : .follow)
        var number = 0
        while let member = try await fill.member(number) {
            number += 1
            let obtained = try await obtain(member, located, request, context)
            // It may be stored by now; it came for this client's sake, or another's, all the same.
            let came: CacheOutcome? = member.isFetched ? (isNew ? .miss : .follow) : nil
            try await sink.take(came.map(obtained.told) ?? obtained, of: member.target)
        }
    }

    private func obtain(
        _ member: CollectionFill.Member, _ located: Located, _ request: RetrieveRequest, _ context: RequestContext
    ) async throws(Problem) -> Obtained {
        let choice = choice(in: located.resolution, series: member.target.series)
        let instance = StudyRecord.Instance(uid: member.target.instance, sopClass: member.facts.sopClass)
        let source = CollectionPlan.Source.instances([instance], series: member.target.series, choice)
        guard let narrowed = source.members(of: located, request)?.first,
            let variants = narrowed.request.objects?.first
        else { throw .unproven }
        let stored = try await open(
            member.object, of: member.target, narrowed.located, RenderingParameters(), context, isPrivate: false)
        do throws(Problem) {
            return try await reencoded(
                stored, variants, of: member.target, narrowed.request, context, isPrivate: false)
        } catch {
            guard error.allowsNextVariant else { throw error }
            return try await obtain(variants, of: narrowed, context)
        }
    }

    /// For one client alone: asks in the first of the transfer syntaxes that the archive does not refuse.
    private func dataSets(
        of study: UID, _ series: UID?, from candidates: [EndpointChoice.Candidate], in syntaxes: [String],
        _ context: RequestContext
    ) async throws(Problem) -> (UpstreamResponse, Backend) {
        let path = "/studies/\(study)" + (series.map { "/series/\($0)" } ?? "")
        var refusal: Problem?
        for syntax in syntaxes {
            do throws(Problem) {
                let (response, backend, _) = try await collection(
                    path, accept: "multipart/related; type=\"application/dicom\"; transfer-syntax=\(syntax)",
                    from: candidates, asking: series == nil ? "study" : "series", context)
                return (response, backend)
            } catch {
                guard error.allowsNextVariant else { throw error }
                refusal = error
            }
        }
        throw refusal ?? Problem(status: 406, "No transfer syntax that this request accepts can be delivered.")
    }
}
