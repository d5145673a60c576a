// ImagingStudy of STU3, R4, R4B, R5 and R6 → ParsedStudy: everything but the endpoints that lie in other resources.
package import DICOM

/// How a study refers to an endpoint.
package enum EndpointReference: Sendable, Hashable {
    /// It lies inside the study's own resource.
    case contained(Endpoint)
    /// A canonical reference (``ReferenceBase``); `relative` is its text where it may also mean a resource of no server.
    case resource(key: String, relative: String?)
    /// "system|value", with no reference beside it.
    case identifier(String)
    /// Nothing that could be followed; the text says what stood there.
    case unusable(String)
}

/// Who a study is about, as one resource says it.
package struct SubjectReference: Sendable, Hashable {
    /// Canonical, "Patient/7".
    package var reference: String?
    /// "system|value".
    package var identifiers: [String] = []

    /// One text for both: the reference, else the first identifier.
    package var text: String? { reference ?? identifiers.first.map { "identifier:\($0)" } }

    /// Whether both certainly mean the same subject. References decide where both have one; identifiers else; two that
    /// name nobody agree, one that names nobody agrees with no other.
    package func isSame(as other: SubjectReference) -> Bool {
        if let reference, let otherReference = other.reference { return reference == otherReference }
        if text == nil || other.text == nil { return text == nil && other.text == nil }
        return !Set(identifiers).isDisjoint(with: other.identifiers)
    }
}

/// One ImagingStudy resource.
package struct ParsedStudy: Sendable {
    /// Without endpoints; they stand in the two members below until they are resolved.
    package var record: StudyRecord
    /// Every Study Instance UID that the resource bears; usually one.
    package var studyUIDs: [UID]
    package var subject: SubjectReference
    /// The canonical reference of the resource itself, "ImagingStudy/12".
    package var key: String
    /// The file that it stood in; empty for a server's.
    package var origin = ""
    /// `meta.versionId`.
    package var versionID: String?
    /// `meta.lastUpdated`, as written.
    package var lastUpdated: String?
    /// Of the study, in order.
    package var endpoints: [EndpointReference]
    /// By Series Instance UID.
    package var seriesEndpoints: [UID: [EndpointReference]]

    /// The canonical references of endpoints that lie in other resources, each once.
    package var outsideReferences: [String] {
        var seen: Set<String> = []
        return (endpoints + record.series.flatMap { seriesEndpoints[$0.uid] ?? [] }).compactMap { reference in
            guard case .resource(let key, _) = reference, seen.insert(key).inserted else { return nil }
            return key
        }
    }
}

extension ParsedStudy {
    /// Nil, with a note, when the resource bears no Study Instance UID.
    init?(_ reader: ResourceReader, notes: inout ReadingNotes) {
        let resource = reader.resource
        studyUIDs = Self.studyUIDs(of: resource)
        guard let study = studyUIDs.first else {
            notes.add("\(reader.key) has no Study Instance UID")
            return nil
        }
        key = reader.key
        versionID = reader.versionID
        lastUpdated = reader.lastUpdated
        subject = reader.subject
        let contained = reader.containedEndpoints
        endpoints = reader.endpointReferences(in: resource, contained: contained)
        seriesEndpoints = [:]
        record = StudyRecord(
            study: study, status: StudyRecord.Status(resource), subject: subject.text,
            accession: Self.accession(of: resource),
            started: resource["started"]?.string, summary: resource["description"]?.string,
            version: Self.version(of: reader))
        readSeries(reader, contained: contained, notes: &notes)
        record.modalities = Self.distinct((resource["modality"] ?? resource["modalityList"])?.codes ?? [])
        if record.modalities.isEmpty { record.modalities = Self.distinct(record.series.compactMap(\.modality)) }
    }

    private mutating func readSeries(
        _ reader: ResourceReader, contained: [String: Endpoint], notes: inout ReadingNotes
    ) {
        var collection = SeriesCollection()
        var sopClasses: [String: UID] = [:]
        for element in reader.objects("series", of: reader.resource, path: "ImagingStudy", notes: &notes) {
            guard let uid = element["uid"]?.uid else {
                notes.add("a series of \(reader.key) has no Series Instance UID")
                continue
            }
            var series = StudyRecord.Series(
                uid: uid, modality: element["modality"]?.codes.first, number: element["number"]?.integer,
                summary: element["description"]?.string, numberOfInstances: element["numberOfInstances"]?.integer)
            for item in reader.objects("instance", of: element, path: "ImagingStudy.series", notes: &notes) {
                guard let instance = StudyRecord.Instance(item, sopClasses: &sopClasses) else {
                    notes.add("an instance of \(reader.key) has no SOP Instance UID")
                    continue
                }
                series.instances.append(instance)
            }
            let references = reader.endpointReferences(in: element, contained: contained)
            if !references.isEmpty { seriesEndpoints[uid, default: []] += references }
            collection.add(series)
        }
        record.series = collection.series
    }

