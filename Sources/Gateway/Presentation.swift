// Presentation states: how one is shown by an archive that knows them only as a parameter of images (WADO-URI), and how an
// image is had under one from an archive that shows them as resources of their own (WADO-RS). Must not know pixels.
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
    /// What a picture of one instance must be asked for besides its syntax.
    ///
    /// - Throws: ``Problem`` 400 for a frame of an image that has one, or not so many (PS3.18 §9.5.1.2.3), 502 when the
    ///   presentation state is not proven to belong to the study.
    func checkPicture(
        of target: InstanceTarget, _ located: Located, _ request: RetrieveRequest, _ context: RequestContext
    ) async throws(Problem) {
        guard request.frontDoor == .wadoURI, case .rendered(let frames) = request.resource else { return }
        if let frame = frames?.first {
            let count = try await facts(of: target, located, context).numberOfFrames
            guard count > 1, frame <= count else {
                throw Problem(
                    status: 400,
                    count > 1
                        ? "The parameter \"frameNumber\" must be at most \(count), the number of the instance's frames."
                        : "The parameter \"frameNumber\" does not apply to an instance of one frame.")
            }
        }
        if let presentation = request.rendering.presentation {
            let state = InstanceTarget(
                study: target.study, series: presentation.series, instance: presentation.instance)
            let there = at(state, located)
            if !there.isListed { _ = try await facts(of: state, there, context) }
        }
    }

    /// Shows a presentation state: each image that it applies to, under it, in its own order.
    ///
    /// - Returns: false when the request is not for one, or its archive shows it by itself as any other picture.
    func deliverPresentation(
        of target: InstanceTarget, _ located: Located, _ request: RetrieveRequest, _ context: RequestContext
    ) async throws(Problem) -> Bool {
        guard request.frontDoor == .wadoRS, request.resource == .rendered(frames: nil),
            try await isPresentationState(target, located, context)
        else { return false }
        try Self.checkParameters(request.rendering)
        let references = try await references(of: target, located, context)
        let isNative = located.choice.candidates.first?.type == .wadoRS
        if isNative, references.count == 1 { return false }
        if isNative {
            try await relayPresentation(references, of: target, located, request, context)
            return true
        }
        let images = try await images(of: references, under: target, located, context)
        guard images.count == 1 || request.representation.envelope != .single else { throw Self.needsMultipart }
        try await deliver(images, under: target, located, request, context)
        return true
    }

    // MARK: From WADO-URI

    private func deliver(
        _ images: [InstanceTarget], under state: InstanceTarget, _ located: Located, _ request: RetrieveRequest,
        _ context: RequestContext
    ) async throws(Problem) {
        var next = try await picture(of: images[0], under: state, located, request, context)
        guard images.count > 1 else { return try await send([next], of: images[0], request, context) }
        let sink = PartSink(
            gateway: self, context: context, located: located, type: next.description.mediaType,
            objectClass: next.objectClass.word)
        for index in images.indices {
            let present = next
            if index + 1 < images.count {
                next = try await picture(of: images[index + 1], under: state, located, request, context)
            }
            try await sink.send(present, target: images[index])
        }
        try await sink.finish()
    }

    private func picture(
        of image: InstanceTarget, under state: InstanceTarget, _ located: Located, _ request: RetrieveRequest,
        _ context: RequestContext
    ) async throws(Problem) -> Obtained {
        var one = request
        (one.series, one.instance) = (image.series, image.instance)
        one.rendering.presentation = .init(series: state.series, instance: state.instance)
        guard let variants = one.objects?.first else { throw .unproven }
        return try await obtain(variants, of: image, at(image, located), one, context)
    }

    /// - Throws: ``Problem`` 501 where a picture of single frames, or none at all, would have to be asked for.
    private func images(
        of references: [PresentationState.Reference], under state: InstanceTarget, _ located: Located,
        _ context: RequestContext
    ) async throws(Problem) -> [InstanceTarget] {
        guard !references.isEmpty else {
            throw Problem(
                status: 501,
                "This presentation state names no images one by one, and no other can be shown by its archive's protocol."
            )
        }
        // One look at all of them before the first image is asked after.
        guard references.allSatisfy({ [.all, .one(1)].contains($0.frames) }) else { throw Self.singleFrames }
        var images: [InstanceTarget] = []
        for reference in references {
            let image = InstanceTarget(study: state.study, series: reference.series, instance: reference.instance)
            if reference.frames != .all {
                let count = try await facts(of: image, at(image, located), context).numberOfFrames
                guard count == 1 else { throw Self.singleFrames }
            }
            images.append(image)
        }
        return images
    }

    private static let singleFrames = Problem(
        status: 501,
        "This presentation state applies to single frames, which its archive's protocol cannot name beside it.")

    // MARK: From WADO-RS

    /// The archive's own pictures, of which there are several: they stream through.
    private func relayPresentation(
        _ references: [PresentationState.Reference], of target: InstanceTarget, _ located: Located,
        _ request: RetrieveRequest, _ context: RequestContext
    ) async throws(Problem) {
        guard case .rendered(_, let envelope) = request.representation, envelope != .single,
            case .rendered(_, _, let type)? = request.objects?.first?.first
        else { throw Self.needsMultipart }
        guard let candidate = located.choice.candidates.first, let base = candidate.base else { throw .unproven }
        let backend = try permitted(base)
        let query = try await presentationQuery(references, target, type, candidate, backend, request, context)
        let response = try await get(
            BackendRequest(
                url: base.appending(path: target.path + "/rendered", query: query.isEmpty ? nil : query),
                accept: "multipart/related; type=\"\(type)\"", answer: .picture),
            on: context.loop, clientAuthorization: context.clientAuthorization)
        guard response.head.status == 200 else {
            throw Problem(backendStatus: response.head.status, backend: backend.name, asking: "rendered image")
        }
        context.entry.backend = backend.name
        let parts = PartSource(body: UpstreamBody(response), fields: response.head.fields, backend: backend.name)
        let sink = PartSink(gateway: self, context: context, located: located, type: type, objectClass: "rendered")
        try await sink.sendPictures(
            parts, backend: backend.name, representation: request.representation, envelope: .multipart, asked: type)
    }

    /// What the archive is asked for; a parameter that it is not known to honour is tried on the first of the images.
    private func presentationQuery(
        _ references: [PresentationState.Reference], _ target: InstanceTarget, _ type: String,
        _ candidate: EndpointChoice.Candidate, _ backend: Backend, _ request: RetrieveRequest,
        _ context: RequestContext
    ) async throws(Problem) -> String {
        let query: RenderingQuery
        do { query = try request.rendering.wadoRSQuery(rows: nil, columns: nil) } catch { throw Problem(error) }
        let loop = context.loop
        var proof = Proof(known: abilities(of: candidate, at: loop.now))
        let unknown = proof.known.unknown(of: query.needs)
        if !unknown.isEmpty, let first = references.first, let base = candidate.base {
            let image = InstanceTarget(study: target.study, series: first.series, instance: first.instance)
            proof = await prove(
                unknown,
                by: Probe(
                    of: .init(backend: backend.name, type: candidate.type), base: base, with: image, frame: nil,
                    type: type, rendering: request.rendering, facts: await cachedFacts(of: image), on: loop,
                    clientAuthorization: backend.credentials == .client
                        ? context.clientAuthorization : nil))
        }
        try proof.require(query.needs, of: candidate.type)
        return query.items
    }

    private static let needsMultipart = Problem(
        status: 406,
        "This presentation state shows several images, which need multipart/related; the request accepts single-part "
            + "answers only.")

    // MARK: What is known of it

    /// The directory's word counts; where it has none, the data set's.
    private func isPresentationState(
        _ target: InstanceTarget, _ located: Located, _ context: RequestContext
    ) async throws(Problem) -> Bool {
        let series = located.resolution.record.series.first { $0.uid == target.series }
        if let listed = series?.instances.first(where: { $0.uid == target.instance })?.sopClass {
            return PresentationState.isClass(listed)
        }
        if let modality = series?.modality, modality != "PR" { return false }
        // Of an archive without WADO-RS the instance is needed for its picture, whatever it is.
        let isNative = located.choice.candidates.first?.type == .wadoRS
        let facts = isNative ? await cachedFacts(of: target) : try await facts(of: target, located, context)
        return facts?.sopClass.map(PresentationState.isClass) ?? false
    }

    /// Only a size can be asked of a presentation state: it has its own windows and its own areas (PS3.18 §8.3.5.1.3–4).
    private static func checkParameters(_ rendering: RenderingParameters) throws(Problem) {
        guard rendering.window == nil else {
            throw Problem(
                status: 400, "The parameter \"window\" does not apply to a presentation state, which has its own.")
        }
        guard rendering.area == nil else {
            throw Problem(
                status: 400, "The parameter \"viewport\" must be width,height alone for a presentation state.")
        }
    }

    private func references(
        of target: InstanceTarget, _ located: Located, _ context: RequestContext
    ) async throws(Problem) -> [PresentationState.Reference] {
        let instance = try await storedInstance(
            of: target, located, context, isPrivate: passesClientCredentials(located))
        return try await workers.run { () throws(Problem) in
            do {
                return try PresentationState(Part10File(StoredInstance(object: instance))).references
            } catch {
                throw Problem(deriving: error, from: instance)
            }
        }
    }

    /// Another instance of the same study, and the endpoints for its series.
    private func at(_ target: InstanceTarget, _ located: Located) -> Located {
        var there = located
        (there.series, there.target) = (target.series, target)
        there.choice = choice(in: located.resolution, series: target.series)
        return there
    }
}

extension Filler {
    /// Keeps of an archive's pictures of a presentation state the one that names this image.
    ///
    /// - Throws: ``Problem`` 501 when none does: which one it is shall not be guessed.
    func fillPicture(
        of image: InstanceTarget, from parts: PartSource, as answer: BackendRequest.Answer, backend: String
    ) async throws(Problem) {
        var isFound = false
        while let fields = try await parts.nextPart() {
            guard fields["content-location"].map({ ContentLocation.shows($0, image) }) == true else {
                while try await parts.nextBytes() != nil {}
                continue
            }
            guard !isFound else { throw .badBody(from: backend, "several pictures of one image") }
            isFound = true
            try await fill(part: fields, of: parts, as: answer, backend: backend)
        }
        guard isFound else {
            var problem = Problem(
                status: 501,
                "Backend \(backend) does not say which of a presentation state's pictures is that of which image, so "
                    + "none is delivered.", backend: backend)
            problem.allowsNextEndpoint = true
            throw problem
        }
    }
}
