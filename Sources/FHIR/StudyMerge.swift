// Several ImagingStudy resources of one study → one StudyRecord (PROTOCOL D.2).
package import DICOM

/// Resources with one Study Instance UID name different subjects: nobody can tell whose images they are.
package struct SubjectConflict: Error, Equatable {
    /// The resources, "ImagingStudy/12", for the log.
    package let resources: [String]

    package init(resources: [String]) {
        self.resources = resources
    }
}

/// Endpoint resources by every name under which a study may refer to them.
package struct EndpointTable: Sendable {
    private var byKey: [String: Endpoint] = [:]
    private var byIdentifier: [String: Endpoint] = [:]

    package init() {}

    /// Adds what is not there yet: of two resources with one name the first counts.
    package mutating func add(_ parsed: ParsedEndpoint) {
        for key in parsed.keys where byKey[key] == nil { byKey[key] = parsed.endpoint }
        for identifier in parsed.identifiers where byIdentifier[identifier] == nil {
            byIdentifier[identifier] = parsed.endpoint
        }
    }

    /// Whether an endpoint has that canonical reference.
    package func contains(_ key: String) -> Bool { byKey[key] != nil }

    /// The endpoint that is meant; nil when it is not here.
    package subscript(reference: EndpointReference) -> Endpoint? {
        switch reference {
        case .contained(let endpoint): endpoint
        case .resource(let key, let relative): byKey[key] ?? relative.flatMap { byKey[$0] }
        case .identifier(let text): byIdentifier[text]
        case .unusable: nil
        }
    }
}

extension EndpointReference {
    /// How people know it: "Endpoint/1", "#e1".
    package var text: String {
        switch self {
        case .contained(let endpoint): endpoint.id
        case .resource(let key, _): key
        case .identifier(let text): "identifier:\(text)"
        case .unusable(let text): text
        }
    }
}

/// The rules by which resources become one record.
package enum StudyMerge {
    /// The resources that count for a study, best first: those in error or cancelled give way to any other.
    ///
    /// - Throws: ``SubjectConflict``.
    package static func relevant(
        _ resources: [ParsedStudy], for study: UID
    ) throws(SubjectConflict) -> [ParsedStudy] {
        var seen: Set<String> = []
        let all = resources.filter { $0.studyUIDs.contains(study) && seen.insert($0.record.version).inserted }
        let ranked = all.enumerated().sorted { left, right in
            let ranks = (left.element.rank, right.element.rank)
            if ranks.0 != ranks.1 { return ranks.0 < ranks.1 }
            let times = (left.element.updated, right.element.updated)
            return times.0 != times.1 ? times.0 > times.1 : left.offset < right.offset
        }.map(\.element)
        let valid = ranked.filter { !$0.record.isWithdrawn }
        guard let first = valid.first else { return Array(ranked.prefix(1)) }
        // Held against one that has a reference, since two references never agree by identifiers alone.
        let measure = (valid.first { $0.subject.reference != nil } ?? first).subject
        guard valid.allSatisfy({ $0.subject.isSame(as: measure) }) else {
            throw SubjectConflict(resources: valid.map { $0.origin.isEmpty ? $0.key : "\($0.origin): \($0.key)" })
        }
        return valid
    }

    /// One record from what ``relevant(_:for:)`` chose; nil when that is nothing.
    package static func record(of study: UID, from resources: [ParsedStudy], endpoints: EndpointTable) -> StudyRecord? {
        record(of: study, from: resources) { _, reference in endpoints[reference] }
    }

    /// The same with endpoints from anywhere; what `endpoint` doesn't know stands in the record as unresolved.
    package static func record(
        of study: UID, from resources: [ParsedStudy], endpoint: (ParsedStudy, EndpointReference) -> Endpoint?
    ) -> StudyRecord? {
        var merged: StudyRecord?
        var series = SeriesCollection()
        var (modalities, endpoints): ([String], [Endpoint]) = ([], [])
        for resource in resources {
            let resolve = { endpoint(resource, $0) ?? Endpoint.unresolved($0.text) }
            var record = resource.record
            record.study = study
            modalities += record.modalities
            endpoints += resource.endpoints.map(resolve)
            for index in record.series.indices {
                let references = resource.seriesEndpoints[record.series[index].uid] ?? []
                record.series[index].endpoints = references.map(resolve)
                series.add(record.series[index])
            }
            merged == nil ? merged = record : merged?.merge(record)
        }
        merged?.series = series.series
        merged?.modalities = ParsedStudy.distinct(modalities)
        merged?.endpoints = ParsedStudy.distinct(endpoints)
        merged?.version = resources.map(\.record.version).sorted().joined(separator: ",")
        return merged
    }
}

extension ParsedStudy {
    /// Lower is better.
    fileprivate var rank: Int {
        switch record.status {
        case .available: 0
        case .unknown: 1
        case .inactive: 2
        case .registered: 3
        case .unavailable: 4
        case .cancelled, .enteredInError: 5
        }
    }

    fileprivate var updated: Int64 { lastUpdated.flatMap { FHIRDateTime($0)?.first } ?? .min }
}

extension StudyRecord {
    /// Takes over what the other knows and this one does not, lists apart; this one's words win.
    fileprivate mutating func merge(_ other: StudyRecord) {
        accession = accession ?? other.accession
        started = started ?? other.started
        summary = summary ?? other.summary
    }
}

/// Series in the order in which they are met, each UID once. What comes again adds what it knows to the first, at a cost
/// that follows from its own size alone: a document may bring one series a hundred thousand times.
struct SeriesCollection {
    private(set) var series: [StudyRecord.Series] = []
    private var places: [UID: Int] = [:]
    /// Of series that came more than once.
    private var instances: [Int: Set<UID>] = [:]
    private var endpoints: [Int: Set<Endpoint>] = [:]

    mutating func add(_ other: StudyRecord.Series) {
        guard let place = places[other.uid] else {
            places[other.uid] = series.count
            series.append(other)
            return
        }
        if instances[place] == nil {
            instances[place] = Set(series[place].instances.map(\.uid))
            endpoints[place] = Set(series[place].endpoints)
        }
        series[place].merge(other)
        for instance in other.instances where instances[place]?.insert(instance.uid).inserted == true {
            series[place].instances.append(instance)
        }
        for endpoint in other.endpoints where endpoints[place]?.insert(endpoint).inserted == true {
            series[place].endpoints.append(endpoint)
        }
        if let count = series[place].numberOfInstances {
            series[place].numberOfInstances = max(count, series[place].instances.count)
        }
    }
}

extension StudyRecord.Series {
    /// As ``StudyRecord/merge(_:)``.
    fileprivate mutating func merge(_ other: StudyRecord.Series) {
        modality = modality ?? other.modality
        number = number ?? other.number
        summary = summary ?? other.summary
        numberOfInstances = [numberOfInstances, other.numberOfInstances].compactMap { $0 }.max()
    }
}
