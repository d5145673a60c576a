// One GET to a FHIR server: headers, a bounded body, and failures in words that may be shown.
import EventLoop
import HTTP
import Upstream

/// Why a server could not be asked.
struct LookupFailure: Error, Sendable, Equatable {
    var timedOut: Bool
    /// A sentence without addresses.
    var detail: String
    /// Not even a connection came about: the next question would fare no better.
    var isUnreachable = false
}

extension LookupFailure {
    init(_ error: UpstreamError) {
        let (words, timedOut, isUnreachable): (String, Bool, Bool) =
            switch error.kind {
            case .notAllowed: ("its URL matches no configured backend", false, false)
            case .resolve: ("its host name cannot be resolved", false, true)
            case .connect: ("it cannot be connected", false, true)
            case .connectTimeout: ("connecting takes too long", true, true)
            case .firstByteTimeout: ("it does not answer in time", true, false)
            case .stalled: ("its answer stopped arriving", true, false)
            case .abandoned: ("its answer was not taken in time", true, false)
            case .closedEarly: ("it closed the connection early", false, false)
            case .tls: ("a trusted TLS connection cannot be made", false, true)
            case .protocolViolation: ("its answer is not proper HTTP", false, false)
            case .redirectRefused: ("it redirects to elsewhere", false, false)
            case .headTooLarge: ("the head of its answer is too large", false, false)
            case .queueFull: ("too many requests wait for it", false, false)
            case .queueTimeout: ("requests wait for it too long", true, false)
            case .credentials: ("its credentials cannot be read", false, false)
            case .cancelled: ("the request was given up", false, false)
            }
        self.init(timedOut: timedOut, detail: words, isUnreachable: isUnreachable)
    }
}

/// Sends the requests of one look-up; together they may take so long and no longer.
struct FHIRRequester: Sendable {
    struct Answer: Sendable {
        let status: Int
        let etag: String?
        /// Empty unless the status is 200.
        let body: [UInt8]
    }

    let upstream: Upstream
    /// The server that the look-up is about; no other one is asked.
    let server: Backend
    let loop: EventLoop
    let deadline: ContinuousClock.Instant

    /// How much of an error's body is read to be thrown away.
    private static let errorLimit = 64 << 10

    /// - Parameters:
    ///   - etag: asks only whether the resource is another than that.
    ///   - limit: the largest body, in bytes.
    /// - Throws: ``LookupFailure``.
    func get(_ url: HTTPURL, ifNot etag: String? = nil, limit: Int) async throws(LookupFailure) -> Answer {
        var fields = HTTPFields()
        fields.append("Accept", "application/fhir+json")
        // Else a server may pass over a criterion that it does not know, and answer with every study it has.
        fields.append("Prefer", "handling=strict")
        if let etag { fields.append("If-None-Match", etag) }
        guard mayAsk(url) else { throw LookupFailure(timedOut: false, detail: "it refers to another server") }
        do {
            let request = UpstreamRequest(url: url, role: .directory, fields: fields)
            let response = try await upstream.get(request, on: loop)
            defer { response.cancel() }
            let head = response.head
            if head.status == 200 {
                let body = try await read(response, limit: limit)
                return Answer(status: 200, etag: head.fields["ETag"], body: body)
            }
            // Read to its end, an answer leaves its connection to the next question.
            _ = try? await read(response, limit: Self.errorLimit)
            return Answer(status: head.status, etag: head.fields["ETag"], body: [])
        } catch let error as UpstreamError {
            throw LookupFailure(error)
        } catch let failure as LookupFailure {
            throw failure
        } catch {
            throw LookupFailure(timedOut: false, detail: "it cannot be asked")
        }
    }

    /// Whether a URL, which may come from the server's own answers, belongs to the server itself and not to another
    /// directory, which has other credentials.
    func mayAsk(_ url: HTTPURL) -> Bool { upstream.backend(for: url, role: .directory)?.match == server.match }

    private func read(_ response: UpstreamResponse, limit: Int) async throws -> [UInt8] {
        var body: [UInt8] = []
        while let piece = try await response.next() {
            guard body.count + piece.count <= limit else {
                throw LookupFailure(timedOut: false, detail: "its answer is larger than \(limit) bytes")
            }
            // A server that sends a byte now and then never stalls.
            guard ContinuousClock.now < deadline else {
                throw LookupFailure(timedOut: true, detail: "its answer takes too long")
            }
            body += piece
        }
        return body
    }
}
