// UID → StudyRecord. Asks the sources in order; how each is asked, and what it remembers, is its own affair.
package import DICOM
package import EventLoop
package import FHIR
package import Upstream

/// The sources of studies, as one. Safe on any thread; ``resolve(_:on:)`` returns on its loop.
package final class StudyDirectory: Sendable {
    private let sources: [any StudySource]

    /// Makes the sources; folders are indexed before this returns. A folder that cannot be read, or a server that does not
    /// answer, is an unavailable source, not an error.
    ///
    /// - Parameters:
    ///   - now: the clock.
    ///   - kept: finds what an earlier process knew, for as long as a server cannot be asked.
    ///   - log: takes a line for the operator.
    ///   - onChange: told of each study that a source knew and now has another version of, or none.
    package init(
        sources: [SourceSettings], upstream: Upstream, loops: EventLoopGroup, workers: WorkerPool,
        limits: DirectoryLimits = DirectoryLimits(), now: @escaping Clock = { ContinuousClock.now },
        kept: @escaping KeptRecords = { _, _ in nil }, log: @escaping DirectoryLog,
        onChange: @escaping DirectoryChange = { _ in }
    ) async {
        var made: [any StudySource] = []
        for settings in sources {
            switch settings.kind {
            case .fhir(let url, let backend):
                let name = "fhir \(backend.name)"
                let lookup = FHIRLookup(
                    base: url, server: backend, upstream: upstream, workers: workers, limits: limits,
                    log: { log("\(name): \($0)") })
                made.append(
                    FHIRSource(
                        name: name, settings: settings, base: url, lookup: lookup, limits: limits, now: now,
                        kept: kept, onChange: onChange))
            case .files(let path):
                made.append(
                    FileSource(
                        path: path, workers: workers, limits: limits, now: now, log: log, onChange: onChange))
            case .archive(let name, let path):
                made.append(
                    ArchiveSource(
                        archive: name, path: path, workers: workers, limits: limits, now: now, log: log,
                        onChange: onChange))
            }
        }
        self.sources = made
        await refresh()
    }

    /// The record of a study, from the first source that has it.
    ///
    /// - Throws: `notFound` when every source was asked; `unavailable` when none has it and one could not be asked;
    ///   `conflictingSubjects` when nobody can tell whose study it is.
    package func resolve(_ study: UID, on loop: EventLoop) async throws(DirectoryError) -> Resolution {
        var failure: DirectoryError?
        for source in sources {
            switch await source.answer(study, on: loop) {
            case .found(let resolution): return resolution
            case .conflicting: throw .conflictingSubjects
            case .absent: continue
            case .unavailable(let timedOut, let detail):
                failure = failure ?? .unavailable(source: source.name, timedOut: timedOut, detail: detail)
            }
        }
        throw failure ?? .notFound
    }

    /// A fresh record already in memory; lets a cache hit be answered without suspending.
    package func cached(_ study: UID) -> Resolution? {
        for source in sources {
            switch source.cached(study) {
            case .found(let resolution): return resolution
            case .absent: continue
            case .conflicting, .unavailable, nil: return nil
            }
        }
        return nil
    }

    /// The study and series of an instance that a sloppy WADO-URI caller named alone; from records in memory and archives.
    ///
    /// - Complexity: linear in the instances of the records that servers gave.
    package func locate(instance: UID) -> (study: UID, series: UID)? {
        for source in sources {
            if let found = source.locate(instance: instance) { return found }
        }
        return nil
    }

    /// The Part 10 file of an archive source; nil unless the archive has that instance in that study and series.
    package func archiveFile(archive: String, study: UID, series: UID, instance: UID) -> String? {
        for case let source as ArchiveSource in sources where source.archive == archive {
            return source.file(study: study, series: series, instance: instance)
        }
        return nil
    }

    /// The records in memory, each study as the first source has it.
    package func studies() -> [StudyRecord] {
        var seen: Set<UID> = []
        return sources.flatMap { $0.records() }.filter { seen.insert($0.study).inserted }
    }

    /// Scans the folders now, whatever the time.
    package func refresh() async {
        for source in sources { await source.refresh() }
    }
}
