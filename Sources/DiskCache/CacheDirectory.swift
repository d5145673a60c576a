// The cache's folder on disk: its lock, its parts, and what happens to names in it. Knows paths, not objects.
// Whatever stands in the folder may have been put there by someone else: no symbolic link is ever followed below it.
import CLinux
import CachePolicy
import EventLoop
import Glibc
import Synchronization

/// The folder of a cache. What changes it, but for files being filled, first takes its ``lock``.
///
///     lock                 held (flock) while a process owns the folder; see ``CacheLock``
///     secret               32 random bytes
///     runs                 how often a process has owned it, and how well that ended; see ``RunLedger``
///     scrub                where the scrubber is; see ``ScrubStatus``
///     accounting.sqlite    what each series takes, and when it was last read; rebuilt when it is lost
///     objects/             what is stored; see ``ObjectPath``
///     fills/               files being filled, where the file system has no unnamed ones
///     trash/               what is being deleted
///
/// All of it may be deleted while no process holds the lock; anything under `objects` at any time.
final class CacheDirectory: Sendable {
    /// The absolute path without symbolic links.
    let path: String
    let root: Descriptor
    var objects: Descriptor { parts.withLock { $0.objects } }
    var fills: Descriptor { parts.withLock { $0.fills } }
    var trash: Descriptor { parts.withLock { $0.trash } }
    private let parts: Mutex<Parts>
    /// Whether files are unnamed until they are published.
    let usesUnnamedFiles: Bool
    let lock: CacheLock
    private let fault: FillFileFault?

    private struct Parts {
        var objects: Descriptor
        var fills: Descriptor
        var trash: Descriptor

        init(of root: Descriptor) throws(SystemError) {
            objects = try root.makeDirectory(FileName("objects"))
            fills = try root.makeDirectory(FileName("fills"))
            trash = try root.makeDirectory(FileName("trash"))
        }
    }

    /// Opens or makes the folder.
    ///
    /// - Throws: ``CacheDirectoryError`` when it can't be made, entered or written.
    init(path: String, usesUnnamedFiles: Bool, fault: FillFileFault? = nil) throws(CacheDirectoryError) {
        self.fault = fault
        let fills: Descriptor
        do throws(SystemError) {
            self.path = try Self.made(path)
            let root = Descriptor(try system("open") { unsafe clinux_open(path, O_RDONLY | O_DIRECTORY, 0) })
            try system("fchmod") { fchmod(root.number, 0o700) }
            self.root = root
            lock = try CacheLock(in: root)
            let parts = try Parts(of: root)
            self.parts = Mutex(parts)
            fills = parts.fills
        } catch {
            throw CacheDirectoryError(description: "cache folder \(path): \(error)")
        }
        self.usesUnnamedFiles = usesUnnamedFiles && Self.hasUnnamedFiles(fills)
    }

    /// Makes the folder if need be, and those above it. Answers its path without symbolic links, on which SQLite insists.
    private static func made(_ path: String) throws(SystemError) -> String {
        // The strings live for the calls; what realpath allocates is copied and freed.
        var parent = path.hasPrefix("/") ? "" : "."
        for component in path.split(separator: "/").dropLast() {
            parent += "/" + component
            unsafe _ = mkdir(parent, 0o755)
        }
        unsafe _ = mkdir(path, 0o700)
        guard let resolved = unsafe realpath(path, nil) else {
            throw SystemError(call: "realpath", code: clinux_errno())
        }
        defer { unsafe free(resolved) }
        return unsafe String(cString: resolved)
    }

    /// Makes the parts anew that somebody has removed. What was opened before stays usable.
    ///
    /// - Throws: ``SystemError`` when one can't be made.
    func restoreParts() throws(SystemError) {
        let restored = try Parts(of: root)
        parts.withLock { $0 = restored }
    }

    /// Tries it, since only the attempt tells what a file system (and a container without /proc) allows.
    private static func hasUnnamedFiles(_ directory: Descriptor) -> Bool {
        let number = clinux_unnamed_file(directory.number, 0o600)
        guard number >= 0 else { return false }
        let probe = FileName.unique()
        guard (try? directory.link(Descriptor(number), as: probe)) != nil else { return false }
        directory.removeFile(probe)
        return true
    }

