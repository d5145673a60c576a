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
            let target = InstanceTarget(study: located.study, series: series, instance: instance)
            var one = located
            (one.series, one.target, one.choice) = (series, target, choice)
            var single = request
            (single.series, single.instance) = (series, instance)
            guard let variants = single.objects?.first else { continue }
            let obtained = try await obtain(variants, of: target, one, single, context)
            try await sink.send(obtained, target: target)
        }
    }

    // MARK: Metadata

    private func streamMetadata(
        _ located: Located, _ request: RetrieveRequest, _ context: RequestContext
    ) async throws(Problem) {
        var sources: [(EndpointChoice.Candidate, UID?)] = []
        for source in try plan(located).sources {
            guard case .collection(let candidate, let series) = source else {
                throw Problem(
                    status: 501,
                    "Part of this study lies on an archive without WADO-RS, and metadata is not derived from such "
                        + "archives yet. Ask for the metadata of the other series one by one.")
            }
            sources.append((candidate, series))
        }
        switch request.representation {
        case .json(let contentType):
            try await streamJSON(from: sources, contentType: contentType, located, context)
        default:
            let sink = PartSink(
                gateway: self, context: context, located: located, type: "application/dicom+xml",
                objectClass: "metadata")
            for (candidate, series) in sources {
                try await streamXML(from: candidate, series: series, located, sink, context)
            }
            try await sink.finish()
        }
    }

    private func streamJSON(
        from sources: [(EndpointChoice.Candidate, UID?)], contentType: String, _ located: Located,
        _ context: RequestContext
    ) async throws(Problem) {
        let base = baseBytes(context)
        var isFirst = true
        for (candidate, series) in sources {
            let path = metadataPath(located, series)
            let (response, backend, root) = try await collection(
                path, accept: "application/dicom+json", from: candidate, asking: "metadata", context)
            var rewriter = JSONMetadataRewriter(
                expecting: .init(study: located.study, series: series), base: root, document: response.url,
                token: bulkTokenMaker)
            let body = UpstreamBody(response)
            var hasItems = false
            do {
                while let piece = try await body.next() {
                    let rewritten = try rewriter.feed(piece)
                    if rewritten.isEmpty { continue }
                    try await beginDocument(contentType, isFirst: isFirst, separates: !hasItems, context)
                    (isFirst, hasItems) = (false, true)
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
        if isFirst { try await beginDocument(contentType, isFirst: true, separates: true, context) }
        try await context.write([UInt8(ascii: "]")])
        try await context.finish()
    }

    /// Opens the array, or separates two sources' items.
    private func beginDocument(
        _ contentType: String, isFirst: Bool, separates: Bool, _ context: RequestContext
    ) async throws(Problem) {
        if isFirst {
            let fields = context.fields(
                contentType: contentType, cacheControl: "private, no-cache", outcome: .bypass, objectClass: "metadata")
            try await context.begin(ResponseHead(status: 200, fields: fields), length: nil)
            try await context.write([UInt8(ascii: "[")])
        } else if separates {
            try await context.write([UInt8(ascii: ",")])
        }
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
        guard candidate.type == .wadoRS else {
            throw Problem(
                status: 501,
                "This series lies on an archive without WADO-RS, and bulk data is not derived from such archives yet. "
                    + "Ask for the instance instead.")
        }
        if !located.isListed { _ = try await facts(of: target, located, context) }
        let tail =
            switch request.resource {
            case .bulk(let tail): tail
            case .pixelData: "pixeldata"
            default: "bulkdata"
            }
        let (response, backend, _) = try await collection(
            "\(target.path)/\(tail)", accept: "multipart/related; type=\"application/octet-stream\"", from: candidate,
            asking: "bulk data", context)
        let parts = PartSource(body: UpstreamBody(response), fields: response.head.fields, backend: backend.name)
        let sink = PartSink(
            gateway: self, context: context, located: located, type: "application/octet-stream",
            objectClass: "bulk")
        try await sink.sendBulk(parts, backend: backend.name, representation: request.representation)
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
