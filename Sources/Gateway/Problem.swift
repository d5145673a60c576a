// Why a request cannot be answered: one type for all rooms, mapped onto HTTP statuses in this one file.
import CachePolicy
import DICOM
import DiskCache
import FHIR
import HTTP
import StudyDirectory
import Upstream
import WADO

/// A failure with its status, its sentence for the client and its detail for the log.
package struct Problem: Error, Sendable {
    package var status: Int
    /// Names backends by their configured names and never an address.
    package var sentence: String
    package var retryAfter: Int?
    package var allow: String?
    /// The backend concerned.
    package var backend: String?
    /// For the log only.
    package var detail: String?
    /// Whether the sentence quotes what the client wrote, which has no place in a log.
    package var quotesClient = false
    /// Whether another endpoint may know better: connection failures, a backend's 404 and 5xx.
    package var allowsNextEndpoint = false
    /// The backend answered, and will not or cannot deliver this kind of object: it may be made from the instance.
    package var isBackendRefusal = false
    /// Resources that archives have refused, so that they may lack them altogether.
    var refusedResources: [RefusedResource] = []
    /// Endpoints that did not answer, or not as archives do: they are not asked in other words.
    var failedCandidates: [EndpointChoice.Candidate] = []
    /// The backend itself has said that there is no such thing.
    package var isBackendAbsence = false
    /// The answer broke off before its end: asked again, the archive may send it whole.
    package var isBrokenOff = false
    /// A stored object was dropped because its bytes were not those that had been stored.
    package var isDamage = false
    /// The object came and could not be kept as a whole: the archive may be asked for the part itself.
    package var isNotKept = false
    /// Whether another variant of the same object may be had where this one cannot.
    package var allowsNextVariant = false

    package init(status: Int, _ sentence: String, backend: String? = nil, detail: String? = nil) {
        self.status = status
        self.sentence = sentence
        self.backend = backend
        self.detail = detail
    }
}

/// A resource that an archive has refused with 404, 405 or 501.
struct RefusedResource: Sendable {
    var ability: Ability
    var archive: AbilityBook.Archive
    var status: Int
}

extension Problem {
    /// Whether the archive answered, and what it said concerns this resource or form alone: it may be asked in other words.
    var isRefusal: Bool {
        isNotKept || isBackendRefusal || allowsNextVariant || !refusedResources.isEmpty || status == 501
    }

    /// Whether the archive failed, so that what it said before may serve in need.
    var isOutage: Bool { [500, 502, 503, 504].contains(status) }

    /// Whether another way to the same object may lead there.
    var allowsNextStep: Bool { isRefusal || allowsNextEndpoint }

    /// The sentence for the log.
    var logSentence: String { quotesClient ? "The request was refused as it stands." : sentence }

    init(_ error: WADOError) {
        self.init(status: error.status, error.message)
        allow = error.allow
        allowsNextEndpoint = error.status == 501
        if error.status == 503 { retryAfter = 30 }
    }

    init(_ error: DirectoryError) {
        switch error {
        case .notFound:
            self.init(status: 404, "No source of the study directory knows this study.")
        case .conflictingSubjects:
            self.init(
                status: 409,
                "Several records bear this Study Instance UID and name different subjects. The study is refused until "
                    + "the records are corrected.")
        case .unavailable(let source, let timedOut, let detail):
            self.init(
                status: timedOut ? 504 : 502,
                "The study cannot be looked up: the directory source \(source) "
                    + (timedOut ? "did not answer in time." : "cannot be reached or gave no usable answer."),
                backend: source, detail: detail)
        }
    }

    init(_ error: UpstreamError) {
        let sentence = error.clientSentence.prefix(1).uppercased() + error.clientSentence.dropFirst() + "."
        self.init(status: error.status, sentence, backend: error.backend, detail: error.detail)
        allowsNextEndpoint = true
        isBrokenOff = [.closedEarly, .stalled].contains(error.kind)
        if error.status == 503 { retryAfter = 5 }
    }

