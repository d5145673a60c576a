// Objects out of files: opening them on workers, and dropping those that are not what they should be.
import CLinux
import CachePolicy
import EventLoop
import Glibc
import Synchronization

extension DiskCache {
    // MARK: Opening

    /// The object in the file system, if it is there and sound; shared by all who open it at once.
    func openStored(_ key: ObjectKey) async -> StoredObject? {
        let (known, removals, isClosed) = index.withLock { ($0.object(for: key), $0.removals, $0.isClosed) }
        if isClosed { return nil }
        var object = known
        if object == nil { object = await workers.run { self.openFile(of: key) } }
        guard let object else { return nil }
        // Of several that opened it at once all go on with one, so that a block is checked once.
        let (kept, dropped) = index.withLock { index in
            if let known = index.object(for: key) { return (known, known === object ? [] : [object]) }
            return (object, index.remember(object, since: removals))
        }
        withExtendedLifetime(dropped) {}
        guard await isBelievable(kept) else { return nil }
        accounting.noteUse(of: kept)
        return kept
    }

    /// Reads a suspect object whole. On threads of its own: look-ups of others must not stand in line behind gigabytes.
    private func isBelievable(_ object: StoredObject) async -> Bool {
        guard object.isSuspect else { return true }
        do throws(CacheError) {
            try await suspectReaders.run { () throws(CacheError) in try object.verifyNow(0..<object.length) }
            return true
        } catch {
            return false
        }
    }

    /// Opens an object's file and checks its header and trailer. Nil when there is none, or none that is sound: such a
    /// one is dropped.
    func openFile(of key: ObjectKey) -> StoredObject? {
        let path = ObjectPath(key)
        var identity: FileIdentity?
        do throws(FileDamage) {
            guard let file = try openNamed(path, &identity) else { return nil }
            let found = try ObjectFile(file, identity: &identity)
            guard found.header.key == key else { throw .header(.otherKey) }
            file.touch(found.status, now: accounting.now)
            return object(found.header, file: file, isVerified: false)
        } catch {
            log("cache: \(path.string) is damaged (\(error)), dropped")
            dropDamaged(path.components, identity, of: key.seriesKey)
            return nil
        }
    }

    /// Nil when there is none, or this process can't have it: then it is not dropped.
    private func openNamed(_ path: ObjectPath, _ identity: inout FileIdentity?) throws(FileDamage) -> Descriptor? {
        do throws(SystemError) {
            return try directory.openObject(path)
        } catch {
            switch error.code {
            case ENOENT: return nil
            // A symbolic link, a socket, or a file where a folder should be.
            case ELOOP, ENXIO, ENOTDIR, EXDEV: throw .notAFile
            case _ where error.isOfTheFile:
                identity = directory.identity(of: path)
                // A file that is ours and can't be read is of no use; a folder that can't be entered is an operator's
                // mistake, and what it holds may be sound.
                if identity != nil { throw .unreadable(error) }
                failures.note("\(path.string): \(error)")
                return nil
            default:
                log("cache: \(path.string): \(error)")
                return nil
            }
        }
    }

    func object(_ header: ObjectHeader, file: Descriptor, isVerified: Bool) -> StoredObject {
        StoredObject(
            key: header.key, description: header.description, length: header.length, bodyOffset: header.bodyOffset,
            file: file, isVerified: isVerified, isSuspect: !isVerified && isSuspect(header.run), cache: self,
            workers: workers)
    }

    // MARK: Damage

    /// Drops an object whose bytes are not those that were stored. On a worker, or at the end of a failed `sendfile`.
    func objectIsDamaged(_ object: StoredObject) {
        let dropped = index.withLock { $0.forget(object) }
        guard let status = try? object.file.status() else { return }
        let path = ObjectPath(object.key)
        log("cache: \(path.string) is damaged (a block's checksum), dropped")
        dropDamaged(path.components, FileIdentity(status), of: object.key.seriesKey)
        withExtendedLifetime(dropped) {}
    }

    /// Drops an object that is sound and of no use any more.
    package func drop(_ object: StoredObject) async {
        await workers.run {
            let dropped = self.index.withLock { $0.forget(object) }
            guard let status = try? object.file.status() else { return }
            self.remove(ObjectPath(object.key).components, FileIdentity(status), of: object.key.seriesKey)
            withExtendedLifetime(dropped) {}
        }
    }

    /// Drops what stands in an object's place.
    ///
    /// - Parameters:
    ///   - identity: the file that is meant; nil for whatever stands in the object's way and is no file.
    ///   - series: nil when it can't be told; then the accounting learns of it with its next scan.
    func dropDamaged(_ path: [String], _ identity: FileIdentity?, of series: SeriesKey?) {
        counters.damaged.wrappingAdd(1, ordering: .relaxed)
        remove(path, identity, of: series)
    }

    private func remove(_ path: [String], _ identity: FileIdentity?, of series: SeriesKey?) {
        let (name, dropped) = publishing.withLock { _ in
            if index.withLock({ $0.isClosed }) { return (nil as FileName?, [] as [StoredObject]) }
            let name = directory.moveToTrash(path, ifStill: identity)
            // It may be open; the others of its series are opened again at the cost of a moment.
            let dropped = name == nil ? [] : index.withLock { index in index.forgetObjects { $0 == series } }
            return (name, dropped)
        }
        withExtendedLifetime(dropped) {}
        guard let name else { return }
        let contents = directory.contents(ofTrash: name, below: Array(path.dropFirst(ObjectPath.seriesDepth)))
        directory.deleteTrash(name)
        if let series { accounting.noteRemoved(series, contents) }
    }
}
