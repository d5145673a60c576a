// Which items a warm has done, in a file: an interrupted run goes on from it.
import CLinux
import Glibc

/// One line for each item that is done. Lines are appended whole, so that a crash loses one at most.
final class WarmJournal {
    let done: Set<String>
    private let descriptor: Int32

    /// Reads what an earlier run has left, and makes the file where there is none.
    ///
    /// - Throws: ``CommandFailure`` when it can't be read or written.
    init(_ path: String) throws(CommandFailure) {
        descriptor = unsafe clinux_open(path, O_RDWR | O_CREAT | O_APPEND, 0o644)
        guard descriptor >= 0 else {
            throw CommandFailure(.failure, "--resume \(path): \(unsafe String(cString: strerror(errno)))")
        }
        let bytes = SmallFile.read(path, most: 256 << 20) ?? []
        // A last line without its end was cut short: that item is done again.
        let whole = bytes[..<(bytes.lastIndex(of: UInt8(ascii: "\n")) ?? 0)]
        done = Set(whole.split(separator: UInt8(ascii: "\n")).map { String(decoding: $0, as: UTF8.self) })
        if let last = bytes.last, last != UInt8(ascii: "\n") { append("") }
    }

    deinit { close(descriptor) }

    func append(_ item: String) {
        let line = Array("\(item)\n".utf8)
        // One write, which O_APPEND makes one line. What can't be noted is done again.
        unsafe line.withUnsafeBytes { _ = unsafe write(descriptor, $0.baseAddress, $0.count) }
    }
}
