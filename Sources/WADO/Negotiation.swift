// Which representation a client gets, from what it says it accepts and what kind of thing it asks for
// (PS3.18 §8.7.5–8.7.8). Must not know what an archive holds.
private import DICOM
internal import HTTP

/// What a client accepts, best first: the query's `accept` before the Accept field, since it wins over it.
struct Negotiation {
    private let ranges: [MediaType]

    /// - Parameters:
    ///   - query: values of the query parameter `accept`.
    ///   - fields: values of the Accept field; none means `*/*`.
    init(query: [String], fields: [String]) {
        let queried = query.isEmpty ? [] : Accept(query).entries
        ranges = (queried + Accept(fields).entries).filter { $0.weight > 0 }.map { $0.range }
    }

    /// Explicit VR Little Endian, which is meant where no transfer syntax is named (PS3.18 §8.7.3.5).
    private static let defaultSyntax = "1.2.840.10008.1.2.1"

    // MARK: Whole data sets

    /// - Returns: data sets, or the bulk data of the target for a client that asks in the historical form
    ///   (`type="application/octet-stream"` on an instance), or nil when nothing fits.
    func dataSets() -> Representation? {
        var syntaxes = Preferences<String>()
        for range in ranges {
            guard let (type, envelope) = Self.root(of: range, default: "application/dicom") else { continue }
            switch type {
            // Where no syntax is named, Explicit VR Little Endian is meant; where that can't be had, the object as it is
            // stored, its syntax named, serves better than a refusal.
            case "application/dicom": syntaxes.add(Self.syntaxes(of: range) ?? [Self.defaultSyntax, "*"], envelope)
            // Anything means the resource's default, and that is multipart (PS3.18 Table 10.4.4-1).
            case "*/*", "application/*":
                syntaxes.add(Self.syntaxes(of: range) ?? [Self.defaultSyntax, "*"], .multipart)
            default: continue
            }
        }
        if let result = syntaxes.result { return .dataSets(syntaxes: result.values, envelope: result.envelope) }
        return Negotiation(ranges: ranges.filter(Self.asksForBulkData)).bulk(anyType: false)
    }

    private init(ranges: [MediaType]) {
        self.ranges = ranges
    }

    /// A bare image type on an instance means a picture, which is another resource.
    private static func asksForBulkData(_ range: MediaType) -> Bool {
        range.type == "multipart/related" || range.type == "application/octet-stream"
    }

    // MARK: Metadata

    func metadata() -> Representation? {
        for range in ranges {
            switch range.type {
            case "application/json": return .json(contentType: "application/json")
            case "application/dicom+json", "*/*", "application/*":
                return .json(contentType: "application/dicom+json")
            case "application/dicom+xml": return .xml
            case "multipart/related" where range[parameter: "type"]?.lowercased() == "application/dicom+xml":
                return .xml
            default: continue
            }
        }
        return nil
    }

    // MARK: Bulk data

    /// - Parameter anyType: also types that carry no pixel data ("application/pdf"), for single attributes.
    func bulk(anyType: Bool) -> Representation? {
        var types = Preferences<Representation.BulkType>()
        for range in ranges {
            guard let (written, envelope) = Self.root(of: range, default: "application/octet-stream") else { continue }
            let type = PixelMediaType.modernName(of: written)
            let asked = Self.syntaxes(of: range)
            switch type {
            case "*/*", "application/*":
                // The default first; yet whoever takes anything takes it as stored, too.
                types.add(
                    asked.map { Self.bulkTypes("*/*", $0) }
                        ?? Self.bulkTypes("application/octet-stream", [Self.defaultSyntax])
                        + Self.bulkTypes("*/*", ["*"]),
                    .multipart)
            case "application/octet-stream": types.add(Self.bulkTypes(type, asked ?? [Self.defaultSyntax]), envelope)
            case "image/*", "video/*": types.add(Self.bulkTypes(type, asked ?? ["*"]), envelope)
            default:
                guard let syntax = PixelMediaType.defaultSyntax(of: type) ?? (anyType ? "*" : nil),
                    type != "application/dicom"
                else { continue }
                types.add(Self.bulkTypes(type, asked ?? [syntax]), envelope)
            }
        }
        return types.result.map { .bulk(types: $0.values, envelope: $0.envelope) }
    }

