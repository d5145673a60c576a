// Puts an answer together: which envelope, which fields, which validator; and what a condition or a range makes of it.
import CachePolicy
import DICOM
import DiskCache
import HTTP
import HTTPServer
import WADO

/// A good answer before conditions and ranges are applied.
struct ComposedAnswer {
    var pieces: [AnswerPiece]
    var fields: HTTPFields
    var etag: EntityTag
}

/// What goes over the wire.
struct AnswerDecision {
    var head: ResponseHead
    var pieces: [AnswerPiece]
    /// Nil: unknown, so chunked.
    var length: Int64?
}

extension Gateway {
    func compose(
        _ obtained: [Obtained], of target: InstanceTarget, _ request: RetrieveRequest, _ context: RequestContext
    ) -> ComposedAnswer {
        let outcome = obtained.dropFirst().reduce(obtained[0].outcome) { $0.combined(with: $1.outcome) }
        let objectClass = obtained[0].objectClass
        let (pieces, contentType, isExact) = enveloped(obtained, of: target, request, context)
        var fields = context.fields(
            contentType: contentType, cacheControl: objectClass.cacheControl, outcome: outcome,
            objectClass: objectClass.word)
        let etag = validator(of: obtained, contentType: contentType, isExact: isExact, context)
        fields.append("ETag", etag.description)
        if case .stored(let object, _) = obtained[0], outcome == .hit || outcome == .stale {
            fields.append("Age", "\(max(0, secondsSince1970() - object.description.storedAt))")
        }
        if obtained.count == 1, isExact, !pieces.isCompleted { fields.append("Accept-Ranges", "bytes") }
        return ComposedAnswer(pieces: pieces, fields: fields, etag: etag)
    }

    /// - Returns: `isExact` is false where a part's head does not name its length, since that is not known yet: the next
    ///   answer is made of the same parts and not of the same bytes.
    private func enveloped(
        _ obtained: [Obtained], of target: InstanceTarget, _ request: RetrieveRequest, _ context: RequestContext
    ) -> ([AnswerPiece], contentType: String, isExact: Bool) {
        if case .json(let contentType) = request.representation {
            let pieces = [.bytes([UInt8(ascii: "[")])] + obtained.map(\.piece) + [.bytes([UInt8(ascii: "]")])]
            return (pieces, contentType, true)
        }
        let isSingle =
            request.representation.envelope == .single
            || (request.representation.envelope == .either && obtained.count == 1)
        if isSingle { return ([obtained[0].piece], obtained[0].description.contentType, true) }
        let names = obtained.map { "\($0.objectClass)" }.joined(separator: "\n")
        let envelope = envelope(named: "\(target.path)\n\(names)")
        let baseLength = baseBytes(context).count
        var pieces: [AnswerPiece] = []
        var isExact = true
        for (index, part) in obtained.enumerated() {
            let length = part.piece.length(baseLength: baseLength)
            isExact = isExact && length != nil
            let head = MultipartEnvelope.Part(
                mediaType: part.description.mediaType, transferSyntax: part.description.transferSyntax,
                length: length,
                location: context.origin + settings.dicomWebRoot + part.location(of: target))
            pieces.append(.bytes(envelope.opening(of: head, isFirst: index == 0)))
            pieces.append(part.piece)
        }
        pieces.append(.bytes(envelope.closing))
        let root = obtained[0].description
        let isUniform = obtained.allSatisfy { $0.description.transferSyntax == root.transferSyntax }
        let contentType = envelope.contentType(
            rootType: root.mediaType, transferSyntax: isUniform ? root.transferSyntax : nil)
        return (pieces, contentType, isExact)
    }

    /// A boundary that nobody can foretell and that is the same for the same answer, so that its ranges fit together.
    func envelope(named name: String) -> MultipartEnvelope {
        let digest = hmacSHA256(key: boundaryKey, Array(name.utf8))
        guard let envelope = MultipartEnvelope(boundary: base64URL(Array(digest.prefix(24)))) else {
            preconditionFailure("32 letters, digits, dashes and underscores are a boundary")
        }
        return envelope
    }

    private func validator(
        of obtained: [Obtained], contentType: String, isExact: Bool, _ context: RequestContext
    ) -> EntityTag {
        let etags = obtained.map { $0.description.etag }
        if etags.count == 1, !obtained[0].piece.isCompleted, contentType == obtained[0].description.contentType {
            return EntityTag(opaque: etags[0])
        }
        let all = etags.joined(separator: " ") + contentType + context.origin
        let opaque = base64URL(Array(hmacSHA256(key: boundaryKey, Array(all.utf8)).prefix(12)))
        return EntityTag(opaque: opaque, isWeak: !isExact)
    }

