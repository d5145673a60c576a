// FHIR's recurring shapes (Coding, CodeableConcept, Identifier, meta), read leniently: what has a wrong type is passed
// over and noted, since one sloppy element must not hide a study.
import DICOM
import HTTP

/// What was passed over while reading; for the log. Names elements, never values.
struct ReadingNotes {
    private(set) var texts: [String] = []

    /// Notes beyond the first twenty are dropped: a hostile document must not fill the log.
    mutating func add(_ text: @autoclosure () -> String) {
        if texts.count < 20 { texts.append(text()) }
    }

    mutating func add(contentsOf other: ReadingNotes) {
        for text in other.texts { add(text) }
    }
}

/// One resource and where it stood.
struct ResourceReader {
    let resource: JSONValue
    let base: ReferenceBase
    /// `Bundle.entry.fullUrl`.
    let fullURL: String?
    /// What notes call it: "ImagingStudy/12".
    let key: String

    init(_ resource: JSONValue, type: String, base: ReferenceBase, fullURL: String?) {
        self.resource = resource
        self.base = base
        self.fullURL = fullURL
        if let fullURL, !fullURL.isEmpty {
            key = base.canonical(fullURL)
        } else {
            key = resource["id"]?.string.map { "\(type)/\($0)" } ?? type
        }
    }

    var versionID: String? { resource["meta"]?["versionId"]?.string }
    var lastUpdated: String? { resource["meta"]?["lastUpdated"]?.string }

    /// The elements of a repeating element, those of the wrong type noted and left out.
    func objects(_ name: String, of value: JSONValue, path: String, notes: inout ReadingNotes) -> [JSONValue] {
        (value[name]?.elements ?? []).filter { element in
            if case .object = element { return true }
            notes.add("\(path).\(name) of \(key) holds something that is not an object")
            return false
        }
    }
}

extension JSONValue {
    /// The codes of a `code`, Coding, CodeableConcept, or a list of those, in order, whatever their system.
    var codes: [String] {
        switch self {
        case .string(let code): [code]
        case .array(let values): values.flatMap(\.codes)
        case .object:
            if let code = self["code"]?.string { [code] } else { self["coding"]?.elements.flatMap(\.codes) ?? [] }
        default: []
        }
    }

    /// An Identifier as "system|value"; nil without a value.
    var identifierText: String? {
        guard let value = self["value"]?.string?.trimmingSpaces(), !value.isEmpty else { return nil }
        return "\(self["system"]?.string ?? "")|\(value)"
    }

    /// An Identifier's value when its type is that code of HL7's table 0203.
    func identifierValue(ofType code: String) -> String? {
        guard let types = self["type"]?.codes, types.contains(code) else { return nil }
        return self["value"]?.string?.trimmingSpaces()
    }

    /// A UID in any of its spellings.
    var uid: UID? { string.flatMap { UID(lenient: $0.trimmingSpaces()) } }
}
