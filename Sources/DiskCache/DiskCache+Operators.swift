// What operators do with the cache while it serves: look, and purge.
package import CachePolicy
package import DICOM
import EventLoop
import Synchronization

extension DiskCache {
    /// The series that a selection means, in the order of their keys, at most `limit` of them.
    ///
    /// - Parameter key: the last one of the page before; nil for the first page.
    package func list(_ selection: CacheSelection, after key: SeriesKey?, limit: Int) async -> [SeriesEntry] {
        await background.run { self.accounting.list(selection, after: key, limit: limit) }
    }

    /// The objects of a series, read from their files; at most `limit` of them, in no particular order.
    package func contents(of series: SeriesKey, limit: Int) async -> [ObjectEntry] {
        await background.run {
            var entries: [ObjectEntry] = []
            let path = ObjectPath(series)
            guard limit > 0, let folder = try? self.directory.objects.openDirectory(FileName(path.components)) else {
                return entries
            }
            CacheDirectory.forEachFile(in: folder) { file in
                if let header = file.header {
                    entries.append(
                        ObjectEntry(
                            key: header.key, description: header.description, length: header.length,
                            bytes: file.amount.bytes))
                }
                return entries.count < limit
            }
            return entries
        }
    }

    /// Removes what a selection means, pinned or not. What is being filled of it will not be stored. While the accounting is
    /// rebuilt it waits for that, since nobody else knows what there is.
    ///
    /// - Parameter dryRun: only says what would go.
    package func purge(_ selection: CacheSelection, dryRun: Bool) async -> PurgeResult {
        await accounting.scanEnded()
        return await background.run {
            if !dryRun { self.forgetFills(of: selection) }
            var result = PurgeResult()
            var last: SeriesKey?
            while true {
                let page = self.accounting.list(selection, after: last, limit: 256)
                for entry in page {
                    result.add(dryRun ? entry.amount(of: selection) : self.remove(entry, of: selection))
                }
                last = page.last?.key
                if page.count < 256 { break }
            }
            if !dryRun, let study = selection.study, selection.isOfWholeStudiesOrSeries {
                // What the accounting does not know goes too.
                let rest = self.remove(tenant: selection.tenant, study: study, series: selection.series)
                result.objects += rest.objects
                result.bytes += rest.bytes
            }
            if !dryRun { self.notePurge(of: result.bytes) }
            return result
        }
    }

    /// Of series that nothing is stored of yet, fills may be under way. Patient and age can't be told of them.
    private func forgetFills(of selection: CacheSelection) {
        if selection.patient != nil || selection.olderThan != nil { return }
        index.withLock { index in
            index.revokeFills { key, backend in
                selection.names(key.seriesKey)
                    && selection.covers(objectClass: key.object.word, backend: backend ?? selection.backend ?? "")
            }
        }
    }

    private func remove(_ entry: SeriesEntry, of selection: CacheSelection) -> StoredAmount {
        if !selection.isOfWholeSeries { return removeParts(of: entry.key, coveredBy: selection) }
        let size = remove(tenant: entry.key.tenant, study: entry.key.study, series: entry.key.series)
        return StoredAmount(bytes: size.bytes, objects: size.objects)
    }

    // MARK: Whose a study is

    /// Remembers the subject of a study's record ("Patient/7"); nil is not known. Any thread; cheap when it is known
    /// already. ``StudyDocuments`` tells it of each document that it reads or keeps.
    package func note(subject: String?, of study: UID, tenant: String = "_") {
        if let subject { accounting.noteSubject(subject, of: StudyKey(tenant: tenant, study: study)) }
    }
}

extension CacheSelection {
    fileprivate var isOfWholeStudiesOrSeries: Bool { isOfWholeSeries && patient == nil && olderThan == nil }
}

extension SeriesEntry {
    /// What of it a selection means.
    fileprivate func amount(of selection: CacheSelection) -> StoredAmount {
        parts.reduce(into: StoredAmount()) { sum, part in
            guard selection.covers(objectClass: part.objectClass, backend: part.backend) else { return }
            sum += StoredAmount(bytes: part.bytes, objects: part.objects)
        }
    }
}

extension PurgeResult {
    fileprivate mutating func add(_ amount: StoredAmount) {
        if amount.objects > 0 { series &+= 1 }
        objects &+= amount.objects
        bytes &+= amount.bytes
    }
}
