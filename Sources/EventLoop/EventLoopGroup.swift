// The process's loops, and threads for what may block.
import CLinux
import Glibc
import Synchronization

/// A fixed set of loops, one for each core.
package final class EventLoopGroup: Sendable {
    package let loops: [EventLoop]
    private let turn = Atomic<Int>(0)

    /// Makes and starts `count` loops, at least one.
    ///
    /// - Throws: ``SystemError`` when a loop's descriptors cannot be made.
    package init(count: Int) throws(SystemError) {
        var loops: [EventLoop] = []
        for index in 0..<max(1, count) { loops.append(try EventLoop(index: index)) }
        self.loops = loops
        for loop in loops { loop.start() }
    }

    /// The loops in turn; for work that belongs to no connection.
    package func next() -> EventLoop {
        loops[turn.wrappingAdd(1, ordering: .relaxed).oldValue % loops.count]
    }

    package func stop() {
        for loop in loops { loop.stop() }
    }
}

/// Threads for calls that can block: open, fsync, SQLite, directory scans, parsing of large documents.
///
/// The queue needs no bound of its own: each connection and each fill has at most one job in it.
package final class WorkerPool: Sendable {
    private struct Queue {
        var jobs: [@Sendable () -> Void] = []
        var isStopping = false
    }

    private let queue = Mutex(Queue())
    private let semaphore = Semaphore()
    private let threadCount: Int

    package init(threads: Int) {
        threadCount = max(1, threads)
        for index in 0..<threadCount {
            startThread(named: "worker-\(index)") { self.work() }
        }
    }

    /// Runs `body` on one of the pool's threads and resumes the caller on its own executor.
    ///
    /// - Throws: what `body` throws.
    package func run<Value: Sendable, Failure: Error>(
        _ body: @escaping @Sendable () throws(Failure) -> Value
    ) async throws(Failure) -> Value {
        let result: Result<Value, Failure> = await withCheckedContinuation { continuation in
            submit { continuation.resume(returning: Result(catching: body)) }
        }
        return try result.get()
    }

    /// Runs `body` on one of the pool's threads, soon.
    package func submit(_ body: @escaping @Sendable () -> Void) {
        queue.withLock { $0.jobs.append(body) }
        semaphore.signal()
    }

    /// Ends the threads once the queue is empty.
    package func stop() {
        queue.withLock { $0.isStopping = true }
        for _ in 0..<threadCount { semaphore.signal() }
    }

    private func work() {
        while true {
            semaphore.wait()
            let (job, isStopping) = queue.withLock { queue in
                (queue.jobs.isEmpty ? nil : queue.jobs.removeFirst(), queue.isStopping)
            }
            if let job { job() } else if isStopping { return }
        }
    }
}

/// A counting semaphore, for threads that own nothing but their wait.
@safe package final class Semaphore: @unchecked Sendable {
    // Unchecked: sem_post and sem_wait are safe on one address from any thread, and the address never moves.
    private let handle: UnsafeMutablePointer<sem_t>

    package init() {
        unsafe handle = UnsafeMutablePointer<sem_t>.allocate(capacity: 1)
        unsafe sem_init(handle, 0, 0)
    }

    deinit {
        unsafe sem_destroy(handle)
        unsafe handle.deallocate()
    }

    package func signal() { unsafe _ = sem_post(handle) }
    /// Blocks the thread until there was a signal for it.
    package func wait() { while unsafe sem_wait(handle) != 0 {} }
}

/// Starts a detached thread.
func startThread(named name: String, _ body: @escaping @Sendable () -> Void) {
    final class Body {
        let name: String
        let run: @Sendable () -> Void
        init(name: String, run: @escaping @Sendable () -> Void) {
            self.name = name
            self.run = run
        }
    }
    let context = unsafe Unmanaged.passRetained(Body(name: name, run: body)).toOpaque()
    var thread = pthread_t()
    let result = unsafe pthread_create(
        &thread, nil,
        { context in
            let body = unsafe Unmanaged<Body>.fromOpaque(context!).takeRetainedValue()
            unsafe clinux_name_thread(body.name)
            body.run()
            return nil
        }, context)
    precondition(result == 0, "no thread can be started")
    pthread_detach(thread)
}
