// Pictures of whole studies and series: an archive's own answer where one archive can give all of it, else instance by
// instance; and the one instance that stands for them in a thumbnail.
import CachePolicy
import DICOM
import EventLoop
import FHIR
import HTTP
import HTTPServer
import StudyDirectory
import Upstream
import WADO

extension Gateway {
    /// An archive's answer of pictures, on its way.
    private typealias Pictures = (response: UpstreamResponse, backend: Backend)

    func streamPictures(
        _ located: Located, _ request: RetrieveRequest, _ context: RequestContext
    ) async throws(Problem) {
        guard case .rendered(let types, let envelope) = request.representation else { throw .unproven }
        let sources = try await plan(located, series: located.series, request.way, context).sources
        var members: [CollectionMember] = []
        for source in sources {
            let opened = try await open(source, of: located, request, context) { candidates, series throws(Problem) in
                try await askForPictures("rendered", candidates, series, types, located, request, context)
            }
            switch opened {
            case .whole(let pictures): return try await pass(pictures, as: "rendered", located, request, context)
            case .members(let found): members += found
            }
        }
        let images = members.filter { isImage($0) }
        guard !images.isEmpty else {
            throw Problem(status: 404, "Nothing of what was asked for is an image, as far as its SOP classes tell.")
        }
        guard envelope != .single || images.count == 1 else {
            throw Problem(
                status: 406,
                "\(images.count) images need multipart/related; the request accepts single-part answers only.")
        }
        for image in images {
            if let variants = image.request.objects?.first { try checkPictures(variants, image.located) }
        }
        let sink = PartSink(
            gateway: self, context: context, located: located, type: nil, objectClass: "rendered",
            envelope: images.count == 1 && envelope != .multipart ? .single : .multipart)
        try await each(of: images) { member throws(Problem) in
            guard let variants = member.request.objects?.first else { throw .unproven }
            return (member, try await self.obtain(variants, of: member, context))
        } deliver: { member, obtained throws(Problem) in
            try await sink.send(obtained, target: member.target)
        }
        try await sink.finish()
    }

    private func isImage(_ member: CollectionMember) -> Bool {
        SOPClassKind(member.sopClass) == .image
    }

    /// What no endpoint of a series can be asked for is refused before anything is sent.
    private func checkPictures(_ variants: [ObjectClass], _ located: Located) throws(Problem) {
        guard let object = variants.first else { return }
        guard !located.choice.candidates.isEmpty else { throw Problem(located.choice.refusal) }
        let refusals = located.choice.candidates.compactMap { BackendRequest.refusal(of: object, by: $0.type) }
        if let refusal = refusals.first, refusals.count == located.choice.candidates.count { throw Problem(refusal) }
    }

    // MARK: Thumbnails

    /// The archive's own thumbnail, or a small picture of the instance that stands for the study or series.
    func streamThumbnail(
        _ located: Located, _ request: RetrieveRequest, _ context: RequestContext
    ) async throws(Problem) {
        guard case .rendered(let types, _) = request.representation else { throw .unproven }
        if let pictures = try await ownThumbnail(types, located, request, context) {
            return try await pass(pictures, as: "thumbnail", located, request, context)
        }
        let member = try await representative(located, request, context)
        guard let objects = member.request.objects else { throw .unproven }
        context.entry.instance = member.target.instance
        try await deliver(objects, of: member.target, member.located, member.request, context)
    }

    /// The thumbnail of the one WADO-RS archive that has all of it; nil when there is none, or it has no thumbnails.
    private func ownThumbnail(
        _ types: [String], _ located: Located, _ request: RetrieveRequest, _ context: RequestContext
    ) async throws(Problem) -> Pictures? {
        do throws(Problem) {
            let plan = try outline(of: located.resolution.record, located, series: located.series, request.way)
            guard case .collection(let candidates, let series)? = plan.sources.first else { return nil }
            return try await askForPictures("thumbnail", candidates, series, types, located, request, context)
        } catch {
            guard [404, 406, 501].contains(error.status) else { throw error }
            return nil
        }
    }

