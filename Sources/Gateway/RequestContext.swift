// One request on its way through the phases: its exchange, what is known of it so far, and what the log will say.
import DICOM
import DiskCache
import EventLoop
import Glibc
import HTTP
import HTTPServer
import StudyDirectory
import WADO

/// What the phases of one request share.
///
/// Unchecked because it belongs to its exchange's loop and is touched only there.
final class RequestContext: @unchecked Sendable {
    /// Nil for an errand of the gateway's own, such as warming: nobody is answered.
    private let client: Exchange?
    let loop: EventLoop
    /// What holds an errand back; nothing holds a client's request.
    let errand: Errand
    let startedAt: ContinuousClock.Instant
    var entry = RequestLogEntry()
    var principal = Principal(name: nil)
    /// The origin under which this client sees the gateway.
    var origin = ""
    var resolution: Resolution?
    /// The stored instance that was fetched for this client alone: all that its request needs is made from it.
    var ownInstance: Follower?
    /// The frame index that was read last, and the tag of its instance: a list of frames reads it once.
    var frameIndex: (etag: String, index: FrameIndex)?
    /// What a deflated instance was inflated to last, and the instance's tag.
    var inflated: (etag: String, object: StoredObject)?
    /// What was found out last of an instance: what tells it may still be on its way to the cache.
    var facts: InstanceFacts?
    /// Fills of backends that this request has begun.
    var fillsBegun = 0
    /// Body bytes of the answer's parts, where it has parts, for which no backend was asked.
    private var savedPartBytes: Int64 = 0
    /// `Warning` fields that go with the answer.
    var warnings: [String] = []
    private(set) var hasBegun = false

    init(exchange: Exchange) {
        client = exchange
        errand = Errand()
        loop = exchange.loop
        startedAt = exchange.loop.now
        entry.requestID = Self.identifier(from: exchange.request.fields["x-request-id"])
        entry.peer = exchange.peer
        // A method of the client's own making is its text, and stays out of the log.
        if case .other = exchange.request.method {
            entry.method = "other"
        } else {
            entry.method = exchange.request.method.description
        }
    }

    /// For an errand of the gateway's own.
    init(_ errand: Errand, on loop: EventLoop) {
        client = nil
        self.errand = errand
        self.loop = loop
        startedAt = loop.now
    }

    /// Where an answer is made: an errand never comes there.
    var exchange: Exchange {
        guard let client else { preconditionFailure("an errand answers nobody") }
        return client
    }

    var isErrand: Bool { client == nil }

    /// The client's Authorization, which goes on to backends that get the clients' own credentials.
    var clientAuthorization: String? { client?.request.fields["authorization"] }

    /// The client's Cache-Control.
    var cacheControl: String? { client?.request.fields["cache-control"] }

    /// Adds a `Warning`, once.
    func warn(_ text: String) {
        if !warnings.contains(text) { warnings.append(text) }
    }

    var isHead: Bool { exchange.request.method == .head }

