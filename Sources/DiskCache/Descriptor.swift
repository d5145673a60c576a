// A file descriptor that closes itself, and whole reads and writes on it. Knows nothing of the cache.
import CLinux
import EventLoop
import Glibc

/// An open file or folder; closed when the last holder lets go.
final class Descriptor: Sendable {
    let number: Int32

    /// Takes over a descriptor.
    init(_ number: Int32) { self.number = number }

    deinit { close(number) }

    /// What `fstat` tells.
    func status() throws(SystemError) -> stat {
        var status = stat()
        try system("fstat") { unsafe fstat(number, &status) }
        return status
    }

    /// Reads until `count` bytes are there or the file ends.
    func read(at offset: Int64, count: Int) throws(SystemError) -> [UInt8] {
        try Self.read(number, at: offset, count: count)
    }

    /// The same of a descriptor that somebody else holds open.
    static func read(_ number: Int32, at offset: Int64, count: Int) throws(SystemError) -> [UInt8] {
        var failure: SystemError?
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            do throws(SystemError) {
                while filled < count {
                    // The rest of the buffer is at least as long as what is asked for.
                    let got = try system("pread") {
                        unsafe pread(
                            number, buffer.baseAddress?.advanced(by: filled), count - filled,
                            off_t(offset) + filled)
                    }
                    if got == 0 { break }
                    filled += got
                }
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        return bytes
    }

    /// Reads for somebody who will not read again: pages that were not in memory before don't stay there.
    func readOnce(at offset: Int64, count: Int) throws(SystemError) -> [UInt8] {
        let cached = unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            // The buffer has room for what is asked for.
            filled = max(0, unsafe clinux_pread_nowait(number, buffer.baseAddress, count, off_t(offset)))
        }
        if cached.count == count { return cached }
        let bytes = try read(at: offset, count: count)
        posix_fadvise(number, off_t(offset), off_t(count), POSIX_FADV_DONTNEED)
        return bytes
    }

    /// Writes all bytes.
    func write(_ bytes: [UInt8], at offset: Int64) throws(SystemError) {
        var written = 0
        while written < bytes.count {
            // The pointer is used within the call only, for bytes that are there.
            let count = try system("pwrite") {
                unsafe bytes.withUnsafeBufferPointer { buffer in
                    unsafe pwrite(
                        number, buffer.baseAddress?.advanced(by: written), bytes.count - written,
                        off_t(offset) + written)
                }
            }
            written += count
        }
    }

    /// Waits until the file's bytes are on the disk.
    func synchronize() throws(SystemError) {
        try system("fdatasync") { fdatasync(number) }
    }
}

/// Tells a file from any other that bears or bore its name.
struct FileIdentity: Hashable, Sendable {
    let device: UInt64
    let inode: UInt64

    init(_ status: stat) {
        device = UInt64(status.st_dev)
        inode = UInt64(status.st_ino)
    }
}

extension stat {
    var isRegularFile: Bool { st_mode & S_IFMT == S_IFREG }
    var isDirectory: Bool { st_mode & S_IFMT == S_IFDIR }
}
