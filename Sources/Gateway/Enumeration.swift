// Which series and instances there are, where a study's record does not list them: asked of the endpoints that can tell.
import DICOM
import EventLoop
import FHIR
import HTTP
import HTTPServer
import StudyDirectory
import Upstream
import WADO

/// One instance of a collection, and the request narrowed to it.
struct CollectionMember: Sendable {
    let target: InstanceTarget
    let located: Located
    let request: RetrieveRequest
    /// Nil: not known.
    let sopClass: UID?
}

extension CollectionPlan.Source {
    /// The members that are fetched one by one; nil for a source that answers as a whole.
    func members(of located: Located, _ request: RetrieveRequest) -> [CollectionMember]? {
        switch self {
        case .collection: nil
        // What is still not listed now is empty.
        case .unlistedInstances, .unlistedSeries: []
        case .instances(let instances, let series, let choice):
            instances.map { instance in
                let target = InstanceTarget(study: located.study, series: series, instance: instance.uid)
                var (located, request) = (located, request)
                (located.series, located.target, located.choice) = (series, target, choice)
                (request.series, request.instance) = (series, instance.uid)
                return CollectionMember(target: target, located: located, request: request, sopClass: instance.sopClass)
            }
        }
    }
}

extension StudyRecord {
    /// How many more instances the record counts in the series of these sources than it lists.
    fileprivate func missing(in sources: [CollectionPlan.Source]) -> Int {
        sources.reduce(0) { sum, source in
            guard case .instances(let instances, let uid, _) = source,
                let counted = series.first(where: { $0.uid == uid })?.numberOfInstances, counted > instances.count
            else { return sum }
            // The number is from outside.
            return sum + min(counted - instances.count, 1_000_000)
        }
    }

    fileprivate mutating func extend(with listing: [Series]) {
        for listed in listing {
            guard let place = series.firstIndex(where: { $0.uid == listed.uid }) else { continue }
            let known = Set(series[place].instances.map(\.uid))
            series[place].instances += listed.instances.filter { !known.contains($0.uid) }
        }
    }
}

extension Gateway {
    /// The sources of a collection: all of them permitted, and all instances listed, before the first is asked.
    ///
    /// - Parameter series: nil for the whole study.
    func plan(
        _ located: Located, series: UID?, _ way: CollectionPlan.Way, _ context: RequestContext
    ) async throws(Problem) -> CollectionPlan {
        var record = located.resolution.record
        var plan = try outline(of: record, located, series: series, way)
        let short = plan.sources.filter { record.missing(in: [$0]) > 0 }
        try await inOrder(short, ahead: CollectionPlan.instancesAtOnce) { source throws(Problem) in
            guard case .instances(_, let series, let choice) = source else { return [StudyRecord.Series]() }
            // Who cannot tell more leaves it at what the record lists.
            do throws(Problem) { return try await self.listing(of: located.study, series, by: choice, context) } catch {
                return []
            }
        } deliver: { listed in
            record.extend(with: listed)
        }
        if !short.isEmpty { plan = try outline(of: record, located, series: series, way) }
        // The series first, and then the instances of each.
        for _ in 0..<2 where !plan.gaps.isEmpty {
            try await inOrder(plan.gaps, ahead: CollectionPlan.instancesAtOnce) { gap throws(Problem) in
                switch gap {
                case .unlistedInstances(let series, let choice):
                    try await self.listing(of: located.study, series, by: choice, context)
                case .unlistedSeries(let choice):
                    try await self.listing(of: located.study, nil, by: choice, context)
                case .collection, .instances: []
                }
            } deliver: { listed in
                record = record.completed(with: listed)
            }
            plan = try outline(of: record, located, series: series, way)
        }
        let missing = record.missing(in: plan.sources)
        if missing > 0 {
            let listed = plan.sources.reduce(0) { sum, source in
                if case .instances(let instances, _, _) = source { sum + instances.count } else { sum }
            }
            context.warnings.append(
                "299 wadogate: the record counts more instances than are listed: \(listed) of \(listed + missing)")
        }
        return plan
    }

    /// The plan as far as a record alone allows: nothing is asked.
    func outline(
        of record: StudyRecord, _ located: Located, series: UID?, _ way: CollectionPlan.Way
    ) throws(Problem) -> CollectionPlan {
        do {
            return try CollectionPlan(record: record, series: series, way: way) { series in
                choice(in: located.resolution, series: series)
            }
        } catch {
            throw Problem(error)
        }
    }

