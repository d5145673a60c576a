// Endpoint of STU3, R4, R4B, R5 and R6 → Endpoint.

/// An Endpoint resource with the names under which studies may refer to it.
package struct ParsedEndpoint: Sendable {
    package let endpoint: Endpoint
    /// Canonical references (``ReferenceBase``).
    package private(set) var keys: [String]
    /// "system|value" of its identifiers, for references that have nothing else.
    package let identifiers: [String]
    /// The entity tag under which a conditional read asks for it: its server's, else made of `meta.versionId`.
    package private(set) var etag: String?

    init(_ reader: ResourceReader) {
        endpoint = Endpoint(reader.resource, id: reader.key)
        etag = reader.versionID.map { "W/\"\($0)\"" }
        identifiers = reader.resource["identifier"]?.elements.compactMap(\.identifierText) ?? []
        var keys = [reader.key]
        // Under a urn: as fullUrl the resource may still be referred to by its id.
        if let id = reader.resource["id"]?.string, reader.key.hasPrefix("urn:") { keys.append("Endpoint/\(id)") }
        self.keys = keys
    }

    /// The same, read under that reference; a server's own tag is better than a made one.
    package func known(as reference: String, etag: String?) -> ParsedEndpoint {
        var copy = self
        if !copy.keys.contains(reference) { copy.keys.append(reference) }
        copy.etag = etag ?? copy.etag
        return copy
    }
}

extension Endpoint {
    /// Spec: FHIR Endpoint; connectionType is a Coding up to R4B and a list of CodeableConcepts from R5 on.
    init(_ resource: JSONValue, id: String) {
        let codes = resource["connectionType"]?.codes ?? []
        let types = ParsedStudy.distinct(codes.map { ConnectionType(code: $0.trimmingSpaces()) })
        self.init(
            id: id, connectionTypes: types, status: Status(resource), address: resource["address"]?.string ?? "",
            name: resource["name"]?.string, periodStart: resource["period"]?["start"]?.string,
            periodEnd: resource["period"]?["end"]?.string,
            headers: resource["header"]?.elements.compactMap(\.string) ?? [])
    }
}

extension Endpoint.Status {
    /// Environments in which no real patient's images lie (R5's successor of the status `test`).
    private static let trialEnvironments: Set<String> = ["dev", "staging", "test", "train"]

    /// `status` and, from R5 on, `environmentType`. A missing status means active: the element is mandatory, so its absence
    /// says something of the writer, not of the service.
    init(_ resource: JSONValue) {
        guard let status = resource["status"] else {
            self = .active
            return
        }
        self.init(code: status.string?.lowercased().trimmingSpaces() ?? "of the wrong type")
        let environments = resource["environmentType"]?.codes ?? []
        if self == .active, !environments.isEmpty, environments.allSatisfy(Self.trialEnvironments.contains) {
            self = .test
        }
    }

    package init(code: String) {
        switch code {
        case "active": self = .active
        case "suspended": self = .suspended
        case "error": self = .error
        case "off": self = .off
        case "entered-in-error": self = .enteredInError
        case "test": self = .test
        default: self = .other(code)
        }
    }

    /// The code as FHIR writes it.
    package var code: String {
        switch self {
        case .active: "active"
        case .suspended: "suspended"
        case .error: "error"
        case .off: "off"
        case .enteredInError: "entered-in-error"
        case .test: "test"
        case .unresolved: "unresolved"
        case .other(let code): code
        }
    }
}

extension Endpoint {
    /// Stands for an endpoint that a study names and nobody can show.
    package static func unresolved(_ reference: String) -> Endpoint {
        Endpoint(id: reference, connectionTypes: [], status: .unresolved, address: "")
    }
}
