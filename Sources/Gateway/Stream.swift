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
        let (response, backend) = try await ask(
            url, accept: accept, asking: noun, as: ability, base: base, on: context.loop,
            clientAuthorization: context.clientAuthorization)
        context.entry.backend = backend.name
        context.entry.upstreamFirstByte = ContinuousClock.now - context.startedAt
        if response.head.status == 206 {
            context.warn("299 wadogate: backend \(backend.name) has sent only a part of the \(noun)")
        }
        return (response, backend)
    }

    /// One archive's answer for a collection: 200, or 206 for a part of it.
    ///
    /// - Throws: ``Problem`` for every other status.
    func ask(
        _ url: HTTPURL, accept: String, asking noun: String, as ability: Ability?, base: HTTPURL, on loop: EventLoop,
        clientAuthorization: String?
    ) async throws(Problem) -> (response: UpstreamResponse, backend: Backend) {
        let backend = try permitted(base)
        let response = try await get(
            BackendRequest(url: url, accept: accept, answer: .payload), on: loop,
            clientAuthorization: clientAuthorization)
        let status = response.head.status
        guard status == 200 || status == 206 else {
            // A 404 may mean what was asked for.
            if let ability, [405, 501].contains(status) {
                let archive = AbilityBook.Archive(backend: backend.name, type: .wadoRS)
                note([RefusedResource(ability: ability, archive: archive, status: status)], at: loop.now)
            }
            throw Problem(backendStatus: status, backend: backend.name, asking: noun)
        }
        return (response, backend)
    }
}
