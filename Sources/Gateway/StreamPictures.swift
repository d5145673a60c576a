// Pictures of whole studies and series, instance by instance; and the one that stands for them in a thumbnail: the archive's
// own, where one archive has all of it, else that of one instance.
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
    /// A part for each image, each asked for by its instance's UID: the parts of an archive's answer for all of a series
    /// do not prove which instance they show, nor that there is one for each.
    func streamPictures(
        _ located: Located, _ request: RetrieveRequest, _ context: RequestContext
    ) async throws(Problem) {
        guard case .rendered(_, let envelope) = request.representation else { throw .unproven }
        let sources = try await plan(located, series: located.series, request.way, context).sources
        let images = sources.flatMap { $0.members(of: located, request) ?? [] }.filter { isImage($0) }
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
        if let (response, backend) = try await ownThumbnail(types, located, request, context) {
            return try await pass(response, backend, located, request, context)
        }
        let member = try await representative(located, request, context)
        guard let objects = member.request.objects else { throw .unproven }
        context.entry.instance = member.target.instance
        try await deliver(objects, of: member.target, member.located, member.request, context)
    }

    /// The thumbnail of the one WADO-RS archive that has all of it; nil when there is none, or it has no thumbnails.
    private func ownThumbnail(
        _ types: [String], _ located: Located, _ request: RetrieveRequest, _ context: RequestContext
    ) async throws(Problem) -> (UpstreamResponse, Backend)? {
        do throws(Problem) {
            let plan = try outline(of: located.resolution.record, located, series: located.series, request.way)
            guard case .collection(let candidates, let series)? = plan.sources.first else { return nil }
            return try await askForThumbnail(candidates, series, types, located, request, context)
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

    private func askForThumbnail(
        _ candidates: [EndpointChoice.Candidate], _ series: UID?, _ types: [String], _ located: Located,
        _ request: RetrieveRequest, _ context: RequestContext
    ) async throws(Problem) -> (UpstreamResponse, Backend) {
        let (query, able) = try thumbnailQuery(of: request, candidates, context)
        guard !able.isEmpty else {
            throw Problem(status: 501, "No archive is known to honour all of these parameters for a whole series.")
        }
        let path = "/studies/\(located.study)" + (series.map { "/series/\($0)" } ?? "") + "/thumbnail"
        let (response, backend, _) = try await collection(
            path, query: query, accept: types.pictureType, from: able, asking: "thumbnail image", context)
        return (response, backend)
    }

    /// The query, and the archives that are known to honour it and not known to lack thumbnails: for a whole series
    /// nothing is tried out, since one of its instances can be asked for.
    private func thumbnailQuery(
        of request: RetrieveRequest, _ candidates: [EndpointChoice.Candidate], _ context: RequestContext
    ) throws(Problem) -> (String?, [EndpointChoice.Candidate]) {
        var asked: RenderingQuery
        do { asked = try request.rendering.wadoRSQuery(rows: nil, columns: nil) } catch { throw Problem(error) }
        asked.needs.remove(.viewport)
        let able = candidates.filter { candidate in
            let known = abilities(of: candidate, at: context.loop.now)
            return known.has(.thumbnail) != false && asked.needs.allSatisfy { known.has($0) == true }
        }
        return (asked.items.isEmpty ? nil : asked.items, able)
    }

    private func pass(
        _ response: UpstreamResponse, _ backend: Backend, _ located: Located, _ request: RetrieveRequest,
        _ context: RequestContext
    ) async throws(Problem) {
        guard case .rendered(let types, let envelope) = request.representation else { throw .unproven }
        let parts = PartSource(body: UpstreamBody(response), fields: response.head.fields, backend: backend.name)
        let sink = PartSink(
            gateway: self, context: context, located: located, type: types.pictureType, objectClass: "thumbnail")
        try await sink.sendPictures(
            parts, backend: backend.name, representation: request.representation, envelope: envelope,
            asked: types.pictureType)
    }
}

extension [String] {
    /// The type under which archives are asked for a picture.
    fileprivate var pictureType: String { first.map { $0.hasSuffix("/*") ? "image/jpeg" : $0 } ?? "image/jpeg" }
}