    /// The middle image of the first series that has images.
    private func representative(
        _ located: Located, _ request: RetrieveRequest, _ context: RequestContext
    ) async throws(Problem) -> CollectionMember {
        var record = located.resolution.record
        if located.series == nil, record.series.isEmpty {
            record = record.completed(with: try await listing(of: located.study, nil, by: located.choice, context))
        }
        let asked =
            located.series.map { uid in record.series.first { $0.uid == uid } ?? StudyRecord.Series(uid: uid) }
            .map { [$0] } ?? record.series.filter(\.mayHoldImages)
        for series in asked {
            let choice = choice(in: located.resolution, series: series.uid)
            var listed = series
            if series.instances.isEmpty {
                let found = try await listing(of: located.study, series.uid, by: choice, context)
                listed.instances = found.first { $0.uid == series.uid }?.instances ?? []
            }
            guard let image = listed.representative else { continue }
            let source = CollectionPlan.Source.instances([image], series: series.uid, choice)
            if let member = source.members(of: located, request)?.first { return member }
        }
        throw Problem(
            status: 404, "Nothing of what was asked for is an image, so there is no thumbnail of it.")
    }

    // MARK: An archive's own pictures

    private func askForPictures(
        _ word: String, _ candidates: [EndpointChoice.Candidate], _ series: UID?, _ types: [String],
        _ located: Located, _ request: RetrieveRequest, _ context: RequestContext
    ) async throws(Problem) -> Pictures {
        let (query, able) = try query(of: request, word, candidates, context)
        guard !able.isEmpty else {
            throw Problem(status: 501, "No archive is known to honour all of these parameters for a whole series.")
        }
        let path = "/studies/\(located.study)" + (series.map { "/series/\($0)" } ?? "") + "/\(word)"
        let wantsParts = word == "rendered" && request.representation.envelope != .single
        let type = types.pictureType
        let (response, backend, _) = try await collection(
            path, query: query, accept: wantsParts ? "multipart/related; type=\"\(type)\"" : type, from: able,
            asking: "\(word) image", context)
        // There are archives that give one picture for all: that is no answer to who wants each.
        guard !wantsParts || response.isMultipart else {
            response.cancel()
            throw Problem(
                status: 406, "Backend \(backend.name) gives one picture for many instances.", backend: backend.name)
        }
        return (response, backend)
    }

    /// The query, and the archives that are known to honour it and not known to lack the resource: for a whole series
    /// nothing is tried out, since its instances can be asked for one by one.
    private func query(
        of request: RetrieveRequest, _ word: String, _ candidates: [EndpointChoice.Candidate],
        _ context: RequestContext
    ) throws(Problem) -> (String?, [EndpointChoice.Candidate]) {
        var asked: RenderingQuery
        do { asked = try request.rendering.wadoRSQuery(rows: nil, columns: nil) } catch { throw Problem(error) }
        if word == "thumbnail" { asked.needs.remove(.viewport) }
        let able = candidates.filter { candidate in
            let known = abilities(of: candidate, at: context.exchange.loop.now)
            return known.has(word == "thumbnail" ? .thumbnail : .rendered) != false
                && asked.needs.allSatisfy { known.has($0) == true }
        }
        return (asked.items.isEmpty ? nil : asked.items, able)
    }

    private func pass(
        _ pictures: Pictures, as word: String, _ located: Located, _ request: RetrieveRequest,
        _ context: RequestContext
    ) async throws(Problem) {
        guard case .rendered(let types, let envelope) = request.representation else { throw .unproven }
        let (response, backend) = pictures
        let parts = PartSource(body: UpstreamBody(response), fields: response.head.fields, backend: backend.name)
        let sink = PartSink(
            gateway: self, context: context, located: located, type: types.pictureType, objectClass: word)
        try await sink.sendPictures(
            parts, backend: backend.name, representation: request.representation,
            envelope: word == "rendered" && envelope != .single ? .multipart : envelope, asked: types.pictureType)
    }
}

extension [String] {
    /// The type under which archives are asked for a picture.
    fileprivate var pictureType: String { first.map { $0.hasSuffix("/*") ? "image/jpeg" : $0 } ?? "image/jpeg" }
}

extension UpstreamResponse {
    fileprivate var isMultipart: Bool {
        head.fields["content-type"].flatMap { MediaType(parsing: $0) }?.type.hasPrefix("multipart/") ?? false
    }
}
