// Why a series goes where it goes: which record, from which source, which endpoint, and why not the others.
package import DICOM
package import EventLoop
package import FHIR
import HTTP
package import StudyDirectory
package import Upstream

/// What `wadogate explain` prints.
package struct Explanation: Sendable {
    package struct SeriesLine: Sendable {
        package var series: UID
        package var modality: String?
        /// Nil: the record does not list this series.
        package var instances: Int?
        /// Usable endpoints, best first.
        package var chosen: [Choice]
        package var rejected: [Rejection]
    }

    package struct Choice: Sendable {
        package var endpoint: String
        package var connectionType: String
        /// The normalised address; nil for an archive folder.
        package var address: String?
        /// The configured backend whose match covers it; nil: it would be refused.
        package var backend: String?
    }

    package struct Rejection: Sendable {
        package var endpoint: String
        package var reason: String
    }

    package var study: UID
    package var source: String
    package var isStale: Bool
    package var status: String
    package var version: String
    package var series: [SeriesLine]
}

/// Explains studies. Needs no cache, so that a command can explain while a gateway runs.
package struct Explainer: Sendable {
    private let directory: StudyDirectory
    private let upstream: Upstream
    private let defaultEndpoint: Endpoint?

    package init(directory: StudyDirectory, upstream: Upstream, defaultEndpoint: Endpoint?) {
        self.directory = directory
        self.upstream = upstream
        self.defaultEndpoint = defaultEndpoint
    }

    /// Explains one study, or one of its series.
    ///
    /// - Throws: ``DirectoryError`` when no source has the study.
    package func explain(study: UID, series: UID?, on loop: EventLoop) async throws(DirectoryError) -> Explanation {
        let resolution = try await directory.resolve(study, on: loop)
        let record = resolution.record
        var lines = record.series.filter { series == nil || $0.uid == series }.map { one in
            line(for: one.uid, known: one, resolution)
        }
        if let series, lines.isEmpty { lines = [line(for: series, known: nil, resolution)] }
        return Explanation(
            study: study, source: resolution.source, isStale: resolution.isStale, status: record.status.rawValue,
            version: record.version, series: lines)
    }

    private func line(
        for uid: UID, known: StudyRecord.Series?, _ resolution: Resolution
    ) -> Explanation.SeriesLine {
        let choice = EndpointChoice(
            record: resolution.record, series: uid, now: timestamp(secondsSince1970()), fallback: defaultEndpoint,
            directoryBase: resolution.base)
        return Explanation.SeriesLine(
            series: uid, modality: known?.modality,
            instances: known.map { $0.numberOfInstances ?? $0.instances.count },
            chosen: choice.candidates.map { candidate in
                Explanation.Choice(
                    endpoint: candidate.endpoint.id, connectionType: candidate.type.code,
                    address: candidate.base?.description,
                    backend: candidate.base.map { upstream.backend(for: $0)?.name } ?? candidate.endpoint.address)
            },
            rejected: choice.rejections.map {
                Explanation.Rejection(endpoint: $0.endpoint.id, reason: $0.reason)
            })
    }
}

extension Gateway {
    /// Explains one study, or one of its series.
    ///
    /// - Throws: ``DirectoryError`` when no source has the study.
    package func explain(study: UID, series: UID?, on loop: EventLoop) async throws(DirectoryError) -> Explanation {
        try await Explainer(directory: directory, upstream: upstream, defaultEndpoint: settings.defaultEndpoint)
            .explain(study: study, series: series, on: loop)
    }
}
