// A plan in words, for `explain`. Pure.
package import CachePolicy
package import DICOM
package import FHIR
internal import HTTP

extension RetrievePlan {
    /// One sentence for each step, in order.
    ///
    /// - Parameters: as of the plan itself.
    package func sentences(
        of target: InstanceTarget, as request: RetrieveRequest, facts: InstanceFacts?,
        abilities: (EndpointChoice.Candidate) -> Abilities
    ) -> [String] {
        steps.map { step in
            switch step {
            case .cached(let object): return "send the \(object.noun) that the cache holds"
            case .derive: return "make it from the stored instance, which the cache holds"
            case .asStored: return "send the instance as it is stored, its transfer syntax named"
            case .fetch(let candidates):
                return "fetch the stored instance from \(Self.names(candidates)), keep it, and make it from that"
            case .ask(let candidates, let variants), .translate(let candidates, let variants):
                guard let first = candidates.first, let object = variants.first else { return "" }
                var known = abilities(first)
                if case .translate = step { known.known[.thumbnail] = .configured(false) }
                return "ask \(Self.names(candidates))"
                    + Self.question(object, variants.count, of: target, request, first, facts, known)
            }
        }
    }

    private static func names(_ candidates: [EndpointChoice.Candidate]) -> String {
        candidates.map { "\($0.endpoint.id) (\($0.type.code))" }.joined(separator: ", else ")
    }

    private static func question(
        _ object: ObjectClass, _ variants: Int, of target: InstanceTarget, _ request: RetrieveRequest,
        _ candidate: EndpointChoice.Candidate, _ facts: InstanceFacts?, _ known: Abilities
    ) -> String {
        guard let base = candidate.base else { return " for the \(object.noun)" }
        let asked: BackendRequest
        do {
            asked = try BackendRequest(
                for: object, of: target, rendering: request.rendering, from: candidate.type, base: base,
                abilities: known, facts: facts)
        } catch {
            return facts == nil
                ? " for the \(object.noun), once the image's size and frames are known from its metadata or file"
                : ": \(error.message)"
        }
        var text = ": GET \(asked.url.path)"
        if let query = asked.url.query { text += "?\(query)" }
        text += ", Accept: \(asked.accept)"
        if variants > 1 {
            text += "; else in the \(variants - 1) other form\(variants > 2 ? "s" : "") that the request accepts"
        }
        let unknown = known.unknown(of: asked.needs.union(asked.wants)).map(\.rawValue)
        if !unknown.isEmpty { text += "; first a probe shows whether it honours \(unknown.joined(separator: ", "))" }
        return text
    }
}

extension ObjectClass {
    /// The object in a sentence.
    package var noun: String {
        switch self {
        case .instance: "instance"
        case .frame: "frame"
        case .bulk: "bulk data"
        case .metadata: "metadata"
        case .rendered: "rendered image"
        case .thumbnail: "thumbnail"
        case .frameIndex: "frame index"
        case .members: "list of instances"
        }
    }
}

extension RetrieveRequest {
    /// What is asked for, in words: "frames 1, 5 of an instance".
    package var sentence: String {
        let level = instance != nil ? "an instance" : series != nil ? "a series" : "a study"
        func list(_ frames: [Int]) -> String {
            let shown = frames.prefix(8).map { "\($0)" }.joined(separator: ", ")
            return (frames.count == 1 ? "frame " : "frames ") + shown + (frames.count > 8 ? "… (\(frames.count))" : "")
        }
        return switch resource {
        case .dataSets: instance != nil ? "an instance" : "the instances of \(level)"
        case .metadata: "the metadata of \(level)"
        case .frames(let frames): "\(list(frames)) of an instance"
        case .rendered(nil): "the rendered images of \(level)"
        case .rendered(let frames?): "\(list(frames)) of an instance, rendered"
        case .thumbnail: "a thumbnail of \(level)"
        case .bulk: "bulk data of an instance"
        case .pixelData: "the pixel data of \(level)"
        case .bulkData: "all bulk data of \(level)"
        }
    }
}

extension Representation {
    /// The forms that the client takes, in words, best first.
    package var sentence: String {
        let forms: [String] =
            switch self {
            case .dataSets(let syntaxes, _): syntaxes.map { "application/dicom; transfer-syntax=\($0)" }
            case .bulk(let types, _): types.map { "\($0.type); transfer-syntax=\($0.syntax)" }
            case .json(let contentType): [contentType]
            case .xml: ["application/dicom+xml"]
            case .rendered(let types, _): types
            }
        let wrapped =
            switch envelope {
            case .multipart: "multipart"
            case .single: "single part"
            case .either: "single part or multipart"
            }
        return forms.joined(separator: ", else ") + " (\(wrapped))"
    }
}
