// CONTRACT: replaced by its owner (StudyDirectory). Signatures bind, bodies do not.
package import DICOM
package import EventLoop
package import FHIR
package import HTTP
package import Upstream

/// A study as a source knows it.
package struct Resolution: Sendable {
    package var record: StudyRecord
    /// The source's name: "fhir pacs.example", "files …", "archive …" in the words of the configuration.
    package var source: String
    /// The source could not be asked and this is its last answer.
    package var isStale: Bool
    package var age: Duration
    /// The server's base, against which relative endpoint addresses resolve.
    package var base: HTTPURL?
    package init(record: StudyRecord, source: String, isStale: Bool = false, age: Duration = .zero, base: HTTPURL? = nil) {
        self.record = record
        self.source = source
        self.isStale = isStale
        self.age = age
        self.base = base
    }
}

package enum DirectoryError: Error, Sendable, Equatable {
    case notFound
    /// Resources with one Study UID name different subjects.
    case conflictingSubjects
    /// No source could answer; `source` by its configured name.
    case unavailable(source: String, timedOut: Bool, detail: String)
}

package struct SourceSettings: Sendable {
    package enum Kind: Sendable {
        case fhir(url: HTTPURL, backend: Backend)
        case files(path: String)
        case archive(name: String, path: String)
    }
    package var kind: Kind
    package var freshFor: Duration = .seconds(300)
    package var maxStale: Duration = .seconds(7 * 86400)
    package var negativeFor: Duration = .seconds(10)
    package init(kind: Kind) { self.kind = kind }
}

/// UID → StudyRecord: sources in configured order, one cache, coalesced look-ups.
package final class StudyDirectory: Sendable {
    package init(sources: [SourceSettings], upstream: Upstream, loops: EventLoopGroup, workers: WorkerPool) async throws {
        fatalError()
    }
    package func resolve(_ study: UID, on loop: EventLoop) async throws(DirectoryError) -> Resolution { fatalError() }
    /// A fresh record already in memory; lets a cache hit be answered without suspending.
    package func cached(_ study: UID) -> Resolution? { fatalError() }
    /// The study and series of an instance that a sloppy WADO-URI caller named alone; from records in memory and archives.
    package func locate(instance: UID) -> (study: UID, series: UID)? { fatalError() }
    /// The Part 10 file of an archive source.
    package func archiveFile(archive: String, study: UID, series: UID, instance: UID) -> String? { fatalError() }
    package func studies() -> [StudyRecord] { fatalError() }
}
