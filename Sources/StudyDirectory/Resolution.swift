// What a look-up answers. Knows nothing of how sources are asked.
package import FHIR
package import HTTP

/// A study as a source knows it.
package struct Resolution: Sendable {
    package var record: StudyRecord
    /// The source's name: "fhir hospital", "files /etc/wadogate/studies", "archive disk", in the words of the configuration.
    package var source: String
    /// The source could not be asked and this is its last answer.
    package var isStale: Bool
    /// Since the source last said so.
    package var age: Duration
    /// The server's base, against which relative endpoint addresses resolve.
    package var base: HTTPURL?

    package init(
        record: StudyRecord, source: String, isStale: Bool = false, age: Duration = .zero, base: HTTPURL? = nil
    ) {
        self.record = record
        self.source = source
        self.isStale = isStale
        self.age = age
        self.base = base
    }
}

/// Why there is no record.
package enum DirectoryError: Error, Sendable, Equatable {
    /// Every source was asked and none has the study.
    case notFound
    /// Resources with one Study UID name different subjects.
    case conflictingSubjects
    /// No source could answer; `source` by its configured name, `detail` a sentence without addresses.
    case unavailable(source: String, timedOut: Bool, detail: String)
}
