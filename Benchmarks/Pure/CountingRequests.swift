// What counting a finished request costs the loop that answered it.
import EventLoop
import Gateway
import Operations
import Synchronization

/// A hit, and an answer of many parts, told to the metrics of a gateway with 16 backends.
enum CountingRequests {
    private static let rounds = 2_000_000

    static func run() throws -> BenchmarkCases.Figures {
        var hit = RequestLogEntry()
        (hit.method, hit.status, hit.cache, hit.objectClass) = ("GET", 200, .hit, "frame")
        (hit.backend, hit.bytes, hit.savedBytes, hit.duration) = ("radiology-7", 65_536, 65_536, .microseconds(180))
        var list = hit
        (list.parts, list.upstreamFirstByte) = ([.hit: 40, .miss: 8], .milliseconds(12))
        return [("hit ns", try cost(of: hit)), ("list ns", try cost(of: list))]
    }

    /// Nanoseconds of CPU a report, on the loop's own thread.
    private static func cost(of entry: RequestLogEntry) throws -> Double {
        let loop = try EventLoop(index: 0)
        let metrics = Metrics(backends: (0..<16).map { "radiology-\($0)" }, loops: 1)
        let seconds = Mutex(0.0)
        let done = Semaphore()
        loop.start()
        loop.execute {
            let clock = CPUClock()
            for _ in 0..<rounds { metrics.record(entry, on: loop) }
            seconds.withLock { $0 = clock.seconds }
            done.signal()
        }
        done.wait()
        loop.stop()
        return seconds.withLock { $0 } / Double(rounds) * 1e9
    }
}
