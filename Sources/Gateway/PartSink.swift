// Writes a streamed multipart answer: the head with the first part that has proven itself, then part after part.
import CachePolicy
import DICOM
import DiskCache
import HTTP
import HTTPServer
import WADO

/// What each data set of a streamed collection must be.
struct DataSetCheck {
    let study: UID
    /// Nil: any series of the study.
    let series: UID?
    /// What the client takes; "*" for anything.
    let syntaxes: [String]
    let backend: String

    func check(_ facts: InstanceFacts) throws(Problem) {
        guard facts.study == study, series.map({ $0 == facts.series }) ?? true else {
            throw .badBody(
                from: backend, "an instance of another study or series than the one asked for",
                detail: "\(facts.study) \(facts.series) \(facts.instance)")
        }
        let syntax = facts.transferSyntax?.string
        guard syntaxes.contains("*") || syntax.map(syntaxes.contains) ?? false else {
            throw .notAcceptable(
                have: ObjectDescription(mediaType: "application/dicom", transferSyntax: syntax, backend: backend))
        }
    }
}

/// The receiving end of streamed parts; bound to its request's loop.
final class PartSink {
    private let gateway: Gateway
    private let context: RequestContext
    private let envelope: MultipartEnvelope
    /// Nil: the first part's.
    private let type: String?
    private let objectClass: String
    private let wanted: Representation.Envelope
    private var outcome: CacheOutcome?
    private var count = 0
    /// The only object so far, which is the whole answer if no other follows.
    private var held: Part?

    private struct Part {
        let obtained: Obtained
        let location: String
    }

    /// - Parameters:
    ///   - type: the parts' media type; nil for that of the first.
    ///   - objectClass: the word for X-Cache and the log.
    ///   - envelope: `.single` for a client that takes one object only, if there is but one.
    init(
        gateway: Gateway, context: RequestContext, located: Located, type: String?, objectClass: String,
        envelope wanted: Representation.Envelope = .multipart
    ) {
        self.gateway = gateway
        self.wanted = wanted
        self.context = context
        self.type = type
        self.objectClass = objectClass
        let name =
            "\(located.study)\n\(located.series?.string ?? "")\n\(type ?? objectClass)\n\(context.entry.requestID)"
        envelope = gateway.envelope(named: name)
    }

    /// Says what some of the parts will cost, before the head is sent: its X-Cache tells the outcome that costs most, as far
    /// as that is known then.
    func expect(_ outcome: CacheOutcome) { self.outcome = self.outcome?.combined(with: outcome) ?? outcome }

    /// A Part 10 file whose UIDs are checked before its first byte is sent.
    func send(_ parts: PartSource, check: DataSetCheck) async throws(Problem) {
        var head = try await DataSetHead(of: parts, backend: check.backend)
        let facts = head.facts
        try check.check(facts)
        let target = InstanceTarget(study: facts.study, series: facts.series, instance: facts.instance)
        // What a part says of its length is not known to be true before its end.
        try await beginPart(
            "application/dicom", syntax: facts.transferSyntax?.string, length: nil, location: target.path)
        try await context.write(head.takeBytes())
        while let piece = try await head.next(of: parts) { try await context.write(piece) }
    }

    /// An object from the cache or on its way into it.
    ///
    /// - Parameter location: its resource's path; nil for the object's own.
    /// - Throws: ``Problem`` 406 for a second one, when the client takes one only.
    func send(_ obtained: Obtained, target: InstanceTarget, location: String? = nil) async throws(Problem) {
        let part = Part(obtained: obtained, location: location ?? obtained.location(of: target))
        guard wanted == .single else { return try await send(part) }
        guard held == nil else {
            throw Problem(
                status: 406, "Several parts need multipart/related; the request accepts single-part answers only.")
        }
        held = part
    }

    private func send(_ part: Part) async throws(Problem) {
        let base = gateway.baseBytes(context)
        let description = part.obtained.description
        if count == 0 { expect(part.obtained.outcome) }
        try await beginPart(
            description.mediaType, syntax: description.transferSyntax,
            length: part.obtained.piece.length(baseLength: base.count), location: part.location)
        try await context.part(part.obtained.outcome) { () async throws(Problem) in
            try await gateway.send(part.obtained.piece, base: base, context)
        }
    }

    private func sendAlone(_ part: Part) async throws(Problem) {
        let base = gateway.baseBytes(context)
        expect(part.obtained.outcome)
        try await beginAnswer(
            contentType: part.obtained.description.contentType,
            length: part.obtained.piece.length(baseLength: base.count)
        )
        try await gateway.send(part.obtained.piece, base: base, context)
        try await context.finish()
    }

