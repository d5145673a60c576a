// A folder of DICOM Part 10 files: directory and backend in one. Reads the heads of files; their content is others' affair.
import DICOM
import EventLoop
import FHIR

final class ArchiveSource: StudySource {
    let name: String
    /// The archive's name in the configuration; it is its endpoint's address.
    let archive: String
    private let path: String
    private let index: FolderIndex<ArchiveIndex>

    init(
        archive: String, path: String, workers: WorkerPool, limits: DirectoryLimits, now: @escaping Clock,
        log: @escaping DirectoryLog, onChange: @escaping DirectoryChange
    ) {
        let name = "archive \(archive)"
        let log: DirectoryLog = { log("\(name): \($0)") }
        self.name = name
        self.archive = archive
        self.path = path
        index = FolderIndex(
            ArchiveIndex(archive: archive), interval: limits.scanInterval, workers: workers, now: now, log: log,
            changed: { previous, next in
                let changed = FolderScan.changedStudies(from: previous.versions, to: next.versions)
                for study in changed { onChange(StudyChange(study: study, source: name, isOfFiles: true)) }
            }
        ) { (previous, isFirst) throws(SystemError) in
            let files = try FolderScan.files(in: path)
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

    func locate(instance: UID) -> (study: UID, series: UID)? { index.current.content.locate(instance) }

    /// The whole path of an instance's file; nil unless it lies in that study and series.
    func file(study: UID, series: UID, instance: UID) -> String? {
        let content = index.current.content
        guard let place = content.locate(instance), place == (study, series) else { return nil }
        return content.path(of: instance).map { "\(path)/\($0)" }
    }

    func refresh() async { await index.refresh() }
}

/// The instances of a folder of DICOM files.
struct ArchiveIndex: Sendable {
    private struct IndexedFile: Sendable {
        let file: FolderFile
        /// Nil for a file that is no DICOM instance.
        let facts: InstanceFacts?
    }

    private let archive: String
    private var files: [String: IndexedFile] = [:]
    /// The file that counts for each instance.
    private var instances: [UID: IndexedFile] = [:]
    private var studies: [UID: StudyRecord] = [:]
    /// Instances that several files claim to be.
    private var duplicates: Set<UID> = []

    init(archive: String) { self.archive = archive }

    var records: [StudyRecord] { Array(studies.values) }

    var versions: [UID: String] { studies.mapValues(\.version) }

    func answer(_ study: UID, source: String, isStale: Bool) -> SourceAnswer? {
        studies[study].map { .found(Resolution(record: $0, source: source, isStale: isStale)) }
    }

    func locate(_ instance: UID) -> (study: UID, series: UID)? {
        instances[instance]?.facts.map { ($0.study, $0.series) }
    }

    /// The file as it was when it was read last.
    func file(_ path: String) -> FolderFile? { files[path]?.file }

    /// From the folder.
    func path(of instance: UID) -> String? { instances[instance]?.file.path }

    /// The index of the folder as it is now; only the heads of new and changed files are read. Blocking.
    func updated(with listing: [FolderFile], in root: String, log: DirectoryLog) -> ArchiveIndex {
        guard listing.count != files.count || listing.contains(where: { files[$0.path]?.file != $0 }) else {
            return self
        }
        var next = ArchiveIndex(archive: archive)
        var unreadable = 0
        for file in listing {
            if let known = files[file.path], known.file == file {
                next.files[file.path] = known
                continue
            }
            do {
                let facts = try Self.facts(of: "\(root)/\(file.path)")
                next.files[file.path] = IndexedFile(file: file, facts: facts)
            } catch {
                // File names may hold patients' names, so they are counted, not named.
                unreadable += 1
                next.files[file.path] = IndexedFile(file: file, facts: nil)
            }
        }
        next.build()
        if unreadable > 0 { log("\(unreadable) new files begin like DICOM and cannot be read") }
        for instance in next.duplicates.subtracting(duplicates).sorted().prefix(20) {
            log("instance \(instance) lies in several files; the newest counts")
        }
        log("\(next.instances.count) instances in \(next.studies.count) studies")
        return next
    }

    /// - Returns: nil for what is no DICOM instance, such as a DICOMDIR.
    /// - Throws: for a file that bears the mark of DICOM and cannot be read.
    private static func facts(of path: String) throws -> InstanceFacts? {
        var reader = Part10HeadReader(toleratesOtherFileMeta: true)
        var facts: InstanceFacts?
        var isMarked: Bool?
        do {
            try FolderScan.read(path) { (piece) throws(DICOMError) in
                isMarked = isMarked ?? piece.dropFirst(128).starts(with: "DICM".utf8)
                if case .facts(let found) = try reader.feed(piece) { facts = found }
                return facts == nil
            }
            return try facts ?? reader.finish()
        } catch let error as DICOMError {
            if isMarked ?? false, !path.hasSuffix("/DICOMDIR") { throw error }
            return nil
        }
    }

    private mutating func build() {
        for indexed in files.values {
            guard let facts = indexed.facts else { continue }
            if let other = instances[facts.instance] {
                duplicates.insert(facts.instance)
                guard (indexed.file.modified, indexed.file.path) > (other.file.modified, other.file.path) else {
                    continue
                }
            }
            instances[facts.instance] = indexed
        }
        var members: [UID: [UID: [IndexedFile]]] = [:]
        for indexed in instances.values {
            guard let facts = indexed.facts else { continue }
            members[facts.study, default: [:]][facts.series, default: []].append(indexed)
        }
        for (study, series) in members { studies[study] = record(of: study, series) }
    }

    private func record(of study: UID, _ members: [UID: [IndexedFile]]) -> StudyRecord {
        let endpoint = Endpoint(id: archive, connectionTypes: [.archive], address: archive)
        var version = FNV1a()
        let series = members.keys.sorted(by: Self.inOrder).map { uid in
            var series = StudyRecord.Series(uid: uid)
            let files = (members[uid] ?? []).compactMap { indexed in indexed.facts.map { (indexed.file, $0) } }
            for (file, facts) in files.sorted(by: { Self.inOrder($0.1.instance, $1.1.instance) }) {
                series.instances.append(StudyRecord.Instance(uid: facts.instance, sopClass: facts.sopClass))
                version.add("\(facts.instance) \(file.size) \(file.modified) \(file.inode)")
            }
            series.numberOfInstances = series.instances.count
            return series
        }
        return StudyRecord(study: study, series: series, endpoints: [endpoint], version: "files \(version.text)")
    }

    /// UIDs of one device differ in their last numbers: shorter ones come first, so that 9 precedes 10.
    private static func inOrder(_ left: UID, _ right: UID) -> Bool {
        let lengths = (left.string.utf8.count, right.string.utf8.count)
        return lengths.0 != lengths.1 ? lengths.0 < lengths.1 : left < right
    }
}
