// The metadata of whole studies and series: each archive's own documents, rewritten, or each instance's.
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
    func streamMetadata(
        _ located: Located, _ request: RetrieveRequest, _ context: RequestContext
    ) async throws(Problem) {
        let sources = try await plan(located, series: located.series, request.way, context).sources
        if case .json(let contentType) = request.representation {
            try await streamJSON(from: sources, contentType: contentType, located, request, context)
        } else {
            try await streamXML(from: sources, located, request, context)
        }
    }

    /// An archive's metadata, on its way.
    private typealias Documents = (response: UpstreamResponse, backend: Backend, root: HTTPURL, series: UID?)

    private func openMetadata(
        _ source: CollectionPlan.Source, accept: String, _ located: Located, _ request: RetrieveRequest,
        _ context: RequestContext
    ) async throws(Problem) -> Opened<Documents> {
        try await open(source, of: located, request, context) { candidates, series throws(Problem) in
            let able = candidates.filter { abilities(of: $0, at: context.loop.now).has(.metadata) != false }
            guard !able.isEmpty else {
                throw Problem(status: 501, "The archive of what was asked for is known to offer no metadata.")
            }
            let path = "/studies/\(located.study)" + (series.map { "/series/\($0)" } ?? "") + "/metadata"
            let (response, backend, root) = try await collection(
                path, accept: accept, from: able, asking: "metadata", as: .metadata, context)
            return (response, backend, root, series)
        }
    }

    private func streamXML(
        from sources: [CollectionPlan.Source], _ located: Located, _ request: RetrieveRequest,
        _ context: RequestContext
    ) async throws(Problem) {
        let sink = PartSink(
            gateway: self, context: context, located: located, type: "application/dicom+xml", objectClass: "metadata")
        let accept = "multipart/related; type=\"application/dicom+xml\""
        for source in sources {
            switch try await openMetadata(source, accept: accept, located, request, context) {
            case .whole(let documents):
                let (response, backend) = (documents.response, documents.backend)
                let parts = PartSource(
                    body: UpstreamBody(response), fields: response.head.fields, backend: backend.name)
                while try await parts.nextPart() != nil {
                    let rewriter = XMLMetadataRewriter(
                        expecting: .init(study: located.study, series: documents.series), base: documents.root,
                        document: response.url, token: bulkTokenMaker(backend.name))
                    try await sink.sendXML(parts, rewriter: rewriter, backend: backend.name)
                }
            case .members(let members):
                try await eachDocument(.xml, of: members, context) { member, document throws(Problem) in
                    try await sink.send(document, target: member.target)
                }
            }
        }
        try await sink.finish()
    }

    private func streamJSON(
        from sources: [CollectionPlan.Source], contentType: String, _ located: Located, _ request: RetrieveRequest,
        _ context: RequestContext
    ) async throws(Problem) {
        var array = JSONArraySink(contentType: contentType, context: context)
        for source in sources {
            if let series = await seriesOfDocuments(source, located, context) {
                do throws(Problem) {
                    switch try await openDocuments(series, source, located, request, context) {
                    case .whole(let first): try await stream(series, from: first, located, into: &array, context)
                    case .members(let members): try await stream(members, into: &array, context)
                    }
                    continue
                } catch {
                    // A part is streamed below, with a Warning, unless a whole was promised already.
                    guard error.status == Problem.partialDocument.status, !context.hasBegun else { throw error }
                }
            }
            switch try await openMetadata(source, accept: "application/dicom+json", located, request, context) {
            case .whole(let documents):
                try await streamJSON(documents, located, into: &array, context)
            case .members(let members): try await stream(members, into: &array, context)
            }
        }
        try await array.end()
    }

    private func stream(
        _ members: [CollectionMember], into array: inout JSONArraySink, _ context: RequestContext
    ) async throws(Problem) {
        let base = baseBytes(context)
        try await eachDocument(.json, of: members, context) { _, document throws(Problem) in
            try await array.separate(isNewSource: true)
            try await context.part(document.outcome) { () async throws(Problem) in
                try await send(document.piece, base: base, context)
            }
        }
    }

    // MARK: Stored documents of series

    /// The series of which an archive's documents are stored; nil where it is not known which series there are, or nothing may
    /// be stored.
    private func seriesOfDocuments(
        _ source: CollectionPlan.Source, _ located: Located, _ context: RequestContext
    ) async -> [UID]? {
        guard case .collection(let candidates, let series) = source, !passesClientCredentials(candidates) else {
            return nil
        }
        if let series { return [series] }
        let choice = choice(in: located.resolution, series: nil).only(candidates)
        guard case .counted(let counted) = await counts(of: located.study, by: choice, context), !counted.isEmpty else {
            return nil
        }
        let recorded = located.resolution.record.series.map(\.uid).filter { counted[$0] != nil }
        return recorded + counted.keys.filter { !recorded.contains($0) }.sorted()
    }

    /// The first of the documents, or the members of the source where its archive refuses.
    private func openDocuments(
        _ series: [UID], _ source: CollectionPlan.Source, _ located: Located, _ request: RetrieveRequest,
        _ context: RequestContext
    ) async throws(Problem) -> Opened<(Obtained, [EndpointChoice.Candidate])> {
        try await open(source, of: located, request, context) { candidates, _ throws(Problem) in
            let able = candidates.filter { abilities(of: $0, at: context.loop.now).has(.metadata) != false }
            guard !able.isEmpty, let first = series.first else {
                throw Problem(status: 501, "The archive of what was asked for is known to offer no metadata.")
            }
            return (try await seriesDocument(first, of: located, from: able, context), able)
        }
    }

    private func stream(
        _ series: [UID], from first: (document: Obtained, candidates: [EndpointChoice.Candidate]), _ located: Located,
        into array: inout JSONArraySink, _ context: RequestContext
    ) async throws(Problem) {
        let base = baseBytes(context)
        array.outcome = first.document.outcome
        for uid in series {
            let document =
                uid == series.first
                ? first.document
                : try await seriesDocument(uid, of: located, from: first.candidates, context)
            try await array.separate(isNewSource: true)
            try await context.part(document.outcome) { () async throws(Problem) in
                try await send(document.piece, base: base, context)
            }
        }
    }

    private func eachDocument(
        _ format: ObjectClass.Format, of members: [CollectionMember], _ context: RequestContext,
        deliver: (CollectionMember, Obtained) async throws(Problem) -> Void
    ) async throws(Problem) {
        try await each(of: members) { member throws(Problem) in
            (member, try await self.settled(try await self.obtain([.metadata(format)], of: member, context)))
        } deliver: { member, document throws(Problem) in
            try await deliver(member, document)
        }
    }

    private func streamJSON(
        _ documents: Documents, _ located: Located, into array: inout JSONArraySink, _ context: RequestContext
    ) async throws(Problem) {
        let base = baseBytes(context)
        let backend = documents.backend
        var rewriter = JSONMetadataRewriter(
            expecting: .init(study: located.study, series: documents.series), base: documents.root,
            document: documents.response.url, token: bulkTokenMaker(backend.name))
        let body = UpstreamBody(documents.response)
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
}
