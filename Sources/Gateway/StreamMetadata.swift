// The metadata of whole studies and series: each archive's own documents, rewritten, or each instance's.
import CachePolicy
import DICOM
import DiskCache
import EventLoop
import FHIR
import HTTP
import HTTPServer
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
        let base = baseBytes(context)
        for source in sources {
            switch try await openMetadata(source, accept: "application/dicom+json", located, request, context) {
            case .whole(let documents):
                try await streamJSON(documents, located, into: &array, context)
            case .members(let members):
                try await eachDocument(.json, of: members, context) { _, document throws(Problem) in
                    try await array.separate(isNewSource: true)
                    try await send(document.piece, base: base, context)
                }
            }
        }
        try await array.end()
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
