// CONTRACT: replaced by its owner (FHIR). Signatures bind, bodies do not.
package import DICOM
package import HTTP

/// Which endpoints may answer for one series, best first, and why the others may not (PROTOCOL D.3).
package struct EndpointChoice: Sendable {
    package struct Candidate: Sendable, Hashable {
        package let endpoint: Endpoint
        /// wadoRS, wadoURI or archive.
        package let type: ConnectionType
        /// The normalised base: no trailing slash, no `/studies`; for WADO-URI its query is kept. Nil for an archive.
        package let base: HTTPURL?
    }
    package struct Rejection: Sendable, Hashable {
        package let endpoint: Endpoint
        /// A sentence for a person: "its status is off", "overridden by the series' own dicom-wado-rs endpoint"…
        package let reason: String
    }
    /// Usable now, WADO-RS before WADO-URI, in record order within a type.
    package let candidates: [Candidate]
    package let rejections: [Rejection]
    /// Only suspended or failing endpoints are left: answer 503.
    package let isSuspended: Bool

    /// - Parameters:
    ///   - now: ISO 8601 in UTC, "2026-11-24T13:00:00Z".
    ///   - fallback: the configured default endpoint, used when neither series nor study names any.
    package init(record: StudyRecord, series: UID?, now: String, fallback: Endpoint?, directoryBase: HTTPURL? = nil) {
        fatalError()
    }
}
