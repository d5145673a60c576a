// How a whole study or series is put together from the archives that hold its series. Pure.
package import DICOM
package import FHIR

/// The sources of a study's or series' answer, in order of delivery.
package struct CollectionPlan: Sendable {
    /// Who answers for a whole series.
    package enum Way: Sendable {
        /// Each WADO-RS archive for its own series: data sets and metadata prove themselves part by part.
        case byEachArchive
        /// One WADO-RS archive when it has all of it: its one picture stands for all.
        case byOneArchive
        /// None: everything is made from instances, as what does not prove itself part by part must be.
        case byInstances
    }

    package enum Source: Sendable {
        /// One request to the first of these WADO-RS archives that answers; nil series: the whole study.
        case collection([EndpointChoice.Candidate], series: UID?)
        /// One by one, as they are listed.
        case instances([StudyRecord.Instance], series: UID, EndpointChoice)
        /// One by one, once an endpoint has listed them.
        case unlistedInstances(series: UID, EndpointChoice)
        /// The study's series, once an endpoint has listed them.
        case unlistedSeries(EndpointChoice)
    }

    /// How many instances are under way at once. An archive takes about as long to find an instance as to send it, so a few
    /// hide the waiting; more would only take connections from other clients, and disk before it is needed.
    package static let instancesAtOnce = 4

    package let sources: [Source]

    /// - Parameters:
    ///   - series: nil for the whole study.
    ///   - choose: the endpoints for one series, or for the study (nil).
    /// - Throws: ``WADOError`` 503 and 404 when no endpoint can answer, 501 when instances would have to be listed and neither
    ///   the record nor an endpoint can. A series that the record does not list is the study's endpoints' affair: records
    ///   may lag behind their archives.
    package init(
        record: StudyRecord, series: UID?, way: Way, choose: (UID?) -> EndpointChoice
    ) throws(WADOError) {
        if let series {
            let known = record.series.first { $0.uid == series }
            // A thumbnail carries no UIDs: that of a series that the record does not know could be another patient's.
            let way = way == .byOneArchive && known == nil ? .byInstances : way
            sources = [try Self.source(of: known, uid: series, way, choose(series))]
            return
        }
        guard !record.series.isEmpty else {
            let choice = choose(nil)
            guard let candidate = choice.candidates.first else { throw choice.refusal }
            if candidate.type == .wadoRS, way != .byInstances {
                sources = [.collection(choice.restful, series: nil)]
            } else {
                guard choice.canList else { throw Self.unlisted }
                sources = [.unlistedSeries(choice)]
            }
            return
        }
        var each: [Source] = []
        for known in record.series {
            each.append(try Self.source(of: known, uid: known.uid, way, choose(known.uid)))
        }
        if let whole = Self.wholeStudy(each) {
            sources = [whole]
        } else if case .byOneArchive = way {
            sources = try Self(record: record, series: series, way: .byInstances, choose: choose).sources
        } else {
            sources = each
        }
    }

    /// What must be listed before anything is sent.
    package var gaps: [Source] {
        sources.filter { source in
            switch source {
            case .unlistedInstances, .unlistedSeries: true
            case .collection, .instances: false
            }
        }
    }

    /// One request instead of many when every series comes from one WADO-RS archive.
    private static func wholeStudy(_ sources: [Source]) -> Source? {
        guard case .collection(let first, _)? = sources.first else { return nil }
        for source in sources {
            guard case .collection(let candidates, _) = source, candidates.map(\.base) == first.map(\.base) else {
                return nil
            }
        }
        return .collection(first, series: nil)
    }

    private static func source(
        of series: StudyRecord.Series?, uid: UID, _ way: Way, _ choice: EndpointChoice
    ) throws(WADOError) -> Source {
        guard let candidate = choice.candidates.first else { throw choice.refusal }
        if candidate.type == .wadoRS, way != .byInstances { return .collection(choice.restful, series: uid) }
        if let series, !series.instances.isEmpty { return .instances(series.instances, series: uid, choice) }
        guard choice.canList else { throw unlisted }
        return .unlistedInstances(series: uid, choice)
    }

    /// Nobody can tell which instances there are.
    package static let unlisted = WADOError(
        status: 501,
        message:
            "The archive speaks only WADO-URI, the study's record does not list its instances, and names no QIDO-RS endpoint "
            + "that could. Ask for single instances.")
}

extension RetrieveRequest {
    /// Who answers for a whole series of what is asked.
    package var way: CollectionPlan.Way {
        switch resource {
        case .dataSets, .metadata: .byEachArchive
        case .thumbnail: .byOneArchive
        case .rendered, .bulkData, .pixelData, .bulk, .frames: .byInstances
        }
    }
}

extension CollectionPlan {
    /// The way to the answer, a line for each step, for a person.
    package func steps(for request: RetrieveRequest) -> [String] {
        if let instance = request.instance {
            return [
                "instance \(instance): taken from the cache or fetched once, and its values sent one after the other"
            ]
        }
        guard case .thumbnail = request.resource else { return sources.map { "\($0)" } }
        let picture = "a small picture of the middle image of the first series that has images"
        guard case .collection = sources.first else { return [picture] }
        return ["\(sources[0])", "where that has no thumbnails: \(picture)"]
    }
}

extension CollectionPlan.Source: CustomStringConvertible {
    /// One line for a person.
    package var description: String {
        let oneByOne = "one by one, \(CollectionPlan.instancesAtOnce) at a time"
        switch self {
        case .collection(let candidates, let series):
            let names = candidates.map(\.name).joined(separator: ", else to ")
            return "\(series.map { "series \($0)" } ?? "the whole study"): one request to \(names)"
        case .instances(let instances, let series, let choice):
            return "series \(series): \(instances.count) instances from \(choice.name), \(oneByOne)"
        case .unlistedInstances(let series, let choice):
            return "series \(series): its instances, listed by \(choice.lister), from \(choice.name), \(oneByOne)"
        case .unlistedSeries(let choice):
            return "the study's series, listed by \(choice.lister): their instances from \(choice.name), \(oneByOne)"
        }
    }
}

extension EndpointChoice {
    /// The candidates that speak WADO-RS.
    package var restful: [Candidate] { candidates.filter { $0.type == .wadoRS } }

    /// Whether any endpoint can tell which series and instances there are.
    fileprivate var canList: Bool { !searches.isEmpty || !restful.isEmpty }

    fileprivate var name: String { candidates.first?.name ?? "no endpoint" }
    fileprivate var lister: String { (searches + restful).first?.name ?? "no endpoint" }

    /// Why no endpoint can answer, for the client.
    package var refusal: WADOError {
        if isSuspended {
            return WADOError(
                status: 503, message: "Every endpoint of this series is suspended at present. Try again later.")
        }
        return WADOError(
            status: 404,
            message: "The study is known, but no endpoint that could deliver it is named for it"
                + (rejections.isEmpty ? "." : ": " + rejections.map { $0.reason }.joined(separator: "; ") + "."))
    }
}

extension EndpointChoice.Candidate {
    fileprivate var name: String { "\(endpoint.id) (\(type.code))" }
}
