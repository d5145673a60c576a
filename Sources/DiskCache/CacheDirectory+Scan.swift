// Walking the tree of objects: how the accounting is rebuilt, and what a series holds. Of an object only its header is read.
import CLinux
import CachePolicy
import DICOM
import EventLoop
import Glibc

/// What a subtree held.
struct TreeSize: Sendable {
    /// Charged bytes of its regular files.
    var bytes: Int64 = 0
    /// Regular files.
    var objects: Int64 = 0

    mutating func count(_ status: stat) {
        bytes += ObjectLayout.chargedSize(fileSize: Int64(status.st_size))
        objects += 1
    }
}

/// What a subtree holds, by class and backend.
struct TreeContents: Sendable {
    var sums = PartSums()
    /// Whether there is a file that does not tell which backend it came from.
    var isGuessed = false
    /// When the oldest file was stored and the newest one read or stored, milliseconds since 1970.
    var oldest: Int64?
    var newest: Int64?

    mutating func count(_ file: StoredFile) {
        sums.add(file.amount, to: file.part)
        if file.header == nil { isGuessed = true }
        let stored = file.status.st_mtim.inMilliseconds
        oldest = min(oldest ?? stored, stored)
        newest = max(newest ?? 0, file.status.lastUse)
    }
}

/// A regular file in the folder of a series.
struct StoredFile {
    let directory: Descriptor
    let name: FileName
    let status: stat
    /// A word of `ObjectClass`, told by its place.
    let objectClass: String
    /// Nil when its beginning is no header.
    let header: ObjectHeader?

    var part: PartName { PartName(objectClass: objectClass, backend: header?.description.backend ?? "") }

    var amount: StoredAmount {
        StoredAmount(bytes: ObjectLayout.chargedSize(fileSize: Int64(status.st_size)), objects: 1)
    }
}

extension stat {
    /// When the file was last read or written, milliseconds since 1970, as far as its times tell.
    var lastUse: Int64 { max(st_mtim.inMilliseconds, st_atim.inMilliseconds) }
}

extension Descriptor {
    /// Sets the time of the last access where it is older than an hour, so that it is known whatever the file system is
    /// mounted with, for a write of one inode an hour.
    ///
    /// - Parameter now: milliseconds since 1970.
    func touch(_ status: stat, now: Int64) {
        guard now - status.lastUse > 3600 * 1000 else { return }
        _ = clinux_touch(number, now / 1000)
    }
}

extension timespec {
    var inMilliseconds: Int64 {
        min(max(0, Int64(tv_sec)), SteadyClock.end / 1000) * 1000 + Int64(tv_nsec) / 1_000_000
    }
}

extension CacheDirectory {
    /// Calls `body` with each series' key and folder until it answers false. What is no folder of ours is passed over.
    func forEachSeries(_ body: (SeriesKey, Descriptor) -> Bool) {
        var goesOn = true
        descend(objects, path: [], goesOn: &goesOn, body)
    }

    private func descend(
        _ directory: Descriptor, path: [String], goesOn: inout Bool, _ body: (SeriesKey, Descriptor) -> Bool
    ) {
        if path.count == ObjectPath.seriesDepth {
            guard let study = UID(path[3]), let series = UID(path[4]) else { return }
            guard let tenant = tenant(named: path[0], directory) else { return }
            let key = SeriesKey(tenant: tenant, study: study, series: series)
            // A folder in the wrong place would be counted, but never found again.
            if ObjectPath(key).components == path { goesOn = body(key, directory) }
            return
        }
        var names: [FileName] = []
        directory.forEachEntry { names.append($0) }
        for name in names where goesOn {
            guard let child = try? directory.openDirectory(name) else { continue }
            descend(child, path: path + [name.description], goesOn: &goesOn, body)
        }
    }

    /// The series in whose folder an object stands, or stood; nil when its tenant can't be told.
    func seriesKey(of path: [String]) -> SeriesKey? {
        guard path.count > ObjectPath.seriesDepth, let study = UID(path[3]), let series = UID(path[4]),
            let folder = try? objects.openDirectory(FileName(path[..<ObjectPath.seriesDepth])),
            let tenant = tenant(named: path[0], folder)
        else { return nil }
        return SeriesKey(tenant: tenant, study: study, series: series)
    }

