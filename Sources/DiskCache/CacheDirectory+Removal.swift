// Taking things out of the cache's folder: one rename makes them unreachable, deleting is then a matter of time.
import CLinux
import CachePolicy
import DICOM
import EventLoop
import Glibc

extension CacheDirectory {
    /// Makes a folder unreachable. Answers its name in the trash; nil when there is none.
    func moveToTrash(_ path: ObjectPath) -> FileName? {
        guard let parent = openDirectory(path.directory) else { return nil }
        return moveToTrash(FileName(path.name), of: parent)
    }

    /// Whether a folder is there that could not be made unreachable.
    func isStuck(_ path: ObjectPath) -> Bool {
        openDirectory(path.directory).map { $0.status(of: FileName(path.name)) != nil } ?? false
    }

    /// Makes an object's file unreachable if it is still the one meant; with nil, whatever stands in the object's way: the
    /// first component that should be a folder and is none, or a last one that is no regular file.
    func moveToTrash(_ components: [String], ifStill identity: FileIdentity?) -> FileName? {
        let last = components.count - 1
        for depth in components.indices where identity == nil || depth == last {
            let name = FileName(components[depth])
            guard let parent = openDirectory(components[..<depth]), let status = parent.status(of: name) else {
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

    /// Tells the file that bears an object's name; nil when none does, or its folder can't be entered.
    func identity(of path: ObjectPath) -> FileIdentity? {
        openDirectory(path.directory)?.status(of: FileName(path.name)).map { FileIdentity($0) }
    }

    /// Deletes something that stands in the root, whatever it is.
    func removeRootEntry(_ name: FileName) {
        if let name = moveToTrash(name, of: root) { deleteTrash(name) }
    }

    func moveToTrash(_ name: FileName, of parent: Descriptor) -> FileName? {
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

    /// What something in the trash holds.
    ///
    /// - Parameter names: those that led from its series' folder to it.
    func contents(ofTrash name: FileName, below names: [String]) -> TreeContents {
        if let folder = try? trash.openDirectory(name) { return Self.contents(of: folder, below: names) }
        var contents = TreeContents()
        if let file = Self.storedFile(name, in: trash, below: names) { contents.count(file) }
        return contents
    }

    // MARK: Empty folders

    /// Makes a study's folder unreachable once no series is in it, with what stands beside the series. Answers its name in
    /// the trash; nil when it stays. No other thread may publish meanwhile.
    func moveBareStudyToTrash(tenant: String, study: UID) -> FileName? {
        let path = ObjectPath(tenant: tenant, study: study)
        guard let folder = openDirectory(path.components[...]) else { return nil }
        var isBare = true
        folder.forEachEntry { name in
            if UID(name.description) != nil, folder.status(of: name)?.isDirectory == true { isBare = false }
        }
        guard isBare else { return nil }
        let name = moveToTrash(path)
        removeEmptyFolders(path.directory, downTo: 1)
        return name
    }

    /// Removes the empty folders below a folder.
    func removeEmptyFolders(below folder: Descriptor, depth: Int = 0) {
        folder.forEachEntry { name in
            guard depth < 8, let child = try? folder.openDirectory(name) else { return }
            removeEmptyFolders(below: child, depth: depth + 1)
            folder.removeDirectory(name)
        }
    }

    /// Removes a folder and those above it, as long as they are empty, but for the first `depth` of them.
    func removeEmptyFolders(_ components: ArraySlice<String>, downTo depth: Int) {
        var left = components
        while left.count > depth, let name = left.popLast() {
            guard let parent = openDirectory(left), parent.removeDirectory(FileName(name)) else { return }
        }
    }

    /// Deletes what an earlier process left in `fills`.
    func sweepFills() { fills.forEachEntry { fills.removeFile($0) } }

    /// Deletes what an earlier process left in `trash`.
    func sweepTrash() {
        var names: [FileName] = []
        trash.forEachEntry { names.append($0) }
        for name in names { deleteTrash(name) }
    }

    /// What the file system has left for this process.
    struct FreeSpace: Sendable {
        /// Nil when it can't be told.
        var bytes: Int64?
        /// Nil when it can't be told, or the file system makes them as it needs them.
        var inodes: Int64?
    }

    func freeSpace() -> FreeSpace {
        var status = statvfs()
        // Written before it is read, or the call fails.
        guard unsafe fstatvfs(root.number, &status) == 0 else { return FreeSpace() }
        let (bytes, overflows) = Int64(clamping: status.f_bavail).multipliedReportingOverflow(
            by: Int64(clamping: status.f_frsize))
        return FreeSpace(
            bytes: overflows ? nil : bytes, inodes: status.f_files == 0 ? nil : Int64(clamping: status.f_favail))
    }
}
