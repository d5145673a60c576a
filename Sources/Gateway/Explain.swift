// Why a series goes where it goes: which record, from which source, which endpoint, and why not the others.
package import CachePolicy
package import DICOM
import DiskCache
package import EventLoop
import FHIR
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

    /// One request, and the steps that would lead to its answer.
    package struct RequestLine: Sendable {
        /// Path and query.
        package var target: String
        /// What is asked for, in words.
        package var meaning: String
        /// The forms that the client takes, in words.
        package var forms: String
        package var steps: [String]
        /// Whether all steps are taken, in the order of delivery, as for a collection; else until one succeeds.
        package var takesAllSteps = false
        package var passedOver: [Rejection]
        /// Why there are no steps.
        package var refusal: String?
    }

    package var study: UID
    package var source: String
    package var isStale: Bool
    package var status: String
    package var version: String
    package var series: [SeriesLine]
    /// Nil when a study or series was asked about, and no request.
    package var request: RequestLine?
}

/// Why a request cannot be explained.
package enum ExplainError: Error {
    case directory(DirectoryError, study: UID)
    /// The gateway would refuse it as it stands.
    case request(status: Int, sentence: String)
}

/// Explains studies and requests. Asks no archive, and the cache only through a closure, so that a command can explain while
/// a gateway runs.
package struct Explainer: Sendable {
    let directory: StudyDirectory
    let upstream: Upstream
    let settings: GatewaySettings
    let abilityBook: AbilityBook
    /// What the cache holds under a key.
    let held: @Sendable (ObjectKey) async -> ObjectDescription?

    package init(
        directory: StudyDirectory, upstream: Upstream, settings: GatewaySettings,
        held: @escaping @Sendable (ObjectKey) async -> ObjectDescription?
    ) {
        self.init(
            directory: directory, upstream: upstream, settings: settings,
            abilityBook: AbilityBook(configured: settings.abilities), held: held)
    }

    init(
        directory: StudyDirectory, upstream: Upstream, settings: GatewaySettings, abilityBook: AbilityBook,
        held: @escaping @Sendable (ObjectKey) async -> ObjectDescription?
    ) {
        self.directory = directory
        self.upstream = upstream
        self.settings = settings
        self.abilityBook = abilityBook
        self.held = held
    }

    /// Explains one study, or one of its series.
    ///
    /// - Throws: ``DirectoryError`` when no source has the study.
    package func explain(study: UID, series: UID?, on loop: EventLoop) async throws(DirectoryError) -> Explanation {
        explanation(of: try await directory.resolve(study, on: loop), series: series)
    }

    func explanation(of resolution: Resolution, series: UID?) -> Explanation {
        let record = resolution.record
        var lines = record.series.filter { series == nil || $0.uid == series }.map { one in
            line(for: one.uid, known: one, resolution)
        }
        if let series, lines.isEmpty { lines = [line(for: series, known: nil, resolution)] }
        return Explanation(
            study: record.study, source: resolution.source, isStale: resolution.isStale, status: record.status.rawValue,
            version: record.version, series: lines)
    }

    private func line(
        for uid: UID, known: StudyRecord.Series?, _ resolution: Resolution
    ) -> Explanation.SeriesLine {
        let choice = choice(in: resolution, series: uid)
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
    /// Explains with what this gateway has learned and holds.
    package var explainer: Explainer {
        Explainer(directory: directory, upstream: upstream, settings: settings, abilityBook: abilityBook) {
            [cache] key in
            await cache.peek(key)?.description
        }
    }
}