    /// The answer as one call to the server, when all of it is checked and at hand.
    func whole(_ answer: ComposedAnswer, _ context: RequestContext) -> (ResponseHead, ResponseBody)? {
        let decision = answer.decide(for: context.exchange.request, baseLength: baseBytes(context).count)
        if decision.pieces.isEmpty { return (decision.head, .empty) }
        var prefix: [UInt8] = []
        var suffix: [UInt8] = []
        var region: FileRegion?
        for piece in decision.pieces {
            switch piece {
            case .bytes(let bytes): if region == nil { prefix += bytes } else { suffix += bytes }
            case .stored(let object, let range) where region == nil && object.isVerified(range):
                region = object.region(range)
            default: return nil
            }
        }
        guard let region else { return (decision.head, .bytes(prefix)) }
        return (decision.head, .file(prefix: prefix, region, suffix: suffix))
    }
}

extension ComposedAnswer {
    /// The fields of an answer that sends none of the body.
    private var bodiless: HTTPFields {
        var kept = fields
        kept.remove("Content-Type")
        return kept
    }

    /// Applies the request's conditions and range (RFC 9110 §13, §14).
    func decide(for request: RequestHead, baseLength: Int) -> AnswerDecision {
        let length = pieces.length(baseLength: baseLength)
        let whole = AnswerDecision(head: ResponseHead(status: 200, fields: fields), pieces: pieces, length: length)
        let allowsRange: Bool
        switch Preconditions(request.fields).evaluate(tag: etag, lastModified: nil) {
        case .proceed(let allowed): allowsRange = allowed && request.method == .get && !etag.isWeak
        case .notModified:
            return AnswerDecision(head: ResponseHead(status: 304, fields: bodiless), pieces: [], length: nil)
        case .failed:
            return AnswerDecision(head: ResponseHead(status: 412, fields: bodiless), pieces: [], length: 0)
        }
        guard let length, allowsRange, !pieces.isCompleted else { return whole }
        switch ByteRange.evaluate(request.fields["range"], length: length) {
        case .whole: return whole
        case .part(let range):
            guard let cut = pieces.cut(range.offset..<range.offset + range.count, baseLength: baseLength) else {
                return whole
            }
            var fields = fields
            fields.append("Content-Range", range.contentRange)
            return AnswerDecision(
                head: ResponseHead(status: 206, fields: fields), pieces: cut, length: range.count)
        case .unsatisfiable:
            var fields = bodiless
            fields.append("Content-Range", ByteRange.unsatisfiedContentRange(length: length))
            return AnswerDecision(head: ResponseHead(status: 416, fields: fields), pieces: [], length: 0)
        }
    }
}

extension AnswerPiece {
    /// Whether placeholders are completed on the way, so that offsets mean nothing to the next request.
    var isCompleted: Bool {
        switch self {
        case .completed, .completing: true
        case .bytes, .stored, .filling: false
        }
    }
}

extension [AnswerPiece] {
    var isCompleted: Bool { contains { $0.isCompleted } }
}

extension Obtained {
    var objectClass: ObjectClass {
        switch self {
        case .stored(let object, _): object.key.object
        case .filling(let follower, _, _): follower.fill.key.object
        case .slice(_, _, _, let object), .growing(_, _, _, let object): object
        }
    }

    var piece: AnswerPiece {
        switch self {
        case .stored(let object, _):
            if case .metadata = object.key.object {
                return .completed(object, 0..<object.length, placeholders: object.description.placeholders)
            }
            return .stored(object, 0..<object.length)
        case .filling(let follower, _, _):
            if case .metadata = follower.fill.key.object { return .completing(follower) }
            return .filling(follower, from: 0, to: nil)
        case .slice(let object, let range, let description, .metadata):
            return .completed(object, range, placeholders: description.placeholders)
        case .slice(let object, let range, _, _): return .stored(object, range)
        case .growing(let follower, let range, _, _):
            return .filling(follower, from: range.lowerBound, to: range.upperBound)
        }
    }

    /// The path of the object's own resource under the DICOMweb root.
    func location(of target: InstanceTarget) -> String {
        switch objectClass {
        case .instance: target.path
        case .frame(let number, _): "\(target.path)/frames/\(number)"
        case .bulk(let tail): "\(target.path)/\(tail)"
        case .metadata: "\(target.path)/metadata"
        case .rendered(nil, _, _): "\(target.path)/rendered"
        case .rendered(let frame?, _, _): "\(target.path)/frames/\(frame)/rendered"
        case .thumbnail(nil, _, _): "\(target.path)/thumbnail"
        case .thumbnail(let frame?, _, _): "\(target.path)/frames/\(frame)/thumbnail"
        case .frameIndex, .members: target.path
        }
    }
}

extension ObjectDescription {
    /// The media type with its transfer syntax: viewers guess wrongly where it is not named (CLIENTS, cornerstone3D).
    var contentType: String {
        guard let transferSyntax else { return mediaType }
        return "\(mediaType); transfer-syntax=\(transferSyntax)"
    }
}

extension ObjectClass {
    /// Pixels never change under their UID; headers do, so a browser asks again whether they have.
    var cacheControl: String {
        switch self {
        case .frame, .bulk: "private, max-age=3600"
        case .instance, .metadata, .rendered, .thumbnail, .frameIndex, .members: "private, no-cache"
        }
    }
}