    /// Opens an object's file for reading; waits for nothing but the disk, even if a FIFO stands in its place.
    func openObject(_ path: ObjectPath) throws(SystemError) -> Descriptor {
        try objects.open(FileName(path.components), O_RDONLY | O_NONBLOCK | O_NOCTTY)
    }

    /// Whether a regular file stands in an object's place.
    func holdsObject(_ path: ObjectPath) -> Bool {
        objects.status(of: FileName(path.components))?.isRegularFile ?? false
    }

    // MARK: Files being filled

    /// A file that nobody else can find.
    func makeFillFile() throws(SystemError) -> FillFile {
        try fault.strike(.make)
        do throws(SystemError) {
            return try makeFillFile(in: fills)
        } catch {
            // What is said of a removed folder differs between file systems.
            guard root.status(of: FileName("fills")) == nil else { throw error }
            try restoreParts()
            return try makeFillFile(in: fills)
        }
    }

    private func makeFillFile(in fills: Descriptor) throws(SystemError) -> FillFile {
        if usesUnnamedFiles {
            let descriptor = Descriptor(try system("openat") { clinux_unnamed_file(fills.number, 0o600) })
            try system("fchmod") { fchmod(descriptor.number, 0o600) }
            return FillFile(descriptor: descriptor, name: nil, fault: fault)
        }
        let name = FileName.unique()
        return FillFile(descriptor: try fills.makeFile(name, exclusively: true), name: name, fault: fault)
    }

    /// Removes what an unpublished file has of a name.
    func discard(_ file: FillFile) {
        if let name = file.name { fills.removeFile(name) }
    }

    /// Gives a file its place among the objects, and makes the folders that it takes, `objects` itself among them. One
    /// thread at a time.
    ///
    /// - Parameter replacing: whether a regular file that stands there is replaced, in one step.
    /// - Returns: what was replaced; nil when something stands there and stays.
    func publish(_ file: FillFile, at path: ObjectPath, replacing: Bool) throws(SystemError) -> TreeContents? {
        // The folder may vanish between being made and being used, when an operator removes it. Thrice is no accident.
        var attemptsLeft = 3
        while true {
            let directory = try makeDirectories(path.directory)
            attemptsLeft -= 1
            do throws(SystemError) {
                let name = FileName(path.name)
                let names = Array(path.components[ObjectPath.seriesDepth...])
                if replacing, let old = Self.storedFile(name, in: directory, below: names) {
                    try replace(name, in: directory, by: file)
                    var replaced = TreeContents()
                    replaced.count(old)
                    return replaced
                }
                if let temporary = file.name {
                    try fills.rename(temporary, to: directory, as: name)
                } else {
                    try directory.link(file.descriptor, as: name)
                }
                return TreeContents()
            } catch {
                if error.code == EEXIST { return nil }
                guard error.code == ENOENT, attemptsLeft > 0 else { throw error }
            }
        }
    }

    private func replace(_ name: FileName, in directory: Descriptor, by file: FillFile) throws(SystemError) {
        let temporary = file.name ?? FileName.unique()
        if file.name == nil { try fills.link(file.descriptor, as: temporary) }
        do throws(SystemError) {
            try fills.replace(temporary, to: directory, as: name)
        } catch {
            fills.removeFile(temporary)
            throw error
        }
    }

    private func makeDirectories(_ components: ArraySlice<String>) throws(SystemError) -> Descriptor {
        do throws(SystemError) {
            return try objects.openDirectory(FileName(components))
        } catch {
            guard error.code == ENOENT else { throw error }
            do throws(SystemError) {
                return try makeDirectories(components, in: objects)
            } catch {
                // Nothing can be made within a folder that was removed itself.
                guard error.code == ENOENT else { throw error }
                try restoreParts()
                return try makeDirectories(components, in: objects)
            }
        }
    }

    private func makeDirectories(
        _ components: ArraySlice<String>, in folder: Descriptor
    ) throws(SystemError) -> Descriptor {
        var directory = folder
        for component in components { directory = try directory.makeDirectory(FileName(component)) }
        return directory
    }
}
