// The process as the kernel sees it, read from /proc. What can't be read is nil, and nothing is said of it.
import Glibc

/// What the process takes of the machine.
package struct ProcessFigures: Sendable {
    /// Seconds since 1970.
    package var startTime: Double?
    /// User and system time.
    package var cpuSeconds: Double?
    package var residentBytes: Double?
    package var openDescriptors: Double?
    package var maxDescriptors: Double?

    package init() {}

    /// As of now. Reads a few small files of /proc, and so does not wait for a disk; but call it on a worker.
    package static func now() -> ProcessFigures {
        var figures = ProcessFigures()
        let tick = Double(max(1, sysconf(Int32(_SC_CLK_TCK))))
        // proc(5): the name in parentheses may hold anything; what follows is the third field and on.
        if let stat = text(of: "/proc/self/stat"), let end = stat.lastIndex(of: ")") {
            let fields = stat[stat.index(after: end)...].split(separator: " ").map { Double($0) ?? 0 }
            if fields.count > 21 {
                figures.cpuSeconds = (fields[11] + fields[12]) / tick
                figures.residentBytes = fields[21] * Double(sysconf(Int32(_SC_PAGESIZE)))
                figures.startTime = bootTime.map { $0 + fields[19] / tick }
            }
        }
        figures.openDescriptors = entries(of: "/proc/self/fd")
        var limit = rlimit()
        if unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 {
            figures.maxDescriptors = Double(limit.rlim_cur)
        }
        return figures
    }

    /// Seconds since 1970 at which the machine started, by which the kernel counts.
    private static let bootTime: Double? = text(of: "/proc/stat")?.split(separator: "\n")
        .first { $0.hasPrefix("btime ") }.flatMap { Double($0.dropFirst(6)) }

    private static func text(of path: String) -> String? {
        // The path is a string that outlives the call.
        let file = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 16 << 10)
        while bytes.count < 1 << 20 {
            // The kernel writes into the array at most as many bytes as it has.
            let count = unsafe piece.withUnsafeMutableBytes { unsafe read(file, $0.baseAddress, $0.count) }
            if count <= 0 { break }
            bytes += piece.prefix(count)
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// How many entries a folder has, without the descriptor that is open for looking.
    private static func entries(of path: String) -> Double? {
        guard let folder = unsafe opendir(path) else { return nil }
        defer { unsafe _ = closedir(folder) }
        var count = 0
        while unsafe readdir(folder) != nil { count += 1 }
        // ".", ".." and the folder's own.
        return Double(max(0, count - 3))
    }
}
