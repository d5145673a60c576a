// The clock and the memory of this process, as the kernel counts them.
import Glibc

/// The CPU time of this thread: what a round costs, whatever else the machine does meanwhile.
struct CPUClock {
    private let start = CPUClock.now()

    /// Since this clock was made.
    var seconds: Double { CPUClock.now() - start }

    private static func now() -> Double {
        var time = timespec()
        unsafe clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
}

/// The largest resident set of this process since a moment.
struct PeakMemory {
    init() {
        // 5 resets the peak (proc(5), clear_refs).
        let file = unsafe open("/proc/self/clear_refs", O_WRONLY)
        unsafe write(file, "5", 1)
        close(file)
    }

    /// VmHWM of /proc/self/status, in MB; 0 when it can't be read.
    var megabytes: Double {
        let file = unsafe open("/proc/self/status", O_RDONLY)
        // read() fills at most the room that there is.
        let status = unsafe [UInt8](unsafeUninitializedCapacity: 8192) { room, count in
            count = unsafe max(0, read(file, room.baseAddress, room.count))
        }
        close(file)
        let lines = String(decoding: status, as: UTF8.self).split(separator: "\n")
        let line = lines.first { $0.hasPrefix("VmHWM:") } ?? ""
        return (Double(line.filter(\.isNumber)) ?? 0) * 1024 / 1e6
    }
}
