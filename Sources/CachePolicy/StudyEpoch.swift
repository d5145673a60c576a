// When what is said of a study has changed: the number under which instances, metadata and pictures are kept.
// Pure: the time is told, the record is given; what is stored under the number is others' affair.
package import FHIR

/// The time during which what a study's objects say of patient and study holds; objects of another epoch are never served.
///
/// Pixels are not concerned: they never change under their UID.
package struct StudyEpoch: Hashable, Sendable {
    /// Never the same for two epochs of a study: milliseconds since 1970 at the raise, and at least the last one and 1.
    package let number: Int64
    /// What it was raised for.
    package let reason: Reason

    /// Words for the study's document and the log.
    package enum Reason: String, Hashable, Sendable, CaseIterable {
        /// Nothing was known of the study: what is stored of it may be from any time.
        case unknown
        case subject
        case status
        /// The record has another version, and its change is more than growth.
        case version
        /// A re-check has found other metadata in the archive.
        case metadata
    }

    package init(number: Int64, reason: Reason) {
        self.number = number
        self.reason = reason
    }

    /// The epoch that begins now. A clock that was set back does no harm.
    ///
    /// - Parameter now: milliseconds since 1970.
    package func raised(for reason: Reason, at now: Int64) -> StudyEpoch {
        StudyEpoch(number: max(now, number < .max ? number + 1 : number, 1), reason: reason)
    }

    /// The first epoch that is known of.
    package static func first(at now: Int64) -> StudyEpoch { StudyEpoch(number: max(now, 1), reason: .unknown) }
}

/// What of a record decides about the epoch, short enough to be kept of many studies.
package struct RecordMark: Hashable, Sendable {
    package var subject: String?
    package var status: StudyRecord.Status
    package var version: String

    package init(_ record: StudyRecord) {
        (subject, status, version) = (record.subject, record.status, record.version)
    }

    package init(subject: String?, status: StudyRecord.Status, version: String) {
        (self.subject, self.status, self.version) = (subject, status, version)
    }

    /// Whether a record says what this one said, as far as the epoch goes. Cheap.
    package func isOf(_ record: StudyRecord) -> Bool {
        record.version == version && record.status == status && record.subject == subject
    }

    /// Why a record that follows this one begins another epoch; nil when it does not.
    ///
    /// A new version that only adds series, instances or counts leaves what is stored as right as it was. One whose change
    /// cannot be seen may concern anything.
    ///
    /// - Parameter old: the whole record that this is the mark of; nil when it was not kept.
    package func reason(toRaiseFor record: StudyRecord, after old: StudyRecord?) -> StudyEpoch.Reason? {
        if record.subject != subject { return .subject }
        if record.status != status { return .status }
        if record.version == version { return nil }
        guard let old, RecordMark(old) == self, record.isGrowth(of: old) else { return .version }
        return nil
    }
}
