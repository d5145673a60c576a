// Taking things out of the cache's folder: one rename makes them unreachable, deleting is then a matter of time.
import CLinux
import CachePolicy
import EventLoop
import Glibc

/// What a subtree held.
struct TreeSize: Sendable {
    /// Charged bytes of its regular files.
    var bytes: Int64 = 0
    /// Regular files.
    var objects: Int64 = 0
    /// The times at which the oldest and the newest file were last changed, milliseconds since 1970.
    var oldest: Int64?
    var newest: Int64?

    mutating func count(_ status: stat) {
        bytes += ObjectLayout.chargedSize(fileSize: Int64(status.st_size))
        objects += 1
        let time = Int64(status.st_mtim.tv_sec) * 1000 + Int64(status.st_mtim.tv_nsec) / 1_000_000
        oldest = min(oldest ?? time, time)
        newest = max(newest ?? time, time)
    }
}

extension CacheDirectory {
    /// Makes a folder unreachable. Answers its name in the trash; nil when there is none.
    func moveToTrash(_ path: ObjectPath) -> FileName? {
        guard let parent = openDirectory(path.directory) else { return nil }
        return moveToTrash(FileName(path.name), of: parent)
    }

    /// Makes an object's file unreachable if it is still the one meant; with nil, whatever stands in the object's way: the
    /// first component that should be a folder and is none, or a last one that is no regular file.
    func moveToTrash(_ path: ObjectPath, ifStill identity: FileIdentity?) -> FileName? {
        let last = path.components.count - 1
        for depth in path.components.indices where identity == nil || depth == last {
            let name = FileName(path.components[depth])
            guard let parent = openDirectory(path.components[..<depth]), let status = parent.status(of: name) else {
                return nil
            }
            let isMeant =
                if let identity {
                    identity == FileIdentity(status)
                } else {
                    depth == last ? !status.isRegularFile : !status.isDirectory
                }
            if isMeant { return moveToTrash(name, of: parent) }
        }
        return nil
    }

    /// Deletes something that stands in the root, whatever it is.
    func removeRootEntry(_ name: FileName) {
        if let name = moveToTrash(name, of: root) { deleteTrash(name) }
    }

    private func moveToTrash(_ name: FileName, of parent: Descriptor) -> FileName? {
        let newName = FileName.unique()
        if (try? parent.rename(name, to: trash, as: newName)) != nil { return newName }
        // What is to go must go, even if somebody has removed the trash itself.
        guard parent.status(of: name) != nil, (try? restoreParts()) != nil else { return nil }
        return (try? parent.rename(name, to: trash, as: newName)) != nil ? newName : nil
    }

    private func openDirectory(_ components: ArraySlice<String>) -> Descriptor? {
        components.isEmpty ? objects : try? objects.openDirectory(FileName(components))
    }

    /// Deletes something from the trash. Answers what it held. Takes as long as it takes: on a worker.
    @discardableResult
    func deleteTrash(_ name: FileName) -> TreeSize {
        var size = TreeSize()
        var left = [name]
        // Deep nesting, which only a hostile hand makes, is flattened into the trash instead of onto the stack.
        while let next = left.popLast() { delete(next, in: trash, depth: 0, deferred: &left, size: &size) }
        return size
    }

    private func delete(
        _ name: FileName, in parent: Descriptor, depth: Int, deferred: inout [FileName], size: inout TreeSize
    ) {
        guard let status = parent.status(of: name) else { return }
        guard status.isDirectory else {
            if status.isRegularFile { size.count(status) }
            parent.removeFile(name)
            return
        }
        if depth > 16 {
            if let flat = moveToTrash(name, of: parent) { deferred.append(flat) }
            return
        }
        if let directory = try? parent.openDirectory(name) {
            directory.forEachEntry {
                delete($0, in: directory, depth: depth + 1, deferred: &deferred, size: &size)
            }
        }
        parent.removeDirectory(name)
    }

    /// Deletes what an earlier process left in `fills`.
    func sweepFills() { fills.forEachEntry { fills.removeFile($0) } }

    /// Deletes what an earlier process left in `trash`.
    func sweepTrash() {
        var names: [FileName] = []
        trash.forEachEntry { names.append($0) }
        for name in names { deleteTrash(name) }
    }

    /// Free bytes of the disk for this process; nil when it can't be told.
    func freeBytes() -> Int64? {
        var status = statvfs()
        // Written before it is read, or the call fails.
        guard unsafe fstatvfs(root.number, &status) == 0 else { return nil }
        let (bytes, overflows) = Int64(clamping: status.f_bavail).multipliedReportingOverflow(
            by: Int64(clamping: status.f_frsize))
        return overflows ? nil : bytes
    }
}