    func sendXML(
        _ parts: PartSource, rewriter: XMLMetadataRewriter, backend: String
    ) async throws(Problem) {
        var rewriter = rewriter
        var hasBegun = false
        let base = gateway.baseBytes(context)
        try await Problem.reading(from: backend) {
            while let piece = try await parts.nextBytes() {
                let rewritten = try rewriter.feed(piece)
                if rewritten.isEmpty { continue }
                if !hasBegun { try await beginPart("application/dicom+xml", length: nil, location: nil) }
                hasBegun = true
                try await context.write(completing(rewritten, base: base))
            }
            _ = try rewriter.finish()
        }
    }

    /// The archive's pictures of a study or series: one as it is, several as parts.
    func sendPictures(
        _ parts: PartSource, backend: String, representation: Representation, envelope wanted: Representation.Envelope,
        asked: String
    ) async throws(Problem) {
        var isBare = false
        while let fields = try await parts.nextPart() {
            if isBare { throw .badBody(from: backend, "several pictures where one was asked for") }
            var first = try await parts.nextBytes() ?? []
            while first.count < 16, let more = try await parts.nextBytes() { first += more }
            if first.isEmpty { throw .badBody(from: backend, "an empty picture") }
            let declared = fields["content-type"].flatMap { MediaType(parsing: $0)?.type } ?? ""
            guard let actual = BodyInspector.sniff(first) ?? (declared == asked ? declared : nil),
                representation.accepts(mediaType: actual, transferSyntax: nil)
            else { throw .badBody(from: backend, "\(declared) where a picture was asked for") }
            let length = parts.announcedLength(of: fields)
            if wanted == .multipart {
                try await beginPart(actual, length: length, location: nil)
            } else {
                isBare = true
                try await beginAnswer(contentType: actual, length: length)
            }
            try await context.write(first)
            while let piece = try await parts.nextBytes() { try await context.write(piece) }
        }
        if isBare { try await context.finish() } else { try await finish() }
    }

    /// The archive's parts of bulk data, whose membership was proven before.
    func sendBulk(_ parts: PartSource, backend: String, representation: Representation) async throws(Problem) {
        var isBare = false
        while let fields = try await parts.nextPart() {
            let part =
                fields["content-type"].flatMap { MediaType(parsing: $0) } ?? MediaType("application/octet-stream")
            if part.type == "text/html" { throw .badBody(from: backend, "text/html where bulk data was asked for") }
            let description = ObjectDescription(
                mediaType: BodyInspector.harmless(PixelMediaType.modernName(of: part.type)),
                transferSyntax: part[parameter: "transfer-syntax"],
                backend: backend)
            guard
                representation.accepts(
                    mediaType: description.mediaType, transferSyntax: description.transferSyntax)
            else { throw .notAcceptable(have: description) }
            let length = parts.announcedLength(of: fields)
            if representation.envelope == .single {
                if isBare { throw .badBody(from: backend, "several parts, of which the request accepts one only") }
                isBare = true
                try await beginAnswer(contentType: description.contentType, length: length)
            } else {
                try await beginPart(
                    description.mediaType, syntax: description.transferSyntax, length: length, location: nil)
            }
            while let piece = try await parts.nextBytes() { try await context.write(piece) }
        }
        if isBare { try await context.finish() } else { try await finish() }
    }

    private func beginAnswer(contentType: String, length: Int64?) async throws(Problem) {
        let fields = context.fields(
            contentType: contentType, cacheControl: "private, no-cache", outcome: outcome ?? .bypass,
            objectClass: objectClass)
        try await context.begin(ResponseHead(status: 200, fields: fields), length: length)
    }

    private func beginPart(
        _ mediaType: String, syntax: String? = nil, length: Int64?, location: String?
    ) async throws(Problem) {
        if count == 0 {
            try await beginAnswer(contentType: envelope.contentType(rootType: type ?? mediaType), length: nil)
        }
        let part = MultipartEnvelope.Part(
            mediaType: mediaType, transferSyntax: syntax, length: length,
            location: location.map { context.origin + gateway.settings.dicomWebRoot + $0 })
        try await context.write(envelope.opening(of: part, isFirst: count == 0))
        count += 1
    }

    /// Ends the answer with the closing boundary.
    ///
    /// - Parameter nothing: what is thrown when no part came at all.
    func finish(nothing: Problem = .nothingThere) async throws(Problem) {
        if let held { return try await sendAlone(held) }
        if count == 0 { throw nothing }
        try await context.write(envelope.closing)
        try await context.finish()
    }
}

extension Problem {
    static let nothingThere = Problem(status: 404, "The archive holds nothing of what was asked for.")
}
