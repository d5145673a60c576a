// Answers of whole studies and series: which sources there are, and the data sets. They stream through; what is obtained
// instance by instance is kept.
import CachePolicy
import DICOM
import EventLoop
import FHIR
import HTTP
import HTTPServer
import Upstream
import WADO

extension Gateway {
    /// Delivers what is no list of single objects.
    func stream(_ located: Located, _ request: RetrieveRequest, _ context: RequestContext) async throws(Problem) {
        context.entry.cache = CacheOutcome.bypass.rawValue
        switch request.resource {
        case .dataSets: try await streamDataSets(located, request, context)
        case .metadata: try await streamMetadata(located, request, context)
        case .rendered: try await streamPictures(located, request, context)
        case .thumbnail: try await streamThumbnail(located, request, context)
        case .pixelData: try await streamPixelData(located, request, context)
        case .bulkData: try await streamBulkData(located, request, context)
        case .bulk, .frames: try await streamPixelValue(located, request, context)
        }
    }

    /// The answer of a source as a whole, or the members of it that are fetched one by one.
    enum Opened<Whole> {
        case whole(Whole)
        case members([CollectionMember])
    }

    /// Asks a source as a whole where the plan says so, and goes to its instances where that is refused: there are archives
    /// without such a resource, and some that fail over one. Nothing of the source was sent then.
    func open<Whole>(
        _ source: CollectionPlan.Source, of located: Located, _ request: RetrieveRequest, _ context: RequestContext,
        asking: ([EndpointChoice.Candidate], UID?) async throws(Problem) -> Whole
    ) async throws(Problem) -> Opened<Whole> {
        guard case .collection(let candidates, let series) = source else {
            return .members(source.members(of: located, request) ?? [])
        }
        let refusal: Problem
        do throws(Problem) {
            return .whole(try await asking(candidates, series))
        } catch {
            guard [404, 406].contains(error.status) || error.isRefusal else { throw error }
            refusal = error
        }
        do throws(Problem) {
            let plan = try await plan(located, series: series, .byInstances, context)
            return .members(plan.sources.flatMap { $0.members(of: located, request) ?? [] })
        } catch {
            // Where there is no list either, the archive's own word tells more; a fault hides what there is.
            throw error.status >= 502 ? error : refusal
        }
    }

    // MARK: Data sets

    private func streamDataSets(
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
        for source in try await plan(located, series: located.series, request.way, context).sources {
            let opened = try await open(source, of: located, request, context) { candidates, series throws(Problem) in
                let (response, backend) = try await dataSets(
                    of: located.study, series, from: candidates, in: syntaxes, context)
                return (response, backend, series)
            }
            switch opened {
            case .whole(let (response, backend, series)):
                let parts = PartSource(
                    body: UpstreamBody(response), fields: response.head.fields, backend: backend.name)
                let check = DataSetCheck(
                    study: located.study, series: series, syntaxes: syntaxes, backend: backend.name)
                while try await parts.nextPart() != nil { try await sink.send(parts, check: check) }
            case .members(let members):
                try await each(of: members) { member throws(Problem) in
                    guard let variants = member.request.objects?.first else { throw .unproven }
                    return (member, try await self.obtain(variants, of: member, context))
                } deliver: { member, obtained throws(Problem) in
                    try await sink.send(obtained, target: member.target)
                }
            }
        }
        try await sink.finish()
    }

    func obtain(
        _ variants: [ObjectClass], of member: CollectionMember, _ context: RequestContext
    ) async throws(Problem) -> Obtained {
        try await obtain(variants, of: member.target, member.located, member.request, context)
    }

    /// Asks for a study or series in the first of the transfer syntaxes that the archive does not refuse.
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

    // MARK: Whole answers of archives

    /// Asks for a collection: the first of the archives that answers.
    ///
    /// - Parameter ability: what an archive lacks that knows no such request.
    func collection(
        _ path: String, query: String? = nil, accept: String, from candidates: [EndpointChoice.Candidate],
        asking noun: String, as ability: Ability? = nil, _ context: RequestContext
    ) async throws(Problem) -> (UpstreamResponse, Backend, base: HTTPURL) {
        var problems: [Problem] = []
        for candidate in candidates {
            guard let base = candidate.base else { continue }
            do throws(Problem) {
                let (response, backend) = try await collection(
                    base.appending(path: path, query: query), accept: accept, asking: noun, as: ability, base: base,
                    context)
                return (response, backend, base)
            } catch {
                problems.append(error)
                guard error.allowsNextEndpoint else { throw error }
            }
        }
        throw Problem(oneOf: problems)
    }

    private func collection(
        _ url: HTTPURL, accept: String, asking noun: String, as ability: Ability?, base: HTTPURL,
        _ context: RequestContext
    ) async throws(Problem) -> (UpstreamResponse, Backend) {
        let backend = try permitted(base)
        context.entry.backend = backend.name
        let response = try await get(
            BackendRequest(url: url, accept: accept, answer: .payload), on: context.exchange.loop,
            clientAuthorization: context.exchange.request.fields["authorization"])
        context.entry.upstreamFirstByte = ContinuousClock.now - context.startedAt
        let status = response.head.status
        guard status == 200 || status == 206 else {
            // A 404 may mean what was asked for.
            if let ability, [405, 501].contains(status) {
                let archive = AbilityBook.Archive(backend: backend.name, type: .wadoRS)
                note([RefusedResource(ability: ability, archive: archive, status: status)], context)
            }
            throw Problem(backendStatus: status, backend: backend.name, asking: noun)
        }
        if status == 206 {
            context.warnings.append("299 wadogate: backend \(backend.name) has sent only a part of the \(noun)")
        }
        return (response, backend)
    }
}
