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
            case .collection(let candidate, let series):
                try await streamDataSets(
                    from: candidate, series: series, syntaxes: syntaxes, located, sink, context)
            case .instances(let instances, let series, let choice):
                try await streamInstances(instances, of: series, choice, located, request, sink, context)
            }
        }
        try await sink.finish()
    }

    private func streamDataSets(
        from candidate: EndpointChoice.Candidate, series: UID?, syntaxes: [String], _ located: Located,
        _ sink: PartSink,
        _ context: RequestContext
    ) async throws(Problem) {
        let path = "/studies/\(located.study)" + (series.map { "/series/\($0)" } ?? "")
        let accept = "multipart/related; type=\"application/dicom\"; transfer-syntax=\(syntaxes.first ?? "*")"
        let (response, backend, _) = try await collection(
            path, accept: accept, from: candidate, asking: series == nil ? "study" : "series", context)
        let parts = PartSource(
            body: UpstreamBody(response), fields: response.head.fields, backend: backend.name)
        while let fields = try await parts.nextPart() {
            let check = DataSetCheck(study: located.study, series: series, backend: backend.name)
            try await sink.send(parts, fields: fields, check: check)
        }
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
                case .collection(let candidate, let series):
                    try await streamXML(from: candidate, series: series, located, sink, context)
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
            case .collection(let candidate, let series):
                try await streamJSON(from: candidate, series: series, located, into: &array, context)
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
        from candidate: EndpointChoice.Candidate, series: UID?, _ located: Located, into array: inout JSONArraySink,
        _ context: RequestContext
    ) async throws(Problem) {
        let base = baseBytes(context)
        let (response, backend, root) = try await collection(
            metadataPath(located, series), accept: "application/dicom+json", from: candidate, asking: "metadata",
            context)
        var rewriter = JSONMetadataRewriter(
            expecting: .init(study: located.study, series: series), base: root, document: response.url,
            token: bulkTokenMaker)
        let body = UpstreamBody(response)
        var isNewSource = true
        do {
            while let piece = try await body.next() {
                let rewritten = try rewriter.feed(piece)
                if rewritten.isEmpty { continue }
                try await array.separate(isNewSource: isNewSource)
                isNewSource = false
                try await context.write(completing(rewritten, base: base))
            }
            _ = try rewriter.finish()
        } catch let error as RewriteError {
            throw Problem(error, from: backend.name)
        } catch let problem as Problem {
            throw problem
        } catch {
            throw .badBody(from: backend.name, "metadata that cannot be read", detail: "\(error)")
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
        from candidate: EndpointChoice.Candidate, series: UID?, _ located: Located, _ sink: PartSink,
        _ context: RequestContext
    ) async throws(Problem) {
        let (response, backend, root) = try await collection(
            metadataPath(located, series), accept: "multipart/related; type=\"application/dicom+xml\"", from: candidate,
            asking: "metadata", context)
        let parts = PartSource(
            body: UpstreamBody(response), fields: response.head.fields, backend: backend.name)
        while try await parts.nextPart() != nil {
            let rewriter = XMLMetadataRewriter(
                expecting: .init(study: located.study, series: series), base: root, document: response.url,
                token: bulkTokenMaker)
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
        guard sources.count == 1, case .collection(let candidate, let series) = sources[0] else {
            throw Problem(
                status: 501,
                "This study lies on several archives, or on one without WADO-RS, and pictures of whole studies are not "
                    + "made from such yet. Ask for the picture of one instance.")
        }
        let word = if case .thumbnail = request.resource { "thumbnail" } else { "rendered" }
        let query: String?
        do { query = try request.rendering.wadoRSQuery(rows: nil, columns: nil) } catch { throw Problem(error) }
        let path = "/studies/\(located.study)" + (series.map { "/series/\($0)" } ?? "") + "/\(word)"
        let asked = types.first.map { $0.hasSuffix("/*") ? "image/jpeg" : $0 } ?? "image/jpeg"
        let (response, backend, _) = try await collection(
            path, query: query, accept: asked, from: candidate, asking: "\(word) image", context)
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
        guard let candidate = located.choice.candidates.first else { throw Problem(located.choice.refusal) }
        if case .pixelData = request.resource {
            return try await deliverAllFrames(of: target, located, request, context)
        }
        guard candidate.type == .wadoRS else {
            return try await deriveBulk(of: target, located, request, context)
        }
        if !located.isListed { _ = try await facts(of: target, located, context) }
        let tail = if case .bulk(let tail) = request.resource { tail } else { "bulkdata" }
        let (response, backend, _) = try await collection(
            "\(target.path)/\(tail)", accept: "multipart/related; type=\"application/octet-stream\"", from: candidate,
            asking: "bulk data", context)
        let parts = PartSource(body: UpstreamBody(response), fields: response.head.fields, backend: backend.name)
        let sink = PartSink(
            gateway: self, context: context, located: located, type: "application/octet-stream",
            objectClass: "bulk")
        try await sink.sendBulk(parts, backend: backend.name, representation: request.representation)
    }

    /// Pixel Data is a part for each frame (PS3.18 §10.4.1.1.6), wherever the frames come from.
    private func deliverAllFrames(
        of target: InstanceTarget, _ located: Located, _ request: RetrieveRequest, _ context: RequestContext
    ) async throws(Problem) {
        let frames = try await facts(of: target, located, context).numberOfFrames
        var all = request
        all.resource = .frames(Array(1...max(1, min(frames, 1_000_000))))
        guard let objects = all.objects else { throw .unproven }
        try await deliver(objects, of: target, located, all, context)
    }

    /// Pixel Data by its bulk data path from an archive that knows no such paths: native pixels are one value, encapsulated
    /// ones a part for each frame.
    private func deriveBulk(
        of target: InstanceTarget, _ located: Located, _ request: RetrieveRequest, _ context: RequestContext
    ) async throws(Problem) {
        guard case .bulk(let tail) = request.resource, Self.elementPath(tail) != nil else {
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

    /// Asks a WADO-RS archive for a collection.
    private func collection(
        _ path: String, query: String? = nil, accept: String, from candidate: EndpointChoice.Candidate,
        asking noun: String, _ context: RequestContext
    ) async throws(Problem) -> (UpstreamResponse, Backend, base: HTTPURL) {
        guard let base = candidate.base else {
            throw Problem(status: 501, "The embedded archive is asked for instances only, so far.")
        }
        let backend = try permitted(base)
        context.entry.backend = backend.name
        let request = BackendRequest(url: base.appending(path: path, query: query), accept: accept, answer: .payload)
        let response = try await get(
            request, on: context.exchange.loop,
            clientAuthorization: context.exchange.request.fields["authorization"])
        context.entry.upstreamFirstByte = ContinuousClock.now - context.startedAt
        guard response.head.status == 200 || response.head.status == 206 else {
            throw Problem(backendStatus: response.head.status, backend: backend.name, asking: noun)
        }
        if response.head.status == 206 {
            context.warnings.append("299 wadogate: backend \(backend.name) has sent only a part of the \(noun)")
        }
        return (response, backend, base)
    }
}
