// The regular files under a folder, and what is in them. Blocking: for the worker pool only. Knows no formats.
import CLinux
import DICOM
import EventLoop
import Glibc

/// A file as a scan saw it; another size, time or inode means another content: a file that was moved into the place of
/// another may be as long and as old.
struct FolderFile: Hashable, Sendable {
    /// From the folder, "a/b.dcm".
    let path: String
    let size: Int64
    /// Nanoseconds since 1970.
    let modified: Int64
    let inode: UInt64
}

enum FolderScan {
    /// Folders inside each other, and files in all: bounds time and memory in a folder that was given by mistake, such as "/".
    static let depthLimit = 32
    static let fileLimit = 2_000_000

    /// Lists the regular files under a folder, sorted by path. Symbolic links below it are not followed, so nothing outside of
    /// it is seen; names that begin with a dot are passed over, since writers keep unfinished files under them.
    ///
    /// - Throws: ``SystemError`` when the folder itself cannot be read. A folder below it that cannot is passed over.
    static func files(in root: String) throws(SystemError) -> [FolderFile] {
        let descriptor = try system("open") { unsafe clinux_open(root, O_RDONLY | O_DIRECTORY, 0) }
        var files: [FolderFile] = []
        try list(descriptor, prefix: "", depth: 0, into: &files)
        return files.sorted { $0.path < $1.path }
    }

    /// Lists one folder and closes its descriptor.
    private static func list(
        _ descriptor: Int32, prefix: String, depth: Int, into files: inout [FolderFile]
    ) throws(SystemError) {
        guard let stream = unsafe fdopendir(descriptor) else {
            let error = SystemError(call: "fdopendir", code: clinux_errno())
            close(descriptor)
            throw error
        }
        // Proof for the unsafe calls below: the stream is open until this, and readdir's entry is read before the next call.
        defer { unsafe _ = closedir(stream) }
        var folders: [String] = []
        while let entry = unsafe readdir(stream), files.count < fileLimit {
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                unsafe pointer.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
            }
            if name.hasPrefix(".") { continue }
            var status = stat()
            guard unsafe fstatat(descriptor, name, &status, AT_SYMLINK_NOFOLLOW) == 0 else { continue }
            switch status.st_mode & S_IFMT {
            case S_IFDIR where depth < depthLimit: folders.append(name)
            case S_IFREG:
                let modified = Int64(status.st_mtim.tv_sec) * 1_000_000_000 + Int64(status.st_mtim.tv_nsec)
                files.append(
                    FolderFile(
                        path: prefix + name, size: Int64(status.st_size), modified: modified,
                        inode: UInt64(status.st_ino)))
            default: continue
            }
        }
        for name in folders {
            let inner = unsafe clinux_openat(descriptor, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0)
            if inner < 0 { continue }
            try? list(inner, prefix: "\(prefix)\(name)/", depth: depth + 1, into: &files)
        }
    }

    /// Hands a file's bytes over piece by piece until `take` has enough.
    ///
    /// - Parameter take: answers whether it wants more.
    /// - Throws: ``SystemError``; what `take` throws.
    static func read<Failure: Error>(
        _ path: String, pieces size: Int = 64 << 10, _ take: ([UInt8]) throws(Failure) -> Bool
    ) throws {
        let descriptor = try system("open") { unsafe clinux_open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0) }
        defer { close(descriptor) }
        // It was one when it was listed; a FIFO or a device may have taken its place.
        var status = stat()
        // Written before it is read, or the call fails.
        try system("fstat") { unsafe fstat(descriptor, &status) }
        guard status.st_mode & S_IFMT == S_IFREG else { throw SystemError(call: "open", code: EINVAL) }
        while true {
            var failure: SystemError?
            let piece = unsafe [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
                do throws(SystemError) {
                    // The buffer holds `size` bytes, and read() fills no more than it is told.
                    count = try system("read") { unsafe Glibc.read(descriptor, buffer.baseAddress, size) }
                } catch {
                    failure = error
                }
            }
            if let failure { throw failure }
            if piece.isEmpty { return }
            if try !take(piece) { return }
        }
    }

    /// The studies that were known and now have another version, or none.
    static func changedStudies(from previous: [UID: String], to next: [UID: String]) -> [UID] {
        previous.keys.filter { previous[$0] != next[$0] }.sorted()
    }

    /// The listing without what somebody may still be writing: a file that changed within the last second is left for the
    /// next scan, and counts as it was known before, if it was.
    static func settled(_ listing: [FolderFile], known: (_ path: String) -> FolderFile?) -> [FolderFile] {
        var time = timespec()
        unsafe _ = clock_gettime(CLOCK_REALTIME, &time)
        let aSecondAgo = (Int64(time.tv_sec) - 1) * 1_000_000_000 + Int64(time.tv_nsec)
        return listing.compactMap { $0.modified < aSecondAgo ? $0 : known($0.path) }
    }
}
