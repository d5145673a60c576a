// Reading objects whole: on demand, and for the scrubber. What is damaged is dropped, counted and said.
package import CachePolicy
import EventLoop
import Glibc
import Synchronization

extension DiskCache {
    /// What the scrubber is at, or did last; nothing while it is off and never was on.
    package var scrubStatus: ScrubStatus { scrubber.status }

    /// What the scrubber, and ``verify(_:progress:)``, have found since the start, over all their walks.
    package var scrubTotal: ScrubCount { scrubCount.withLock { $0 } }

    /// Reads every object that the selection means, as fast as the disk allows, and drops those that are damaged.
    ///
    /// - Parameter progress: called now and then, on a thread of its own.
    /// - Returns: how it ended; without ``ScrubStatus/finished`` when the cache was closed meanwhile.
    package func verify(
        _ selection: CacheSelection = CacheSelection(), progress: @escaping @Sendable (ScrubStatus) -> Void = { _ in }
    ) async -> ScrubStatus {
        let pool = WorkerPool(threads: 1)
        defer { pool.stop() }
        var status = ScrubStatus()
        status.started = clock() / 1000
        for folder in await folders(of: selection) {
            let before = status
            status = await pool.run { self.walk(folder, selection, before, progress) }
            if stopped.isSet { return status }
        }
        status.finished = clock() / 1000
        status.position = nil
        if selection.isEverything, status.count.unreadable == 0 { await background.run { self.suspectsWereRead() } }
        return status
    }

    /// The folders that hold a selection, as components from the tenant.
    private func folders(of selection: CacheSelection) async -> [[String]] {
        let isOfPlace = selection.patient == nil && selection.olderThan == nil
        switch (selection.study, selection.series) {
        case (nil, nil) where selection.isEverything: return [[]]
        case (nil, nil) where isOfPlace: return [[ObjectPath.tenantFolder(selection.tenant)]]
        case (let study?, nil) where isOfPlace: return [ObjectPath(tenant: selection.tenant, study: study).components]
        case (let study?, let series?) where isOfPlace:
            return [ObjectPath(SeriesKey(tenant: selection.tenant, study: study, series: series)).components]
        default: break
        }
        var folders: [[String]] = []
        var last: SeriesKey?
        while true {
            let page = await list(selection, after: last, limit: 1000)
            folders += page.map { ObjectPath($0.key).components }
            last = page.last?.key
            if page.count < 1000 { return folders }
        }
    }

    private func walk(
        _ folder: [String], _ selection: CacheSelection, _ before: ScrubStatus, _ progress: (ScrubStatus) -> Void
    ) -> ScrubStatus {
        var status = before
        _ = directory.walk(below: folder) { found in
            status.count += look(at: found, isMeant: { selection.covers($0) }, mayGoOn: { _ in !stopped.isSet })
            if case .object(_, _, let path) = found { status.position = path.joined(separator: "/") }
            progress(status)
            return !stopped.isSet
        }
        return status
    }

    // MARK: One object

    /// Reads what a walk came by, if its header is that of an object that is meant. Answers what to count.
    func look(
        at found: CacheDirectory.Found, isMeant: (ObjectHeader) -> Bool, mayGoOn: (Int) -> Bool
    ) -> ScrubCount {
        var count = ScrubCount()
        switch found {
        case .object(let name, let folder, let path):
            count = read(name, in: folder, path, isMeant, mayGoOn)
        case .foreign(let path):
            count.foreign = 1
            log("cache: objects/\(path) is none of the cache's own, left alone")
        case .unreadable(let path, let error):
            count.unreadable = 1
            log("cache: objects/\(path) can't be entered: \(error)")
        }
        scrubCount.withLock { $0 += count }
        return count
    }

    private func read(
        _ name: FileName, in folder: Descriptor, _ path: [String], _ isMeant: (ObjectHeader) -> Bool,
        _ mayGoOn: (Int) -> Bool
    ) -> ScrubCount {
        var count = ScrubCount()
        var identity = folder.status(of: name).map { FileIdentity($0) }
        var key: ObjectKey?
        do throws(FileDamage) {
            guard let file = try open(name, in: folder, &count) else { return count }
            let object = try ObjectFile(file, identity: &identity)
            guard ObjectPath(object.header.key).components == path else { throw .wrongPlace }
            key = object.header.key
            // A header alone costs a page.
            guard isMeant(object.header), mayGoOn(ObjectLayout.pageSize) else { return count }
            let isWhole = try object.checkBody { bytes in
                count.bytes += Int64(bytes)
                return mayGoOn(bytes)
            }
            if isWhole { count.objects = 1 }
        } catch {
            // Without what to recognise it by nothing is dropped: it is gone already.
            guard let identity else { return count }
            count.damaged = 1
            log("cache: objects/\(path.joined(separator: "/")) is damaged (\(error)), dropped")
            dropDamaged(path, identity, of: key?.seriesKey ?? directory.seriesKey(of: path))
        }
        return count
    }

    /// Nil when it is gone, or this process lacks what it takes to open it.
    private func open(_ name: FileName, in folder: Descriptor, _ count: inout ScrubCount) throws(FileDamage)
        -> Descriptor?
    {
        do throws(SystemError) {
            return try folder.open(name, O_RDONLY | O_NONBLOCK | O_NOCTTY)
        } catch {
            if error.isOfTheFile { throw .unreadable(error) }
            if error.code != ENOENT { count.unreadable = 1 }
            return nil
        }
    }
}

extension SystemError {
    /// Whether it says something of the file that was to be opened, and not of this process or the machine.
    var isOfTheFile: Bool { [EIO, EACCES, EPERM, ELOOP, ENXIO, EUCLEAN].contains(code) }
}

extension CacheSelection {
    fileprivate func covers(_ header: ObjectHeader) -> Bool {
        covers(objectClass: header.key.object.word, backend: header.description.backend)
    }
}
