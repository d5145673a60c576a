// Whether what arrived is what the client said it takes, and in which variants it may be looked for. Pure.
package import CachePolicy

extension Representation {
    /// Whether a payload of this type and syntax satisfies the client.
    package func accepts(mediaType: String, transferSyntax: String?) -> Bool {
        switch self {
        case .dataSets(let syntaxes, _):
            syntaxes.contains("*") || transferSyntax.map(syntaxes.contains) ?? false
        case .bulk(let types, _):
            types.contains { $0.accepts(mediaType: mediaType, transferSyntax: transferSyntax) }
        case .json, .xml:
            true
        case .rendered(let types, _):
            types.contains { Self.range($0, covers: mediaType) }
        }
    }

    /// Whether it is not only accepted, but nothing better may be had: of a data set that is taken as stored only where a
    /// named syntax cannot be had, another syntax than a named one is not.
    package func isSatisfied(mediaType: String, transferSyntax: String?) -> Bool {
        guard case .dataSets(let syntaxes, _) = self else {
            return accepts(mediaType: mediaType, transferSyntax: transferSyntax)
        }
        return syntaxes.first == "*" || transferSyntax.map(syntaxes.contains) ?? false
    }

    package var envelope: Envelope {
        switch self {
        case .dataSets(_, let envelope), .bulk(_, let envelope), .rendered(_, let envelope): envelope
        case .json: .single
        case .xml: .multipart
        }
    }

    /// What is asked for where a client takes a whole range of rendered types (PS3.18 §8.7.4).
    static func concrete(_ range: String) -> String {
        switch range {
        case "*/*", "image/*": "image/jpeg"
        case "text/*": "text/html"
        case "video/*": "video/mp4"
        default: range
        }
    }

    /// - Parameter type: with or without parameters.
    static func range(_ range: String, covers type: String) -> Bool {
        let type = type.prefix { $0 != ";" }
        if range == "*/*" { return true }
        if range.hasSuffix("/*") { return type.hasPrefix(range.dropLast()) }
        return range == type
    }
}

extension Representation.BulkType {
    package func accepts(mediaType: String, transferSyntax: String?) -> Bool {
        // Octet-stream with any syntax is how viewers say "as stored, whatever it is" (CLIENTS, cornerstone3D).
        let asStored = type == "application/octet-stream" && syntax == "*"
        guard asStored || Representation.range(type, covers: mediaType) else { return false }
        guard syntax != "*", let transferSyntax else { return true }
        return syntax == transferSyntax || (PixelMediaType.isRaw(syntax) && PixelMediaType.isRaw(transferSyntax))
    }
}

extension RetrieveRequest {
    /// The objects of one instance that answer this request, in order of delivery; each as its variants, best first.
    ///
    /// Nil when the resource is no list of single objects (a study, a series, a collection of bulk data).
    package var objects: [[ObjectClass]]? {
        guard instance != nil else { return nil }
        switch resource {
        case .dataSets: return [syntaxes.map { .instance(syntax: $0) }]
        case .frames(let numbers): return numbers.map { number in syntaxes.map { .frame(number, syntax: $0) } }
        case .metadata:
            if case .xml = representation { return [[.metadata(.xml)]] }
            return [[.metadata(.json)]]
        case .bulk(let tail): return Self.isPixelData(tail) ? nil : [[.bulk(tail: tail)]]
        case .rendered(nil): return [pictures { .rendered(frame: nil, parameters: $0, type: $1) }]
        case .rendered(let frames?):
            return frames.map { frame in pictures { .rendered(frame: frame, parameters: $0, type: $1) } }
        case .thumbnail(let frame): return [pictures { .thumbnail(frame: frame, parameters: $0, type: $1) }]
        case .pixelData, .bulkData: return nil
        }
    }

    /// Pixel Data as bulk data is a part for each frame or fragment: never one object.
    private static func isPixelData(_ tail: String) -> Bool {
        tail.split(separator: "/").last?.lowercased() == "7fe00010"
    }

    private var syntaxes: [String] {
        let wanted: [String] =
            switch representation {
            case .dataSets(let syntaxes, _): syntaxes
            case .bulk(let types, _): types.map { $0.syntax }
            default: []
            }
        var seen = Set<String>()
        return wanted.map { $0 == "*" ? ObjectClass.stored : $0 }.filter { seen.insert($0).inserted }
    }

    private func pictures(_ make: (String, String) -> ObjectClass) -> [ObjectClass] {
        guard case .rendered(let types, _) = representation else { return [] }
        return types.map(Representation.concrete).map { make(rendering.relevant(to: $0).normalForm, $0) }
    }
}
