// Answers of whole studies and series, and of collections of bulk data: they stream through and are not kept yet.
import CachePolicy
import DICOM
import DiskCache
import FHIR
import HTTP
import HTTPServer
import StudyDirectory
import Upstream
import WADO

extension Gateway {
    /// Delivers what is no list of single objects.
    func stream(_ located: Located, _ request: RetrieveRequest, _ context: RequestContext) async throws(Problem) {
        context.entry.cache = CacheOutcome.bypass.rawValue
        switch request.resource {
        case .dataSets: try await streamDataSets(located, request, context)
        case .metadata: try await streamMetadata(located, request, context)
        case .rendered, .thumbnail: try await streamPicture(located, request, context)
        case .pixelData, .bulkData, .bulk, .frames: try await streamBulk(located, request, context)
        }
    }

    /// The sources of a collection, all of them permitted before the first is asked.
    private func plan(_ located: Located) throws(Problem) -> CollectionPlan {
        do {
            return try CollectionPlan(record: located.resolution.record, series: located.series) { series in
                choice(in: located.resolution, series: series)
            }
        } catch {
            throw Problem(error)
        }
    }

    // MARK: Instances

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
            gateway: self, context: context, located: located, type: "application/dicom",
            objectClass: "instance")
        for source in try plan(located).sources {
            switch source {
            case .collection(let candidates, let series):
                try await streamDataSets(
                    from: candidates, series: series, syntaxes: syntaxes, located, sink, context)
            case .instances(let instances, let series, let choice):
                try await streamInstances(instances, of: series, choice, located, request, sink, context)
            }
        }
        try await sink.finish()
    }

    private func streamDataSets(
        from candidates: [EndpointChoice.Candidate], series: UID?, syntaxes: [String], _ located: Located,
        _ sink: PartSink, _ context: RequestContext
    ) async throws(Problem) {
        let (response, backend) = try await dataSets(
            of: located.study, series, from: candidates, in: syntaxes, context)
        let parts = PartSource(
            body: UpstreamBody(response), fields: response.head.fields, backend: backend.name)
        let check = DataSetCheck(
            study: located.study, series: series, syntaxes: syntaxes, backend: backend.name)
        while try await parts.nextPart() != nil { try await sink.send(parts, check: check) }
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

    private func streamInstances(
        _ instances: [UID], of series: UID, _ choice: EndpointChoice, _ located: Located, _ request: RetrieveRequest,
        _ sink: PartSink, _ context: RequestContext
    ) async throws(Problem) {
        for instance in instances {
            let one = Self.one(instance, of: series, choice, located, request)
            guard let variants = one.request.objects?.first else { continue }
            let obtained = try await obtain(variants, of: one.target, one.located, one.request, context)
            try await sink.send(obtained, target: one.target)
        }
    }

    // MARK: Metadata

    private func streamMetadata(
        _ located: Located, _ request: RetrieveRequest, _ context: RequestContext
    ) async throws(Problem) {
        let sources = try plan(located).sources
        switch request.representation {
        case .json(let contentType):
            try await streamJSON(from: sources, contentType: contentType, located, request, context)
        default:
            let sink = PartSink(
                gateway: self, context: context, located: located, type: "application/dicom+xml",
                objectClass: "metadata")
            for source in sources {
                switch source {
                case .collection(let candidates, let series):
                    try await streamXML(from: candidates, series: series, located, sink, context)
                case .instances(let instances, let series, let choice):
                    for instance in instances {
                        let one = Self.one(instance, of: series, choice, located, request)
                        let obtained = try await obtain(
                            [.metadata(.xml)], of: one.target, one.located, one.request, context)
                        try await sink.send(try await settled(obtained), target: one.target)
                    }
                }
            }
            try await sink.finish()
        }
    }

    private func streamJSON(
        from sources: [CollectionPlan.Source], contentType: String, _ located: Located, _ request: RetrieveRequest,
        _ context: RequestContext
    ) async throws(Problem) {
        var array = JSONArraySink(contentType: contentType, context: context)
        for source in sources {
            switch source {
            case .collection(let candidates, let series):
                try await streamJSON(from: candidates, series: series, located, into: &array, context)
            case .instances(let instances, let series, let choice):
                for instance in instances {
                    let one = Self.one(instance, of: series, choice, located, request)
                    let obtained = try await obtain(
                        [.metadata(.json)], of: one.target, one.located, one.request, context)
                    try await array.separate(isNewSource: true)
                    try await send(
                        try await settled(obtained).piece, base: baseBytes(context), context)
                }
            }
        }
        try await array.end()
    }

    private func streamJSON(
        from candidates: [EndpointChoice.Candidate], series: UID?, _ located: Located, into array: inout JSONArraySink,
        _ context: RequestContext
    ) async throws(Problem) {
        let base = baseBytes(context)
        let (response, backend, root) = try await collection(
            metadataPath(located, series), accept: "application/dicom+json", from: candidates, asking: "metadata",
            context)
        var rewriter = JSONMetadataRewriter(
            expecting: .init(study: located.study, series: series), base: root, document: response.url,
            token: bulkTokenMaker(backend.name))
        let body = UpstreamBody(response)
        var isNewSource = true
        try await Problem.reading(from: backend.name) {
            while let piece = try await body.next() {
                let rewritten = try rewriter.feed(piece)
                if rewritten.isEmpty { continue }
                try await array.separate(isNewSource: isNewSource)
                isNewSource = false
                try await context.write(completing(rewritten, base: base))
            }
            _ = try rewriter.finish()
        }
    }

    /// The request narrowed to one instance of a collection.
    private static func one(
        _ instance: UID, of series: UID, _ choice: EndpointChoice, _ located: Located, _ request: RetrieveRequest
    ) -> (target: InstanceTarget, located: Located, request: RetrieveRequest) {
        let target = InstanceTarget(study: located.study, series: series, instance: instance)
        var located = located
        (located.series, located.target, located.choice) = (series, target, choice)
        var request = request
        (request.series, request.instance) = (series, instance)
        return (target, located, request)
    }

    private func streamXML(
        from candidates: [EndpointChoice.Candidate], series: UID?, _ located: Located, _ sink: PartSink,
        _ context: RequestContext
    ) async throws(Problem) {
        let (response, backend, root) = try await collection(
            metadataPath(located, series), accept: "multipart/related; type=\"application/dicom+xml\"",
            from: candidates,
            asking: "metadata", context)
        let parts = PartSource(
            body: UpstreamBody(response), fields: response.head.fields, backend: backend.name)
        while try await parts.nextPart() != nil {
            let rewriter = XMLMetadataRewriter(
                expecting: .init(study: located.study, series: series), base: root, document: response.url,
                token: bulkTokenMaker(backend.name))
            try await sink.sendXML(parts, rewriter: rewriter, backend: backend.name)
        }
    }

    private func metadataPath(_ located: Located, _ series: UID?) -> String {
        "/studies/\(located.study)" + (series.map { "/series/\($0)" } ?? "") + "/metadata"
    }

    // MARK: Pictures and bulk data

    /// A study's or series' rendering: the archive's own answer, when one WADO-RS archive holds all of it.
    private func streamPicture(
        _ located: Located, _ request: RetrieveRequest, _ context: RequestContext
    ) async throws(Problem) {
        guard case .rendered(let types, let envelope) = request.representation else { throw .unproven }
        let sources = try plan(located).sources
        guard sources.count == 1, case .collection(let candidates, let series) = sources[0] else {
            throw Problem(
                status: 501,
                "This study lies on several archives, or on one without WADO-RS, and pictures of whole studies are not "
                    + "made from such yet. Ask for the picture of one instance.")
        }
        // Pictures carry no UIDs: what the directory does not list could be another patient's.
        if let series, !located.resolution.record.series.contains(where: { $0.uid == series }) {
            throw Problem(
                status: 404, "The study's record does not list this series, so no picture of it is asked for.")
        }
        let word = if case .thumbnail = request.resource { "thumbnail" } else { "rendered" }
        let query: String?
        do {
            let items = try request.rendering.wadoRSQuery(rows: nil, columns: nil).items
            query = items.isEmpty ? nil : items
        } catch { throw Problem(error) }
        let path = "/studies/\(located.study)" + (series.map { "/series/\($0)" } ?? "") + "/\(word)"
        let asked = types.first.map { $0.hasSuffix("/*") ? "image/jpeg" : $0 } ?? "image/jpeg"
        let (response, backend, _) = try await collection(
            path, query: query, accept: asked, from: candidates, asking: "\(word) image", context)
        let parts = PartSource(body: UpstreamBody(response), fields: response.head.fields, backend: backend.name)
        let sink = PartSink(gateway: self, context: context, located: located, type: asked, objectClass: word)
        try await sink.sendPictures(
            parts, backend: backend.name, representation: request.representation, envelope: envelope, asked: asked)
    }

    /// Pixel data and collections of bulk data of one instance: the archive's parts under our envelope.
    private func streamBulk(
        _ located: Located, _ request: RetrieveRequest, _ context: RequestContext
    ) async throws(Problem) {
        guard let target = located.target else {
            throw Problem(
                status: 501,
                "The bulk data of a whole study or series is not put together yet. Ask for that of one instance.")
        }
        guard let first = located.choice.candidates.first else { throw Problem(located.choice.refusal) }
        if case .pixelData = request.resource {
            return try await deliverAllFrames(of: target, located, request, context)
        }
        guard first.type == .wadoRS else {
            return try await deriveBulk(of: target, located, request, context)
        }
        if !located.isListed { _ = try await facts(of: target, located, context) }
        let tail = if case .bulk(let tail) = request.resource { tail } else { "bulkdata" }
        let (response, backend, _) = try await collection(
            "\(target.path)/\(tail)", accept: "multipart/related; type=\"application/octet-stream\"",
            from: located.choice.candidates.filter { $0.type == .wadoRS },
            asking: "bulk data", context)
        let parts = PartSource(body: UpstreamBody(response), fields: response.head.fields, backend: backend.name)
        let sink = PartSink(
            gateway: self, context: context, located: located, type: "application/octet-stream",
            objectClass: "bulk")
        try await sink.sendBulk(parts, backend: backend.name, representation: request.representation)
    }

    /// A list of frames costs memory before the first is sent.
    private static let mostFramesAtOnce = 100_000

    /// Pixel Data is a part for each frame (PS3.18 §10.4.1.1.6), wherever the frames come from.
    private func deliverAllFrames(
        of target: InstanceTarget, _ located: Located, _ request: RetrieveRequest, _ context: RequestContext
    ) async throws(Problem) {
        let frames = try await facts(of: target, located, context).numberOfFrames
        guard frames <= Self.mostFramesAtOnce else {
            throw Problem(
                status: 413,
                "The instance has \(frames) frames, more than are delivered at once. Ask for them by frames/1,2,… .")
        }
        var all = request
        all.resource = .frames(Array(1...max(1, frames)))
        guard let objects = all.objects else { throw .unproven }
        try await deliver(objects, of: target, located, all, context)
    }

    /// Pixel Data by its bulk data path from an archive that knows no such paths: native pixels are one value, encapsulated
    /// ones a part for each frame.
    private func deriveBulk(
        of target: InstanceTarget, _ located: Located, _ request: RetrieveRequest, _ context: RequestContext
    ) async throws(Problem) {
        guard case .bulk(let tail) = request.resource, ObjectClass.bulk(tail: tail).elementPath != nil else {
            throw Problem(
                status: 501,
                "This series lies on an archive without WADO-RS, and the collection of an instance's bulk data is not made "
                    + "from such archives yet. Ask for single BulkDataURIs or for the instance.")
        }
        let isPrivate = passesClientCredentials(located)
        let instance = try await storedInstance(of: target, located, context, isPrivate: isPrivate)
        let syntax = instance.description.transferSyntax.flatMap { UID($0) }.flatMap { TransferSyntax($0) }
        if syntax?.isEncapsulated == true {
            return try await deliverAllFrames(of: target, located, request, context)
        }
        let obtained = try await derive(
            [.bulk(tail: tail)], of: target, from: instance, request, context, isPrivate: isPrivate)
        try await send([obtained], of: target, request, context)
    }

    /// Asks for a collection: the first of the archives that answers.
    private func collection(
        _ path: String, query: String? = nil, accept: String, from candidates: [EndpointChoice.Candidate],
        asking noun: String, _ context: RequestContext
    ) async throws(Problem) -> (UpstreamResponse, Backend, base: HTTPURL) {
        var problems: [Problem] = []
        for candidate in candidates {
            guard let base = candidate.base else { continue }
            do throws(Problem) {
                let (response, backend) = try await collection(
                    base.appending(path: path, query: query), accept: accept, asking: noun, base: base, context)
                return (response, backend, base)
            } catch {
                problems.append(error)
                guard error.allowsNextEndpoint else { throw error }
            }
        }
        throw Problem(oneOf: problems)
    }

    private func collection(
        _ url: HTTPURL, accept: String, asking noun: String, base: HTTPURL, _ context: RequestContext
    ) async throws(Problem) -> (UpstreamResponse, Backend) {
        let backend = try permitted(base)
        context.entry.backend = backend.name
        let response = try await get(
            BackendRequest(url: url, accept: accept, answer: .payload), on: context.exchange.loop,
            clientAuthorization: context.exchange.request.fields["authorization"])
        context.entry.upstreamFirstByte = ContinuousClock.now - context.startedAt
        guard response.head.status == 200 || response.head.status == 206 else {
            throw Problem(backendStatus: response.head.status, backend: backend.name, asking: noun)
        }
        if response.head.status == 206 {
            context.warnings.append("299 wadogate: backend \(backend.name) has sent only a part of the \(noun)")
        }
        return (response, backend)
    }
}
