// One FHIR JSON text – a resource, a Bundle of any kind, or NDJSON – taken apart into what the gateway needs.
// Must not know where the text came from, except for the server's base.
package import HTTP

/// One issue of an OperationOutcome, without its free text, which may name patients.
package struct OutcomeIssue: Sendable, Hashable {
    /// fatal, error, warning, information.
    package let severity: String
    /// "not-found", "throttled"…
    package let code: String

    /// Whether the request failed, rather than was remarked upon.
    package var isError: Bool { severity == "fatal" || severity == "error" }
}

/// The studies, endpoints and paging links of one text.
package struct FHIRDocument: Sendable {
    /// The type of the outermost resource: "Bundle"; of NDJSON, of the last line's.
    package private(set) var resourceType = ""
    /// The ImagingStudy resources that bear a Study Instance UID, in order.
    package var studies: [ParsedStudy] = []
    package private(set) var endpoints: [ParsedEndpoint] = []
    package private(set) var issues: [OutcomeIssue] = []
    /// `Bundle.link[next].url` as written.
    package private(set) var next: String?
    /// What was passed over, for the log; names elements, never values.
    package var notes: [String] { readingNotes.texts }
    /// Against what references were resolved.
    package private(set) var base: ReferenceBase

    private var readingNotes = ReadingNotes()

    /// Reads one JSON document.
    ///
    /// - Parameter server: the base of the FHIR server that sent it.
    /// - Throws: every case of ``FHIRError``.
    package init(
        json bytes: [UInt8], server: HTTPURL? = nil, limits: JSONLimits = JSONLimits()
    ) throws(FHIRError) {
        base = ReferenceBase(server: server)
        try read(try JSONReader.read(bytes, limits: limits), fullURL: nil, path: "the document", level: 0)
    }

    /// Reads NDJSON: one resource a line (FHIR Bulk Data).
    ///
    /// - Throws: every case of ``FHIRError``, its offset counted from the beginning of the text.
    package init(ndjson bytes: [UInt8], limits: JSONLimits = JSONLimits()) throws(FHIRError) {
        guard bytes.count <= limits.bytes else { throw .tooLarge("\(limits.bytes) bytes") }
        base = ReferenceBase(server: nil)
        for (number, line) in bytes.split(separator: 0x0a).enumerated() {
            guard line.contains(where: { $0 > 0x20 }) else { continue }
            do {
                let value = try JSONReader.read(Array(line), limits: limits)
                try read(value, fullURL: nil, path: "line \(number + 1)", level: 0)
            } catch .malformed(let offset, let what) {
                throw .malformed(offset: line.startIndex + offset, what)
            }
        }
    }

    private mutating func read(
        _ value: JSONValue, fullURL: String?, path: String, level: Int
    ) throws(FHIRError) {
        guard let type = value["resourceType"]?.string else { throw .notAResource(path: path) }
        if level == 0 { resourceType = type }
        let reader = ResourceReader(value, type: type, base: base, fullURL: fullURL)
        switch type {
        case "ImagingStudy":
            if let study = ParsedStudy(reader, notes: &readingNotes) { studies.append(study) }
        case "Endpoint": endpoints.append(ParsedEndpoint(reader))
        case "OperationOutcome": readIssues(value)
        case "Bundle": try readBundle(value, path: path, level: level)
        default: break
        }
    }

    private mutating func readIssues(_ value: JSONValue) {
        for issue in value["issue"]?.elements ?? [] where issues.count < 100 {
            let code = issue["code"]?.string ?? "unknown"
            issues.append(
                OutcomeIssue(severity: issue["severity"]?.string ?? "error", code: String(code.prefix(64))))
        }
    }

    /// Whatever an entry holds is taken, whether it matched, was included or is an outcome: who asked compares UIDs anyway.
    private mutating func readBundle(_ value: JSONValue, path: String, level: Int) throws(FHIRError) {
        guard level < 3 else { throw .tooLarge("3 Bundles inside each other") }
        for link in value["link"]?.elements ?? [] where level == 0 {
            switch (link["relation"]?.string, link["url"]?.string) {
            case ("next", let url?): next = url
            case ("self", let url?): learnOwnName(url)
            default: break
            }
        }
        let name = level == 0 ? "Bundle" : path
        let entries: [JSONValue]
        switch value["entry"] {
        case .array(let values): entries = values
        case .null, nil: entries = []
        default: throw .wrongType(path: "\(name).entry")
        }
        for (index, entry) in entries.enumerated() {
            // A batch response's entry may have a response and no resource.
            guard let resource = entry["resource"] else { continue }
            let entryPath = "\(name).entry[\(index)].resource"
            guard resource["resourceType"]?.string != nil else {
                readingNotes.add("\(entryPath) is not a FHIR resource")
                continue
            }
            try read(resource, fullURL: entry["fullUrl"]?.string, path: entryPath, level: level + 1)
        }
    }

    private mutating func learnOwnName(_ link: String) {
        guard let server = base.server, let url = HTTPURL(link), !server.contains(url) else { return }
        base = ReferenceBase(server: server, ownName: ReferenceBase.base(ofSearch: url))
    }
}