    /// A tenant that did not fit into a file name is told by the header of any of the series' objects.
    private func tenant(named name: String, _ series: Descriptor) -> String? {
        guard name.hasPrefix("=") else { return name }
        var tenant: String?
        Self.forEachFile(in: series) { file in
            tenant = file.header?.key.tenant
            return tenant == nil
        }
        return tenant
    }

    /// What a folder holds.
    ///
    /// - Parameter names: those that lead from the series' folder to it.
    static func contents(of folder: Descriptor, below names: [String] = []) -> TreeContents {
        var contents = TreeContents()
        forEachFile(in: folder, below: names) { file in
            contents.count(file)
            return true
        }
        return contents
    }

    /// The instances of a series and when each was last used, milliseconds since 1970.
    func instances(of series: SeriesKey) -> [(instance: UID, lastUse: Int64)] {
        guard let folder = try? objects.openDirectory(FileName(ObjectPath(series).components)) else { return [] }
        var instances: [(instance: UID, lastUse: Int64)] = []
        folder.forEachEntry { name in
            guard let instance = UID(name.description), let child = try? folder.openDirectory(name) else { return }
            instances.append((instance, lastUse(below: child)))
        }
        return instances
    }

    private func lastUse(below folder: Descriptor, depth: Int = 0) -> Int64 {
        var newest: Int64 = 0
        folder.forEachEntry { name in
            guard let status = folder.status(of: name) else { return }
            if status.isRegularFile {
                newest = max(newest, status.lastUse)
            } else if depth < 4, let child = try? folder.openDirectory(name) {
                newest = max(newest, lastUse(below: child, depth: depth + 1))
            }
        }
        return newest
    }

    /// The subject of a study's record, as the document beside its series has it.
    func subject(of study: StudyKey) -> String? {
        let path = ObjectPath(tenant: study.tenant, study: study.study)
        guard let folder = try? objects.openDirectory(FileName(path.components)) else { return nil }
        var subject: String?
        folder.forEachEntry { name in
            guard subject == nil, let status = folder.status(of: name), status.isRegularFile,
                status.st_size <= StudyDocument.sizeLimit, let file = try? folder.open(name, O_RDONLY | O_NONBLOCK),
                let bytes = try? file.read(at: 0, count: Int(status.st_size))
            else { return }
            subject = StudyDocument(decoding: bytes, of: study.study)?.mark.subject
        }
        return subject
    }

    /// Calls `body` with each regular file below a folder until it answers false.
    ///
    /// - Parameter names: those that lead from the series' folder to this one.
    static func forEachFile(
        in directory: Descriptor, below names: [String] = [], _ body: (StoredFile) -> Bool
    ) {
        var goesOn = true
        walk(directory, names, &goesOn, body)
    }

    private static func walk(
        _ directory: Descriptor, _ names: [String], _ goesOn: inout Bool, _ body: (StoredFile) -> Bool
    ) {
        directory.forEachEntry { name in
            if !goesOn { return }
            let names = names + [name.description]
            if let file = storedFile(name, in: directory, below: names) {
                goesOn = body(file)
            } else if names.count < 8, let child = try? directory.openDirectory(name) {
                walk(child, names, &goesOn, body)
            }
        }
    }

    /// A file and what its beginning says; nil when it is none.
    ///
    /// - Parameter names: those that lead from the series' folder to it, its own in its place included.
    static func storedFile(_ name: FileName, in directory: Descriptor, below names: [String]) -> StoredFile? {
        guard let status = directory.status(of: name), status.isRegularFile else { return nil }
        return StoredFile(
            directory: directory, name: name, status: status, objectClass: ObjectPath.objectClass(below: names),
            header: header(of: name, in: directory))
    }

    /// Counting is no use: the time of the last access stays.
    static func header(of name: FileName, in directory: Descriptor) -> ObjectHeader? {
        let flags = O_RDONLY | O_NONBLOCK | O_NOCTTY
        guard let file = (try? directory.open(name, flags | clinux_noatime())) ?? (try? directory.open(name, flags)),
            var head = try? file.read(at: 0, count: ObjectLayout.pageSize),
            let size = try? ObjectHeader.size(announcedBy: head)
        else { return nil }
        if size > head.count {
            guard let rest = try? file.read(at: Int64(head.count), count: size - head.count) else { return nil }
            head += rest
        }
        return try? ObjectHeader(decoding: head)
    }
}