    /// The client's own identifier when it is a harmless one, else a new one.
    private static func identifier(from field: String?) -> String {
        if let field, (1...64).contains(field.utf8.count), field.utf8.allSatisfy(Self.isHarmless) { return field }
        let digits = String(UInt64.random(in: .min ... .max), radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    private static func isHarmless(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."):
            true
        default: false
        }
    }

    // MARK: Answers

    /// Answers with a problem, or cuts the connection when the answer has already begun: the client must see that what it
    /// holds is not whole.
    func refuse(_ problem: Problem) {
        entry.failure = entry.failure ?? problem.logSentence
        entry.detail = entry.detail ?? problem.detail
        entry.backend = entry.backend ?? problem.backend
        if hasBegun {
            exchange.abort()
            return
        }
        hasBegun = true
        // What was known of the cache's part stands in no field of this answer.
        (entry.cache, entry.objectClass) = (nil, nil)
        entry.status = problem.status
        var fields = HTTPFields()
        fields.append("Content-Type", "text/plain; charset=utf-8")
        fields.append("Cache-Control", "no-store")
        fields.append("Vary", "Accept, Authorization")
        fields.append("X-Request-Id", entry.requestID)
        if let allow = problem.allow { fields.append("Allow", allow) }
        if let seconds = problem.retryAfter { fields.append("Retry-After", "\(seconds)") }
        if problem.status == 401 { fields.append("WWW-Authenticate", "Bearer realm=\"wadogate\"") }
        let text = "\(problem.sentence)\nRequest \(entry.requestID)\n"
        exchange.respond(ResponseHead(status: problem.status, fields: fields), body: .bytes(Array(text.utf8)))
    }

    /// Answers whole, at once.
    func respond(_ head: ResponseHead, body: ResponseBody) {
        hasBegun = true
        entry.status = head.status
        exchange.respond(head, body: body)
    }

    /// Begins a streamed answer.
    ///
    /// - Throws: ``Problem/answered`` after the head of a HEAD.
    func begin(_ head: ResponseHead, length: Int64?) async throws(Problem) {
        hasBegun = true
        entry.status = head.status
        do {
            try await exchange.begin(head, length: length)
            // A HEAD is answered with its head: nothing more is fetched for its sake.
            if isHead { try await exchange.finish() }
        } catch { throw .clientGone }
        if isHead { throw .answered }
    }

    func write(_ bytes: [UInt8]) async throws(Problem) {
        if bytes.isEmpty { return }
        do { try await exchange.write(bytes) } catch { throw .clientGone }
    }

    func write(_ region: FileRegion) async throws(Problem) {
        if region.length == 0 { return }
        do { try await exchange.write(region) } catch { throw .clientGone }
    }

    func finish() async throws(Problem) {
        do { try await exchange.finish() } catch { throw .clientGone }
    }

    // MARK: Accounting

    /// Sends one object of an answer made of several, and counts it.
    func part(_ outcome: CacheOutcome, send: () async throws(Problem) -> Void) async throws(Problem) {
        let outcome = told(outcome)
        let before = exchange.bytesSent
        defer {
            entry.parts[outcome, default: 0] += 1
            if spares(outcome) { savedPartBytes += exchange.bytesSent - before }
        }
        try await send()
    }

    /// Body bytes sent for which this request has asked no backend: those of objects that were stored, that another request
    /// was fetching, or that were made from a stored instance. What lies around the parts of a list is not counted.
    var savedBytes: Int64 {
        if !entry.parts.isEmpty { return savedPartBytes }
        return entry.cache.map(spares) == true ? exchange.bytesSent : 0
    }

    private func spares(_ outcome: CacheOutcome) -> Bool {
        switch outcome {
        case .hit, .follow, .stale: true
        // The instance may have been fetched for it just now.
        case .derived: fillsBegun == 0
        case .miss, .bypass: false
        }
    }

    /// A hit that rests on a record of yesterday is told as stale.
    private func told(_ outcome: CacheOutcome) -> CacheOutcome {
        outcome == .hit && resolution?.isStale == true ? .stale : outcome
    }

    /// The fields of every good answer. What X-Cache says here is what the log and the metrics say.
    func fields(contentType: String, cacheControl: String, outcome: CacheOutcome, objectClass: String) -> HTTPFields {
        let outcome = told(outcome)
        entry.cache = outcome
        entry.objectClass = objectClass
        var fields = HTTPFields()
        fields.append("Content-Type", contentType)
        fields.append("Cache-Control", cacheControl)
        fields.append("Vary", "Accept, Authorization")
        fields.append("X-Cache", "\(outcome.rawValue); \(objectClass)")
        fields.append("X-Request-Id", entry.requestID)
        fields.append("X-Content-Type-Options", "nosniff")
        // Texts come from archives: no script in them runs in the gateway's origin.
        if contentType.hasPrefix("text/") { fields.append("Content-Security-Policy", "sandbox; default-src 'none'") }
        if outcome == .stale { fields.append("Warning", "110 wadogate \"Response is Stale\"") }
        for warning in warnings { fields.append("Warning", warning) }
        let milliseconds = (ContinuousClock.now - startedAt) / .milliseconds(1)
        fields.append("Server-Timing", "cache;desc=\(outcome.rawValue), gateway;dur=\(Int(milliseconds))")
        return fields
    }
}

/// How the cache took part in an answer.
package enum CacheOutcome: String, Sendable, CaseIterable {
    case hit, miss, follow, derived, stale, bypass

    /// The outcome of an answer made of several objects: the one that cost most.
    func combined(with other: CacheOutcome) -> CacheOutcome {
        let cost: [CacheOutcome] = [.bypass, .miss, .follow, .stale, .derived, .hit]
        return cost.first { $0 == self || $0 == other } ?? self
    }
}

extension Problem {
    /// No problem: there is nothing left to do.
    static let answered = Problem(status: 0, "")
    var isAnswered: Bool { status == 0 }

    /// The client left; nobody is there to be told.
    static let clientGone = Problem(status: 499, "The client has gone.")
}

/// Seconds since 1970.
func secondsSince1970() -> Int64 { Int64(time(nil)) }
