// Calls that take a name within an open folder. Each is safe for the same reason: a name ends in zero and lives for the
// call, and the results are written before they are read. No call follows a symbolic link.
import CLinux
import EventLoop
import Glibc

/// A name within a folder, or a relative path: bytes as the file system has them, which need not be UTF-8.
struct FileName: Hashable, Sendable, CustomStringConvertible {
    /// Ends in zero.
    fileprivate let bytes: [CChar]

    init(_ string: String) { bytes = string.utf8.map { CChar(bitPattern: $0) } + [0] }

    /// Components of an ``ObjectPath``.
    init(_ components: some Sequence<String>) { self.init(components.joined(separator: "/")) }

    fileprivate init(bytesBeforeZero bytes: some Sequence<UInt8>) {
        self.bytes = bytes.map { CChar(bitPattern: $0) } + [0]
    }

    /// A name that no other file in `fills` or `trash` has.
    static func unique() -> FileName {
        FileName(
            String(UInt64.random(in: .min ... .max), radix: 36) + "-"
                + String(UInt64.random(in: .min ... .max), radix: 36))
    }

    /// The name as text; what is not UTF-8 is replaced.
    var description: String { String(decoding: bytes.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self) }
}

extension Descriptor {
    /// Opens something beneath this folder; at most 64 components. `mode` is for O_CREAT, and the umask's to narrow.
    func open(_ name: FileName, _ flags: Int32, mode: UInt32 = 0) throws(SystemError) -> Descriptor {
        Descriptor(try system("openat2") { unsafe clinux_open_beneath(number, name.bytes, flags, mode) })
    }

    func openDirectory(_ name: FileName) throws(SystemError) -> Descriptor {
        try open(name, O_RDONLY | O_DIRECTORY)
    }

    /// A folder, made when it is missing, readable by its owner only whatever the umask.
    func makeDirectory(_ name: FileName) throws(SystemError) -> Descriptor {
        let isNew = unsafe mkdirat(number, name.bytes, 0o700) == 0
        let made = try openDirectory(name)
        if isNew { try system("fchmod") { fchmod(made.number, 0o700) } }
        return made
    }

    /// A file for reading and writing, made when it is missing, readable by its owner only whatever the umask.
    func makeFile(_ name: FileName, exclusively: Bool = false) throws(SystemError) -> Descriptor {
        let file = try open(name, O_RDWR | O_CREAT | O_NONBLOCK | (exclusively ? O_EXCL : 0), mode: 0o600)
        guard try file.status().isRegularFile else { throw SystemError(call: "openat2", code: EINVAL) }
        try system("fchmod") { fchmod(file.number, 0o600) }
        return file
    }

    /// What a name stands for, a symbolic link for itself; nil when it is free.
    func status(of name: FileName) -> stat? {
        var status = stat()
        return unsafe fstatat(number, name.bytes, &status, AT_SYMLINK_NOFOLLOW) == 0 ? status : nil
    }

    /// Gives an unnamed file a name here.
    func link(_ file: Descriptor, as name: FileName) throws(SystemError) {
        try system("linkat") { unsafe clinux_link_fd(file.number, number, name.bytes) }
    }

    /// Moves a file or folder of this folder; fails with EEXIST when the new name is taken.
    func rename(_ name: FileName, to directory: Descriptor, as newName: FileName) throws(SystemError) {
        do throws(SystemError) {
            try system("renameat2") {
                unsafe clinux_renameat2(number, name.bytes, directory.number, newName.bytes, CLINUX_RENAME_NOREPLACE)
            }
        } catch {
            guard error.code == EINVAL || error.code == ENOSYS else { throw error }
            // A file system that can't refuse to replace: only this process renames here, one thread at a time.
            if directory.status(of: newName) != nil { throw SystemError(call: "renameat", code: EEXIST) }
            try system("renameat") { unsafe renameat(number, name.bytes, directory.number, newName.bytes) }
        }
    }

    /// Moves a file of this folder over another, which is gone then.
    func replace(_ name: FileName, to directory: Descriptor, as newName: FileName) throws(SystemError) {
        try system("renameat") { unsafe renameat(number, name.bytes, directory.number, newName.bytes) }
    }

    func removeFile(_ name: FileName) { unsafe _ = unlinkat(number, name.bytes, 0) }

    /// False when it is not empty, or no folder.
    @discardableResult
    func removeDirectory(_ name: FileName) -> Bool { unsafe unlinkat(number, name.bytes, AT_REMOVEDIR) == 0 }

    /// Calls `body` with each name in this folder but `.` and `..`.
    func forEachEntry(_ body: (FileName) -> Void) {
        // fdopendir takes its descriptor over, and a duplicate would share its position with every other scan.
        let copy = unsafe clinux_openat(number, ".", O_RDONLY | O_DIRECTORY, 0)
        guard copy >= 0 else { return }
        guard let stream = unsafe fdopendir(copy) else {
            close(copy)
            return
        }
        defer { unsafe _ = closedir(stream) }
        while let entry = unsafe readdir(stream) {
            // The entry lives until the next call, and its name ends in zero within its array.
            let bytes = unsafe withUnsafeBytes(of: &entry.pointee.d_name) { name in
                unsafe Array(name.prefix { $0 != 0 })
            }
            if bytes == [UInt8(ascii: ".")] || bytes == Array("..".utf8) { continue }
            body(FileName(bytesBeforeZero: bytes))
        }
    }
}
