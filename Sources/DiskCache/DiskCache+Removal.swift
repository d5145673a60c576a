// Taking objects out: what is being filled of them is kept from being published, then names go, and bytes afterwards.
import CachePolicy
package import DICOM
import EventLoop
import Synchronization

extension DiskCache {
    /// Raises the generation of every series of the study (or of one series) and removes what was stored. What is being
    /// filled now will not be published. Answers the bytes freed.
    package func purge(study: UID, series: UID?, tenant: String = "_") async -> Int64 {
        await background.run {
            let freed = self.remove(tenant: tenant, study: study, series: series).bytes
            self.notePurge(of: freed)
            return freed
        }
    }

    func notePurge(of bytes: Int64) {
        counters.purges.wrappingAdd(1, ordering: .relaxed)
        counters.purgedBytes.wrappingAdd(bytes, ordering: .relaxed)
    }

    /// Removes a series or a study by one rename, and the study's folder with the last of its series. In the background.
    @discardableResult
    func remove(tenant: String, study: UID, series: UID?, wasEvicted: Bool = false) -> TreeSize {
        let path =
            series.map { ObjectPath(SeriesKey(tenant: tenant, study: study, series: $0)) }
            ?? ObjectPath(tenant: tenant, study: study)
        let matches = { @Sendable (key: SeriesKey) in
            key.tenant == tenant && key.study == study && (series == nil || key.series == series)
        }
        let (name, bare, dropped) = publishing.withLock { _ -> (FileName?, FileName?, [StoredObject]) in
            let removal = CacheIndex.Removal(tenant: tenant, study: study, series: series)
            if index.withLock({ $0.putsOff(removal) }) { return (nil, nil, []) }
            if !wasEvicted { index.withLock { $0.notePurge(of: study) } }
            var dropped = index.withLock { $0.forget(where: matches) }
            let name = directory.moveToTrash(path)
            let bare = directory.moveBareStudyToTrash(tenant: tenant, study: study)
            // What was opened between the two steps saw the old file.
            dropped += index.withLock { $0.forgetObjects(where: matches) }
            if name == nil, directory.isStuck(path) {
                // It stays, and so does what is known of it.
                log("cache: \(path.string) could not be removed")
            } else {
                accounting.noteForgotten(tenant: tenant, study: study, series: series, wasEvicted: wasEvicted)
            }
            return (name, bare, dropped)
        }
        withExtendedLifetime(dropped) {}
        if let bare { directory.deleteTrash(bare) }
        return name.map { directory.deleteTrash($0) } ?? TreeSize()
    }

    /// Removes a series' objects of a class, or of a backend, and folders that are empty then. In the background.
    func removeParts(of series: SeriesKey, coveredBy selection: CacheSelection) -> StoredAmount {
        let isMeant = { @Sendable (key: ObjectKey, backend: String) in
            key.seriesKey == series && selection.covers(objectClass: key.object.word, backend: backend)
        }
        let path = ObjectPath(series)
        // With the lock held under which files appear: whoever is past its check is in the folder when that is read.
        var dropped = publishing.withLock { _ in
            index.withLock { index in
                // Of a fill that does not know its backend yet the worst is believed.
                index.notePurge(of: series.study)
                index.revokeFills { isMeant($0, $1 ?? selection.backend ?? "") }
                return index.forgetParts(where: isMeant)
            }
        }
        var contents = TreeContents()
        if let folder = try? directory.objects.openDirectory(FileName(path.components)) {
            CacheDirectory.forEachFile(in: folder) { file in
                guard selection.covers(objectClass: file.objectClass, backend: file.part.backend),
                    let name = takeAway(file)
                else { return true }
                contents.count(file)
                directory.deleteTrash(name)
                return true
            }
            directory.removeEmptyFolders(below: folder)
        }
        accounting.noteRemoved(series, contents)
        dropped += index.withLock { $0.forgetParts(where: isMeant) }
        withExtendedLifetime(dropped) {}
        removeFolderIfEmpty(of: series)
        return contents.sums.total
    }

    /// Makes a file unreachable, if it is still the one that was seen.
    private func takeAway(_ file: StoredFile) -> FileName? {
        publishing.withLock { _ in
            if index.withLock({ $0.isClosed }) { return nil }
            guard let status = file.directory.status(of: file.name),
                FileIdentity(status) == FileIdentity(file.status)
            else { return nil }
            return directory.moveToTrash(file.name, of: file.directory)
        }
    }

    /// Removes one instance of a series, all of its objects. In the background.
    func removeInstance(_ instance: UID, of series: SeriesKey) -> StoredAmount {
        let path = ObjectPath(series)
        let isMeant = { @Sendable (key: ObjectKey) in key.seriesKey == series && key.instance == instance }
        let (name, dropped) = publishing.withLock { _ -> (FileName?, [StoredObject]) in
            if index.withLock({ $0.isClosed }) { return (nil, []) }
            var dropped = index.withLock { index in
                index.revokeFills { key, _ in isMeant(key) }
                return index.forgetParts { key, _ in isMeant(key) }
            }
            let folder = try? directory.objects.openDirectory(FileName(path.components))
            let name = folder.flatMap { directory.moveToTrash(FileName(instance.string), of: $0) }
            dropped += index.withLock { $0.forgetParts { key, _ in isMeant(key) } }
            return (name, dropped)
        }
        withExtendedLifetime(dropped) {}
        guard let name else { return StoredAmount() }
        let contents = directory.contents(ofTrash: name, below: [instance.string])
        directory.deleteTrash(name)
        accounting.noteRemoved(series, contents)
        return contents.sums.total
    }

    /// Removes the folder of a series with nothing in it, and the study's if that was all.
    private func removeFolderIfEmpty(of series: SeriesKey) {
        let bare = publishing.withLock { _ -> FileName? in
            if index.withLock({ $0.isClosed }) { return nil }
            let path = ObjectPath(series)
            directory.removeEmptyFolders(path.components[...], downTo: path.components.count - 1)
            return directory.moveBareStudyToTrash(tenant: series.tenant, study: series.study)
        }
        if let bare { directory.deleteTrash(bare) }
    }
}