    /// The Study Instance UIDs: the identifiers of system `urn:dicom:uid`, STU3's `uid`, else whatever is marked as an OID,
    /// else what looks like one and has no other meaning.
    private static func studyUIDs(of resource: JSONValue) -> [UID] {
        let identifiers = resource["identifier"]?.elements ?? []
        let named = identifiers.filter { $0["system"]?.string?.trimmingSpaces().lowercased() == "urn:dicom:uid" }
        let best = distinct(named.compactMap { $0["value"]?.uid } + [resource["uid"]?.uid].compactMap { $0 })
        if !best.isEmpty { return best }
        let free = identifiers.filter { $0["type"] == nil }
        let marked = free.filter { $0["value"]?.string?.trimmingSpaces().lowercased().hasPrefix("urn:oid:") ?? false }
        if !marked.isEmpty { return distinct(marked.compactMap { $0["value"]?.uid }) }
        let bare = free.filter { identifier in
            let system = identifier["system"]?.string ?? ""
            return system.isEmpty || system == "urn:ietf:rfc:3986"
        }
        // A number without a dot is rather an accession number.
        return distinct(bare.compactMap { $0["value"]?.uid }.filter { $0.string.contains(".") })
    }

    /// STU3: `accession`; R4: `identifier` of type ACSN; R5 and R6: `basedOn.identifier` of that type.
    private static func accession(of resource: JSONValue) -> String? {
        if let value = resource["accession"]?["value"]?.string?.trimmingSpaces() { return value }
        let own = resource["identifier"]?.elements ?? []
        let orders = resource["basedOn"]?.elements.compactMap { $0["identifier"] } ?? []
        return (own + orders).lazy.compactMap { $0.identifierValue(ofType: "ACSN") }.first
    }

    /// "ImagingStudy/12@3@2026-11-24T13:00:00Z"; a resource with neither version nor date is told apart by its content.
    private static func version(of reader: ResourceReader) -> String {
        if reader.versionID == nil, reader.lastUpdated == nil { return "\(reader.key)#\(reader.resource.digest)" }
        return "\(reader.key)@\(reader.versionID ?? "")@\(reader.lastUpdated ?? "")"
    }

    static func distinct<Element: Hashable>(_ values: [Element]) -> [Element] {
        var seen: Set<Element> = []
        return values.filter { seen.insert($0).inserted }
    }
}

extension ResourceReader {
    fileprivate var contained: [JSONValue] { resource["contained"]?.elements ?? [] }

    /// By "#id".
    fileprivate var containedEndpoints: [String: Endpoint] {
        var endpoints: [String: Endpoint] = [:]
        for inner in contained where inner["resourceType"]?.string == "Endpoint" {
            guard let id = inner["id"]?.string else { continue }
            let name = id.hasPrefix("#") ? id : "#\(id)"
            endpoints[name] = Endpoint(inner, id: name)
        }
        return endpoints
    }

    fileprivate func endpointReferences(in element: JSONValue, contained: [String: Endpoint]) -> [EndpointReference] {
        (element["endpoint"]?.elements ?? []).map { value in
            guard let reference = value["reference"]?.string?.trimmingSpaces(), !reference.isEmpty else {
                return value["identifier"]?.identifierText.map { .identifier($0) } ?? .unusable("an empty reference")
            }
            if reference.hasPrefix("#") { return contained[reference].map { .contained($0) } ?? .unusable(reference) }
            let key = base.canonical(reference, in: fullURL)
            let isRelative = !reference.contains(":")
            return .resource(key: key, relative: base.server == nil && isRelative ? reference : nil)
        }
    }

    /// R4 and later: `subject`; STU3: `patient`. A contained patient is known by its identifiers alone.
    fileprivate var subject: SubjectReference {
        guard let value = resource["subject"] ?? resource["patient"] else { return SubjectReference() }
        var subject = SubjectReference()
        subject.identifiers = value["identifier"]?.elements.compactMap(\.identifierText) ?? []
        guard let reference = value["reference"]?.string?.trimmingSpaces(), !reference.isEmpty else { return subject }
        guard reference.hasPrefix("#") else {
            subject.reference = base.canonical(reference, in: fullURL)
            return subject
        }
        let inner = contained.first {
            $0["id"]?.string == String(reference.dropFirst()) || $0["id"]?.string == reference
        }
        subject.identifiers += inner?["identifier"]?.elements.compactMap(\.identifierText) ?? []
        // Nobody else's "#p1" is this one.
        if subject.identifiers.isEmpty { subject.reference = "\(key)\(reference)" }
        return subject
    }
}

extension StudyRecord.Status {
    /// `status`; else STU3's `availability`, whose OFFLINE and NEARLINE images can be had, only slowly.
    init(_ resource: JSONValue) {
        if let code = resource["status"]?.string?.lowercased().trimmingSpaces() {
            self = Self(rawValue: code) ?? .unknown
        } else if resource["availability"]?.string?.uppercased() == "UNAVAILABLE" {
            self = .unavailable
        } else {
            self = .available
        }
    }
}

extension StudyRecord.Instance {
    /// - Parameter sopClasses: the classes seen so far; thousands of instances share one text.
    fileprivate init?(_ element: JSONValue, sopClasses: inout [String: UID]) {
        guard let uid = element["uid"]?.uid else { return nil }
        var sopClass: UID?
        // A Coding from R4 to R5, an oid in STU3 and R6.
        if let text = element["sopClass"]?.codes.first {
            sopClass = sopClasses[text] ?? UID(lenient: text.trimmingSpaces())
            sopClasses[text] = sopClass
        }
        self.init(uid: uid, sopClass: sopClass, number: element["number"]?.integer)
    }
}
