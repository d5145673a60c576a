// What the main thread does while the loops work: wait for signals and for the end.
import CLinux
import Glibc
import Synchronization

/// Signals and the process's end, waited for in one place.
///
/// Made before any thread starts, so that all of them inherit the blocked signals and none is interrupted.
final class MainThread: Sendable {
    enum Event: Equatable {
        case signal(Int32)
        case finished(ExitStatus)
        case timedOut
    }

    private let signals: Int32
    private let wake: Int32
    private let status = Mutex<ExitStatus?>(nil)

    /// From now on SIGTERM, SIGINT and SIGHUP come as events and SIGPIPE is ignored.
    init() {
        clinux_ignore_sigpipe()
        var set = sigset_t()
        // The calls fill and read one set.
        unsafe sigemptyset(&set)
        unsafe sigaddset(&set, SIGTERM)
        unsafe sigaddset(&set, SIGINT)
        unsafe sigaddset(&set, SIGHUP)
        unsafe pthread_sigmask(SIG_BLOCK, &set, nil)
        signals = unsafe signalfd(-1, &set, Int32(SFD_CLOEXEC))
        wake = eventfd(0, Int32(EFD_CLOEXEC))
    }

    deinit {
        close(signals)
        close(wake)
    }

    /// Ends the next ``next(timeout:)`` with this status; from any thread.
    func finish(_ status: ExitStatus) {
        self.status.withLock { $0 = status }
        _ = eventfd_write(wake, 1)
    }

    /// Waits for what comes first.
    func next(timeout: Duration? = nil) -> Event {
        let milliseconds = timeout.map { Int32(clamping: $0.components.seconds * 1000) } ?? -1
        var descriptors = [
            pollfd(fd: signals, events: Int16(POLLIN), revents: 0), pollfd(fd: wake, events: Int16(POLLIN), revents: 0),
        ]
        while true {
            let count = unsafe descriptors.withUnsafeMutableBufferPointer { buffer in
                unsafe poll(buffer.baseAddress, nfds_t(buffer.count), milliseconds)
            }
            if count == 0 { return .timedOut }
            if count < 0 { continue }
            if descriptors[1].revents != 0 {
                var value: eventfd_t = 0
                unsafe _ = eventfd_read(wake, &value)
                if let status = status.withLock({ $0.take() }) { return .finished(status) }
            }
            if descriptors[0].revents != 0 {
                var info = signalfd_siginfo()
                // signalfd gives whole structures.
                let size = MemoryLayout<signalfd_siginfo>.size
                if unsafe read(signals, &info, size) == size { return .signal(Int32(info.ssi_signo)) }
            }
        }
    }
}