    /// What the first of the endpoints tells that can: a QIDO-RS service, else the metadata of a WADO-RS archive.
    ///
    /// - Returns: the series with their instances; a search for a study's series finds no instances.
    /// - Throws: ``Problem``, the most telling one, when none can tell.
    func listing(
        of study: UID, _ series: UID?, by choice: EndpointChoice, _ context: RequestContext
    ) async throws(Problem) -> [StudyRecord.Series] {
        guard !choice.candidates.isEmpty else { throw Problem(choice.refusal) }
        let listers = choice.searches + choice.restful
        guard !listers.isEmpty else { throw Problem(CollectionPlan.unlisted) }
        var problems: [Problem] = []
        for candidate in listers {
            do throws(Problem) {
                guard let base = candidate.base else { continue }
                let backend = try permitted(base)
                let found =
                    candidate.type == .qidoRS
                    ? try await search(for: series, of: study, base, backend, context)
                    : try await described(series, of: study, base, backend, context)
                if !found.isEmpty { return found }
            } catch {
                problems.append(error)
                guard error.allowsNextEndpoint else { throw error }
            }
        }
        guard problems.isEmpty else { throw Problem(oneOf: problems) }
        return []
    }

    /// How many results are asked for at once. Services that give fewer, or do not know the parameter, are followed.
    private static let resultsPerPage = 1000

    /// A search, page by page until one brings nothing new: services differ in how many results they give at most, and
    /// few of them say so.
    ///
    /// Spec: PS3.18 §8.3.4.4 (limit, offset), §10.6.
    private func search(
        for series: UID?, of study: UID, _ base: HTTPURL, _ backend: Backend, _ context: RequestContext
    ) async throws(Problem) -> [StudyRecord.Series] {
        var lister = CollectionLister(study: study, series: series)
        let path = series.map { "/studies/\(study)/series/\($0)/instances" } ?? "/studies/\(study)/series"
        var offset = 0
        while true {
            let query = "limit=\(Self.resultsPerPage)&offset=\(offset)"
            let response = try await get(
                BackendRequest(
                    url: base.appending(path: path, query: query), accept: "application/dicom+json", answer: .json),
                on: context.loop, clientAuthorization: context.clientAuthorization)
            guard [200, 204, 206].contains(response.head.status) else {
                throw Problem(backendStatus: response.head.status, backend: backend.name, asking: "list of instances")
            }
            try await read(response, into: &lister, backend)
            let found = series == nil ? lister.series.count : lister.count
            if found <= offset { return lister.series }
            offset = found
        }
    }

    private func described(
        _ series: UID?, of study: UID, _ base: HTTPURL, _ backend: Backend, _ context: RequestContext
    ) async throws(Problem) -> [StudyRecord.Series] {
        var lister = CollectionLister(study: study, series: series)
        let path = "/studies/\(study)" + (series.map { "/series/\($0)" } ?? "") + "/metadata"
        let response = try await get(
            BackendRequest(
                url: base.appending(path: path, query: nil), accept: "application/dicom+json", answer: .json),
            on: context.loop, clientAuthorization: context.clientAuthorization)
        // A part of the instances would be taken for all of them.
        guard response.head.status == 200 else {
            throw Problem(backendStatus: response.head.status, backend: backend.name, asking: "metadata")
        }
        try await read(response, into: &lister, backend)
        return lister.series
    }

    func read(
        _ response: UpstreamResponse, into lister: inout CollectionLister, _ backend: Backend
    ) async throws(Problem) {
        let body = UpstreamBody(response)
        while let piece = try await body.next() {
            do { try lister.feed(piece) } catch { throw Problem(error, from: backend.name) }
        }
        do { try lister.finish() } catch { throw Problem(error, from: backend.name) }
    }

    /// How many instances are under way at once: no more than any of the archives has connections, so that a request does
    /// not wait in its own way.
    func instancesAtOnce(from located: Located) -> Int {
        let limits = located.choice.candidates.compactMap {
            $0.base.flatMap { upstream.backend(for: $0)?.maxConnections }
        }
        return min(CollectionPlan.instancesAtOnce, limits.min() ?? CollectionPlan.instancesAtOnce)
    }

    /// Obtains something of each member, a few ahead, and delivers it in order.
    func each<Value: Sendable>(
        of members: [CollectionMember], atMost: Int? = nil,
        obtain: @escaping @Sendable (CollectionMember) async throws(Problem) -> Value,
        deliver: (Value) async throws(Problem) -> Void
    ) async throws(Problem) {
        var ahead = min(CollectionPlan.instancesAtOnce, atMost ?? CollectionPlan.instancesAtOnce)
        var series: Set<UID> = []
        for member in members where series.insert(member.target.series).inserted {
            ahead = min(ahead, instancesAtOnce(from: member.located))
        }
        try await inOrder(members, ahead: ahead, obtain: obtain, deliver: deliver)
    }
}