    init(_ error: CacheError) {
        switch error {
        case .tooLarge, .notKept:
            self.init(
                status: 503,
                "The answer is made from a whole object, which the gateway's cache cannot keep at present: it is too large, "
                    + "or the cache's disk is full or failing.")
            retryAfter = 30
            isNotKept = true
        case .damaged:
            self.init(status: 503, "A stored object was found damaged and is fetched anew. Ask again.")
            retryAfter = 1
            isDamage = true
        case .io(let detail):
            self.init(status: 503, "The gateway's cache cannot be written at present.", detail: detail)
            retryAfter = 30
        case .fillFailed(let failure):
            switch failure.underlying {
            case let problem as Problem: self = problem
            case let error as CacheError: self.init(error)
            default: self.init(status: 502, "The object could not be fetched.", detail: "\(failure.underlying)")
            }
        }
    }

    /// An archive's metadata that is marked as a part of what was asked for.
    static let partialDocument = Problem(status: 206, "The archive has sent only a part of the metadata.")

    static let notStored = Problem(
        status: 504, "The cache does not hold it, and the request forbids to fetch it (only-if-cached).")

    /// A body that is not what was asked for; nothing of it is delivered or kept.
    static func badBody(from backend: String, _ what: String, detail: String? = nil) -> Problem {
        var problem = Problem(
            status: 502, "Backend \(backend) has sent \(what). Nothing of it was delivered or kept.", backend: backend,
            detail: detail)
        problem.allowsNextEndpoint = true
        return problem
    }

    static func wrongLength(from backend: String) -> Problem {
        badBody(from: backend, "a body of another length than it announced")
    }

    /// Runs what reads or rewrites a backend's body, its errors told as the backend's.
    static func reading<Value>(
        from backend: String, _ body: () async throws -> Value
    ) async throws(Problem) -> Value {
        do { return try await body() } catch {
            switch error {
            case let problem as Problem: throw problem
            case let error as RewriteError: throw Problem(error, from: backend)
            default: throw .badBody(from: backend, "something that cannot be read", detail: "\(error)")
            }
        }
    }

    init(_ error: RewriteError, from backend: String) {
        switch error {
        case .malformed(let offset, let detail):
            self = .badBody(from: backend, "metadata that cannot be read", detail: "\(detail) at byte \(offset)")
        case .truncated:
            self = .badBody(from: backend, "metadata that ends before its end")
            isBrokenOff = true
        case .wrongInstance(let detail):
            self = .badBody(from: backend, "the metadata of another instance than the one asked for", detail: detail)
        case .tooLarge(let detail):
            self = .badBody(from: backend, "metadata beyond the limits", detail: detail)
        }
    }

    init(_ error: MultipartError, from backend: String) {
        let what =
            switch error {
            case .truncated: "a multipart answer without its closing boundary"
            case .headTooLarge: "a multipart answer with an oversize part head"
            case .malformed: "a malformed multipart answer"
            case .tooManyParts: "a multipart answer of too many parts"
            }
        self = .badBody(from: backend, what, detail: "\(error)")
        if case .truncated = error { isBrokenOff = true }
    }

    init(_ error: DICOMError, from backend: String) {
        self = .badBody(from: backend, "something that is not a complete DICOM file", detail: "\(error)")
    }

    /// What a backend's status means for the client.
    init(backendStatus status: Int, backend: String, asking what: String) {
        switch status {
        case 404, 410:
            self.init(status: status, "Backend \(backend) has no such \(what).", backend: backend)
            isBackendAbsence = true
        case 400, 406, 415:
            self.init(
                status: 406, "Backend \(backend) cannot deliver the \(what) in the form asked for.", backend: backend)
            allowsNextVariant = true
        case 401, 403:
            self.init(
                status: 502, "Backend \(backend) refuses the gateway's credentials. Its operator must mend that.",
                backend: backend)
        case 405, 501:
            self.init(status: 501, "Backend \(backend) does not offer \(what) requests.", backend: backend)
        case 429, 503:
            self.init(status: 503, "Backend \(backend) is overloaded. Try again later.", backend: backend)
            retryAfter = 10
        case 504:
            self.init(status: 504, "Backend \(backend) has reported a time-out.", backend: backend)
        default:
            self.init(status: 502, "Backend \(backend) has failed with status \(status).", backend: backend)
            allowsNextVariant = true
        }
        isBackendRefusal = ![404, 410, 401, 403, 429, 503, 504].contains(status)
        detail = "status \(status)"
        allowsNextEndpoint = true
    }
}
