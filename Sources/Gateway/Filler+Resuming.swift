// A source that fails half-way is asked once more: its followers notice a pause.
import DiskCache
import FHIR
import HTTP
import Upstream
import WADO

extension Filler {
    /// What an answer that has begun told of itself, for asking on.
    struct Answered {
        let candidate: EndpointChoice.Candidate
        let request: BackendRequest
        let base: HTTPURL
        /// The body's, where its range could be asked for: a bare body with a strong validator and a length.
        var resumable: (tag: EntityTag, length: Int64)?

        init(
            _ response: UpstreamResponse, to request: BackendRequest, of candidate: EndpointChoice.Candidate,
            base: HTTPURL
        ) {
            self.base = base
            self.candidate = candidate
            self.request = request
            let fields = response.head.fields
            guard fields["content-type"]?.lowercased().hasPrefix("multipart/") != true,
                fields["accept-ranges"]?.lowercased() != "none",
                let tag = fields["etag"].flatMap({ EntityTag($0) }), !tag.isWeak,
                let length = PartSource.length(in: fields)
            else { return }
            resumable = (tag, length)
        }
    }

    /// Goes on where an answer has ended too early: by range from the same endpoint, else with a new answer of the next
    /// endpoint, or the same if there is no other, which must begin with the very bytes that are there.
    ///
    /// - Throws: ``Problem``: the second failure.
    func resume() async throws(Problem) {
        let (checksums, length) = writer.soFar
        replay = Replay(checksums: checksums, length: length)
        guard let answered else { throw .otherContent }
        if let (tag, whole) = answered.resumable, length < whole {
            let backend = try gateway.permitted(answered.base)
            let response = try await gateway.get(
                answered.request, on: loop, clientAuthorization: clientAuthorization,
                range: (from: length, tag))
            switch response.head.status {
            case 206 where response.head.fields["content-range"] == "bytes \(length)-\(whole - 1)/\(whole)":
                replay = nil
                return try await appendRest(of: response, from: length, to: whole, backend: backend.name)
            case 200:
                return try await take(
                    response, to: answered.request, of: answered.candidate, base: answered.base, backend: backend)
            default: break
            }
        }
        let next = choice.candidates.firstIndex(of: answered.candidate).map { choice.candidates[($0 + 1)...] }
        try await fill(from: next?.first ?? answered.candidate)
    }

    private func appendRest(
        of response: UpstreamResponse, from offset: Int64, to end: Int64, backend: String
    ) async throws(Problem) {
        let body = UpstreamBody(response)
        var length = offset
        while let piece = try await body.next() {
            length += Int64(piece.count)
            guard length <= end else { throw .wrongLength(from: backend) }
            try await append(piece)
        }
        guard length == end else { throw .wrongLength(from: backend) }
    }
}

extension Problem {
    static let otherContent = Problem(
        status: 502, "The archive broke off, and what it sent when asked again was not the same.")
}
