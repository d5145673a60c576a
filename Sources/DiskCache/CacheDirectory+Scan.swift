// Walking the tree of objects: how the accounting is rebuilt. Reads no object but for a tenant whose name is a hash.
import CachePolicy
import DICOM
import EventLoop
import Glibc

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

    /// A tenant that did not fit into a file name is told by the header of any of the series' objects.
    private func tenant(named name: String, _ series: Descriptor) -> String? {
        guard name.hasPrefix("=") else { return name }
        var tenant: String?
        Self.forEachFile(below: series) { directory, name, _ in
            if tenant != nil { return }
            guard let file = try? directory.open(name, O_RDONLY | O_NONBLOCK) else { return }
            guard let head = try? file.read(at: 0, count: ObjectLayout.headerLimit) else { return }
            tenant = (try? ObjectHeader(decoding: head))?.key.tenant
        }
        return tenant
    }

    /// What a folder holds, counted.
    static func size(of directory: Descriptor) -> TreeSize {
        var size = TreeSize()
        forEachFile(below: directory) { _, _, status in size.count(status) }
        return size
    }

    private static func forEachFile(
        below directory: Descriptor, depth: Int = 0, _ body: (Descriptor, FileName, stat) -> Void
    ) {
        directory.forEachEntry { name in
            guard let status = directory.status(of: name) else { return }
            if status.isRegularFile {
                body(directory, name, status)
            } else if status.isDirectory, depth < 8, let child = try? directory.openDirectory(name) {
                forEachFile(below: child, depth: depth + 1, body)
            }
        }
    }
}
