// The one place that writes log lines to a descriptor. Whoever reads it may be slow or stuck: no loop ever waits for it.
import EventLoop
import Glibc
import Synchronization

/// A bounded buffer before a descriptor, emptied by a thread of its own. Lines that find it full are dropped and counted.
final class LogWriter: Sendable {
    private struct State {
        var pending: [UInt8] = []
        var dropped = 0
        var isWriting = false
    }

    private let state = Mutex(State())
    private let thread = WorkerPool(threads: 1)
    private let descriptor: Int32
    private let capacity: Int
    private let reportDropped: @Sendable (Int) -> String

    /// - Parameters:
    ///   - descriptor: stays the caller's; blocking or not.
    ///   - capacity: bytes that may wait.
    ///   - reportDropped: the line that says how many lines were dropped, with its line feed.
    init(descriptor: Int32, capacity: Int, reportDropped: @escaping @Sendable (Int) -> String) {
        self.descriptor = descriptor
        self.capacity = capacity
        self.reportDropped = reportDropped
    }

    deinit { thread.stop() }

    /// Puts a line (with its line feed) into the buffer; never waits.
    func write(_ line: String) {
        let bytes = line.utf8
        let mustStart = state.withLock { state in
            guard state.pending.count + bytes.count <= capacity else {
                state.dropped += 1
                return false
            }
            state.pending.append(contentsOf: bytes)
            defer { state.isWriting = true }
            return !state.isWriting
        }
        if mustStart { thread.submit { self.drain() } }
    }

    /// Returns when every line of before is written, or could not be.
    func flush() async {
        await thread.run {}
    }

    private func drain() {
        while true {
            let (bytes, dropped) = state.withLock { state in
                defer {
                    state.pending = []
                    state.dropped = 0
                }
                if state.pending.isEmpty && state.dropped == 0 { state.isWriting = false }
                return (state.pending, state.dropped)
            }
            if bytes.isEmpty && dropped == 0 { return }
            put(bytes)
            if dropped > 0 { put(Array(reportDropped(dropped).utf8)) }
        }
    }

    /// Writes all of it, waiting as long as it takes. When nobody will ever read it, it is gone.
    private func put(_ bytes: [UInt8]) {
        var start = 0
        while start < bytes.count {
            let count = unsafe bytes.withUnsafeBytes { buffer in
                // `start` is within the buffer.
                unsafe Glibc.write(descriptor, buffer.baseAddress! + start, buffer.count - start)
            }
            if count >= 0 {
                start += count
            } else if errno == EAGAIN {
                var poll = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                unsafe _ = Glibc.poll(&poll, 1, -1)
            } else if errno != EINTR {
                return
            }
        }
    }
}
