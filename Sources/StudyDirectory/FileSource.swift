// A folder of FHIR JSON as a source: Bundles of any kind, NDJSON, single resources. Knows no servers.
import DICOM
import EventLoop
import FHIR
import Synchronization

final class FileSource: StudySource {
    let name: String
    private let index: FolderIndex<FileIndex>

    init(
        path: String, workers: WorkerPool, limits: DirectoryLimits, now: @escaping Clock, log: @escaping DirectoryLog,
        onChange: @escaping DirectoryChange
    ) {
        let name = "files \(path)"
        let log: DirectoryLog = { log("\(name): \($0)") }
        self.name = name
        index = FolderIndex(
            FileIndex(), interval: limits.scanInterval, workers: workers, now: now, log: log,
            changed: { previous, next in
                let changed = FolderScan.changedStudies(from: previous.versions, to: next.versions)
                for study in changed { onChange(StudyChange(study: study, source: name, isOfFiles: false)) }
            }
        ) { (previous, isFirst) throws(SystemError) in
            let files = try FolderScan.files(in: path).filter(FileIndex.isWanted)
            let listing = isFirst ? files : FolderScan.settled(files, known: previous.file)
            return previous.updated(with: listing, in: path, log: log)
        }
    }

    func cached(_ study: UID) -> SourceAnswer? {
        index.refreshIfDue()
        let (content, fault) = index.current
        return content.answer(study, source: name, isStale: fault != nil) ?? (fault == nil ? .absent : nil)
    }

    func answer(_ study: UID, on loop: EventLoop) async -> SourceAnswer {
        if case .found(let resolution)? = cached(study) { return .found(resolution) }
        // It may have come a moment ago.
        await index.refreshedIfDue()
        let (content, fault) = index.current
        if let answer = content.answer(study, source: name, isStale: fault != nil) { return answer }
        return fault.map { .unavailable(timedOut: false, detail: $0) } ?? .absent
    }

    func records() -> [StudyRecord] { index.current.content.records }

    func locate(instance: UID) -> (study: UID, series: UID)? {
        for record in records() {
            for series in record.series where series.instances.contains(where: { $0.uid == instance }) {
                return (record.study, series.uid)
            }
        }
        return nil
    }

    func refresh() async { await index.refresh() }
}

/// The studies of a folder of FHIR JSON.
struct FileIndex: Sendable {
    private struct LoadedFile: Sendable {
        var file: FolderFile
        /// Nil for a file that never was readable.
        var document: FHIRDocument?
    }

    private var files: [String: LoadedFile] = [:]
    private var studies: [UID: Result<StudyRecord, SubjectConflict>] = [:]

    /// Larger files, and files beyond this sum, are not read.
    private static let fileLimit = 64 << 20
    private static let folderLimit: Int64 = 1 << 30

    var records: [StudyRecord] { studies.values.compactMap { try? $0.get() } }

    var versions: [UID: String] { studies.compactMapValues { try? $0.get().version } }

    func answer(_ study: UID, source: String, isStale: Bool) -> SourceAnswer? {
        switch studies[study] {
        case .success(let record): .found(Resolution(record: record, source: source, isStale: isStale))
        case .failure: .conflicting
        case nil: nil
        }
    }

    /// The file as it was when it was read last.
    func file(_ path: String) -> FolderFile? { files[path]?.file }

    static func isWanted(_ file: FolderFile) -> Bool {
        let path = file.path.lowercased()
        return path.hasSuffix(".json") || isLines(path)
    }

    private static func isLines(_ path: String) -> Bool { path.hasSuffix(".ndjson") || path.hasSuffix(".jsonl") }

    /// The index of the folder as it is now; only changed files are read again. Blocking.
    ///
    /// A file that is broken keeps what it held before, until it is whole again or gone.
    func updated(with listing: [FolderFile], in root: String, log: DirectoryLog) -> FileIndex {
        guard listing.count != files.count || listing.contains(where: { files[$0.path]?.file != $0 }) else {
            return self
        }
        var next = FileIndex()
        var total: Int64 = 0
        for file in listing {
            let known = files[file.path]
            total += file.size
            if let known, known.file == file {
                next.files[file.path] = known
                continue
            }
            do {
                guard total <= Self.folderLimit else {
                    throw FHIRError.tooLarge("\(Self.folderLimit) bytes in one folder")
                }
                let document = try Self.load("\(root)/\(file.path)", log: { log("\(file.path): \($0)") })
                next.files[file.path] = LoadedFile(file: file, document: document)
            } catch {
                log(
                    "\(file.path) is passed over: \(error)\(known?.document == nil ? "" : "; what it held before still counts")"
                )
                next.files[file.path] = LoadedFile(file: file, document: known?.document)
            }
        }
        next.build(log: log)
        return next
    }

    private static func load(_ path: String, log: DirectoryLog) throws -> FHIRDocument {
        var bytes: [UInt8] = []
        try FolderScan.read(path) { (piece) throws(FHIRError) in
            bytes += piece
            guard bytes.count <= fileLimit else { throw .tooLarge("\(fileLimit) bytes") }
            return true
        }
        var limits = JSONLimits()
        limits.bytes = fileLimit
        let isLines = isLines(path.lowercased())
        let document =
            try isLines ? FHIRDocument(ndjson: bytes, limits: limits) : FHIRDocument(json: bytes, limits: limits)
        for note in document.notes { log(note) }
        return document
    }

    /// Puts the studies of all files together. Endpoints are looked for in a study's own file first, then in the folder.
    private mutating func build(log: DirectoryLog) {
        var shared = EndpointTable()
        var own: [String: EndpointTable] = [:]
        var resources: [UID: [ParsedStudy]] = [:]
        for path in files.keys.sorted() {
            guard let document = files[path]?.document else { continue }
            var table = EndpointTable()
            for endpoint in document.endpoints {
                table.add(endpoint)
                shared.add(endpoint)
            }
            own[path] = table
            for var study in document.studies {
                study.origin = path
                for uid in study.studyUIDs { resources[uid, default: []].append(study) }
            }
        }
        for (study, resources) in resources {
            do {
                let relevant = try StudyMerge.relevant(resources, for: study)
                let record = StudyMerge.record(of: study, from: relevant) { resource, reference in
                    own[resource.origin]?[reference] ?? shared[reference]
                }
                if let record { studies[study] = .success(record) }
            } catch {
                log("study \(study): different subjects in \(error.resources.joined(separator: ", "))")
                studies[study] = .failure(error)
            }
        }
    }
}