    private static func bulkTypes(_ type: String, _ syntaxes: [String]) -> [Representation.BulkType] {
        syntaxes.flatMap { syntax in
            let own = PixelMediaType.type(of: syntax)
            let asWritten = Representation.BulkType(type: type, syntax: syntax)
            // Octet-stream with a compressed syntax is how some viewers ask for that syntax.
            guard type == "application/octet-stream", syntax != "*", own != type else { return [asWritten] }
            return [asWritten, Representation.BulkType(type: own, syntax: syntax)]
        }
    }

    // MARK: Pictures and texts

    private static let renderedTypes = [
        "image/jpeg", "image/png", "image/gif", "image/jp2", "image/jph", "image/jxl", "video/mpeg", "video/mp4",
        "video/h265", "text/html", "text/plain", "text/xml", "text/rtf", "application/pdf",
    ]

    func rendered() -> Representation? {
        var types = Preferences<String>()
        for range in ranges {
            guard let (written, envelope) = Self.root(of: range, default: "*/*") else { continue }
            let type = written == "video/mpeg2" ? "video/mpeg" : written
            if Self.renderedTypes.contains(type) || ["*/*", "image/*", "video/*", "text/*"].contains(type) {
                types.add([type], envelope)
            }
        }
        guard let (all, envelope) = types.result else { return nil }
        // A browser names text/html first for everything. With a wildcard beside it, each kind of object gets its own
        // default, and an image must not be asked for as text.
        let values = all.contains("*/*") ? all.filter { !$0.hasPrefix("text/") } : all
        return .rendered(types: values, envelope: envelope)
    }

    /// The character sets named with types of texts.
    var textCharsets: [String] {
        ranges.filter { $0.type.hasPrefix("text/") }.flatMap { $0.values(ofParameter: "charset") }
    }

    // MARK: Ranges

    /// The media type that is meant, and how it is wrapped; nil for another kind of multipart.
    private static func root(
        of range: MediaType, default root: String
    ) -> (type: String, envelope: Representation.Envelope)? {
        if range.type == "*/*" { return ("*/*", .either) }
        guard range.type.hasPrefix("multipart/") else { return (range.type, .single) }
        guard range.type == "multipart/related" || range.type == "multipart/*" else { return nil }
        guard let written = range[parameter: "type"] else { return (root, .multipart) }
        // Parameters inside the quotes occur, too.
        return MediaType(parsing: written).map { ($0.type, .multipart) }
    }

    /// The transfer syntaxes that a range names, doubled parameters too; nil when it names none. Those that are neither
    /// "*" nor a UID count for nothing.
    private static func syntaxes(of range: MediaType) -> [String]? {
        let written =
            range.values(ofParameter: "transfer-syntax")
            + (range[parameter: "type"].flatMap { MediaType(parsing: $0) }?.values(ofParameter: "transfer-syntax") ?? [])
        guard !written.isEmpty else { return nil }
        return written.filter { $0 == "*" || UID($0) != nil }
    }
}

/// Values in order of preference, each once, with the envelope of the best.
private struct Preferences<Value: Hashable> {
    private var values: [Value] = []
    private var envelope: Representation.Envelope?

    mutating func add(_ more: [Value], _ envelope: Representation.Envelope) {
        guard !more.isEmpty else { return }
        self.envelope = self.envelope ?? envelope
        for value in more where !values.contains(value) { values.append(value) }
    }

    var result: (values: [Value], envelope: Representation.Envelope)? {
        envelope.map { (values, $0) }
    }
}
