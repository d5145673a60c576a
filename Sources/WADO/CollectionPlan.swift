// How a whole study or series is put together from the archives that hold its series. Pure.
package import DICOM
package import FHIR

/// The sources of a study's or series' answer, in order of delivery.
package struct CollectionPlan: Sendable {
    package enum Source: Sendable {
        /// One request to the first of these WADO-RS archives that answers; nil series: the whole study.
        case collection([EndpointChoice.Candidate], series: UID?)
        /// One by one, as the record lists them.
        case instances([UID], series: UID, EndpointChoice)
    }

    package let sources: [Source]

    /// - Parameter choose: the endpoints for one series, or for the study (nil).
    /// - Throws: ``WADOError`` 503 and 404 when no endpoint can answer, 501 when instances would have to be enumerated and the
    ///   record does not list them. A series that the record does not list is the study's endpoints' affair: records may
    ///   lag behind their archives.
    package init(record: StudyRecord, series: UID?, choose: (UID?) -> EndpointChoice) throws(WADOError) {
        if let series {
            let known = record.series.first { $0.uid == series }
            sources = [try Self.source(of: known, uid: series, choice: choose(series))]
            return
        }
        guard !record.series.isEmpty else {
            let choice = choose(nil)
            guard let candidate = choice.candidates.first else { throw choice.refusal }
            guard candidate.type == .wadoRS else { throw Self.unlisted }
            sources = [.collection(choice.restful, series: nil)]
            return
        }
        var each: [Source] = []
        for known in record.series {
            each.append(try Self.source(of: known, uid: known.uid, choice: choose(known.uid)))
        }
        sources = Self.wholeStudy(each) ?? each
    }

    /// One request instead of many when every series comes from one WADO-RS archive.
    private static func wholeStudy(_ sources: [Source]) -> [Source]? {
        guard case .collection(let first, _)? = sources.first else { return nil }
        for source in sources {
            guard case .collection(let candidates, _) = source, candidates.map(\.base) == first.map(\.base) else {
                return nil
            }
        }
        return [.collection(first, series: nil)]
    }

    private static func source(
        of series: StudyRecord.Series?, uid: UID, choice: EndpointChoice
    ) throws(WADOError) -> Source {
        guard let candidate = choice.candidates.first else { throw choice.refusal }
        if candidate.type == .wadoRS { return .collection(choice.restful, series: uid) }
        guard let series, !series.instances.isEmpty else { throw unlisted }
        return .instances(series.instances.map { $0.uid }, series: uid, choice)
    }

    private static let unlisted = WADOError(
        status: 501,
        message:
            "The archive speaks only WADO-URI and the study's record does not list its instances, so they cannot be "
            + "enumerated yet. Ask for single instances.")
}

extension EndpointChoice {
    /// The candidates that speak WADO-RS.
    fileprivate var restful: [Candidate] { candidates.filter { $0.type == .wadoRS } }

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
