// What every kind of source offers to the directory.
package import DICOM
import EventLoop
package import FHIR

/// A source's answer to one look-up.
enum SourceAnswer: Sendable {
    case found(Resolution)
    case absent
    case conflicting
    case unavailable(timedOut: Bool, detail: String)
}

/// A FHIR server, a folder of FHIR JSON, or a folder of DICOM files.
protocol StudySource: Sendable {
    /// In the words of the configuration.
    var name: String { get }
    /// What the source can say at once: `found`, `absent`; nil when it must be asked.
    func cached(_ study: UID) -> SourceAnswer?
    /// Called on the loop; returns there.
    func answer(_ study: UID, on loop: EventLoop) async -> SourceAnswer
    /// Every record in memory.
    func records() -> [StudyRecord]
    func locate(instance: UID) -> (study: UID, series: UID)?
    /// Looks at the source anew, if that is something it can do without being asked for a study.
    func refresh() async
}

/// Reads the time; tests pass a clock that they move themselves.
package typealias Clock = @Sendable () -> ContinuousClock.Instant

/// A study whose record is another than it was.
package struct StudyChange: Sendable, Equatable {
    package var study: UID
    /// The source's name, as in ``Resolution/source``.
    package var source: String
    /// An archive's own files changed, so that its instances may hold other bytes under the same UIDs; else only what is
    /// said of the study.
    package var isOfFiles: Bool
}

/// Takes a change, on any thread, once look-ups find the new record.
package typealias DirectoryChange = @Sendable (StudyChange) -> Void

/// Takes a line for the log. Lines hold no patient names, no query values and no addresses.
package typealias DirectoryLog = @Sendable (String) -> Void

/// A record that was kept beyond the process's end.
package struct KeptRecord: Sendable {
    package var record: StudyRecord
    /// Since its source last said so, by the wall clock.
    package var age: Duration

    package init(record: StudyRecord, age: Duration) {
        self.record = record
        self.age = age
    }
}

/// Finds the record that a source, by its name, had of a study; on any thread, returns on the caller's.
package typealias KeptRecords = @Sendable (UID, _ source: String) async -> KeptRecord?
