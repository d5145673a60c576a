// One thread, one epoll set: descriptors, timers, and the executor on which the gateway's async functions run.
// Knows nothing of HTTP, of the cache or of any protocol.
import CLinux
import Glibc
import Synchronization

/// What a descriptor is ready for, or what its owner wants to hear of.
package struct Readiness: OptionSet, Sendable {
    package let rawValue: UInt32
    package init(rawValue: UInt32) { self.rawValue = rawValue }

    package static let readable = Readiness(rawValue: EPOLLIN.rawValue)
    package static let writable = Readiness(rawValue: EPOLLOUT.rawValue)
    /// The peer closed its sending half.
    package static let peerClosed = Readiness(rawValue: EPOLLRDHUP.rawValue)
    /// An error or a full hang-up; always reported, asked for or not.
    package static let failed = Readiness(rawValue: EPOLLERR.rawValue | EPOLLHUP.rawValue)
}

/// The owner of a registered descriptor; called on the loop's thread.
package protocol DescriptorHandler: AnyObject {
    func descriptorIsReady(_ readiness: Readiness)
}

/// An epoll loop that owns its thread and is an executor for Swift tasks.
///
/// It is both a serial and a task executor, so that an async function started by ``spawn(_:)`` resumes on this thread
/// after each suspension and never hops through the global pool.
///
/// Unchecked because everything but the inbox is touched on the loop's own thread only, which ``assertOnLoop()`` checks.
package final class EventLoop: SerialExecutor, TaskExecutor, @unchecked Sendable {
    /// The loop's place in its group, from 0.
    package let index: Int

    private struct Inbox {
        var jobs: [UnownedJob] = []
        var bodies: [@Sendable () -> Void] = []
        var isWoken = false
        var isStopping = false
    }

    private struct Registration {
        let handler: any DescriptorHandler
        let generation: UInt32
    }

    private let inbox = Mutex(Inbox())
    private let epoll: Int32
    private let wake: Int32
    private let thread = Mutex<pthread_t?>(nil)
    private var registrations: [Int32: Registration] = [:]
    private var nextGeneration: UInt32 = 0
    private var timers = TimerHeap()
    /// The time at which this turn of the loop began: cheap to read, exact to one turn.
    package private(set) var now = ContinuousClock.now

    /// - Throws: ``SystemError`` when the epoll set or the wake-up descriptor cannot be made.
    package init(index: Int = 0) throws(SystemError) {
        self.index = index
        epoll = try system("epoll_create1") { epoll_create1(Int32(EPOLL_CLOEXEC)) }
        wake = try system("eventfd") { eventfd(0, Int32(EFD_CLOEXEC) | Int32(EFD_NONBLOCK)) }
        var event = unsafe epoll_event(events: EPOLLIN.rawValue, data: epoll_data_t(u64: UInt64.max))
        try system("epoll_ctl") { unsafe epoll_ctl(epoll, EPOLL_CTL_ADD, wake, &event) }
    }

    deinit {
        close(epoll)
        close(wake)
    }

    // MARK: Executor

    package func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        post { $0.jobs.append(job) }
    }

    package func asUnownedSerialExecutor() -> UnownedSerialExecutor {
        unsafe UnownedSerialExecutor(ordinary: self)
    }

    /// Starts an async function that runs on this loop's thread from beginning to end.
    @discardableResult
    package func spawn(_ body: @escaping @Sendable () async -> Void) -> Task<Void, Never> {
        Task(executorPreference: self) { await body() }
    }

    /// Runs a closure on the loop's thread, soon; may be called from any thread.
    package func execute(_ body: @escaping @Sendable () -> Void) {
        post { $0.bodies.append(body) }
    }

    package var isOnLoop: Bool {
        thread.withLock { $0.map { pthread_equal($0, pthread_self()) != 0 } ?? false }
    }

    /// Traps in debug builds when called from another thread.
    package func assertOnLoop() {
        assert(isOnLoop, "called off its loop")
    }

    private func post(_ change: (inout sending Inbox) -> Void) {
        let mustWake = inbox.withLock { inbox in
            change(&inbox)
            defer { inbox.isWoken = true }
            return !inbox.isWoken
        }
        if mustWake { _ = eventfd_write(wake, 1) }
    }

    // MARK: Descriptors (on the loop's thread)

    /// Watches a descriptor, level-triggered. The handler is kept until ``deregister(_:)``.
    ///
    /// - Throws: ``SystemError`` from `epoll_ctl`.
    package func register(
        _ descriptor: Int32, for interest: Readiness, handler: any DescriptorHandler
    ) throws(SystemError) {
        assertOnLoop()
        nextGeneration &+= 1
        try control(EPOLL_CTL_ADD, descriptor, interest, generation: nextGeneration)
        registrations[descriptor] = Registration(handler: handler, generation: nextGeneration)
    }

    /// Changes what is watched; an empty set leaves only errors and hang-ups.
    ///
    /// - Throws: ``SystemError`` from `epoll_ctl`.
    package func modify(_ descriptor: Int32, for interest: Readiness) throws(SystemError) {
        assertOnLoop()
        guard let registration = registrations[descriptor] else { return }
        try control(EPOLL_CTL_MOD, descriptor, interest, generation: registration.generation)
    }

    /// Stops watching; call it before closing the descriptor.
    package func deregister(_ descriptor: Int32) {
        assertOnLoop()
        guard registrations.removeValue(forKey: descriptor) != nil else { return }
        var event = unsafe epoll_event()
        unsafe _ = epoll_ctl(epoll, EPOLL_CTL_DEL, descriptor, &event)
    }

    private func control(
        _ operation: Int32, _ descriptor: Int32, _ interest: Readiness, generation: UInt32
    ) throws(SystemError) {
        let data = unsafe epoll_data_t(u64: UInt64(generation) << 32 | UInt64(UInt32(bitPattern: descriptor)))
        var event = unsafe epoll_event(events: interest.rawValue, data: data)
        try system("epoll_ctl") { unsafe epoll_ctl(epoll, operation, descriptor, &event) }
    }

    // MARK: Timers (on the loop's thread)

    /// Calls `body` on the loop once `delay` has passed, unless the timer is cancelled first.
    @discardableResult
    package func schedule(after delay: Duration, _ body: @escaping () -> Void) -> LoopTimer {
        assertOnLoop()
        let timer = LoopTimer(deadline: ContinuousClock.now + delay, body: body)
        timers.insert(timer)
        return timer
    }

    /// Suspends for a time; call it on this loop. A cancellation does not shorten it.
    package func pause(for duration: Duration) async {
        await withCheckedContinuation { continuation in
            _ = schedule(after: duration) { continuation.resume() }
        }
    }

    // MARK: Running

    /// Starts a thread that runs the loop until ``stop()``.
    package func start() {
        startThread(named: "loop-\(index)") { self.run() }
    }

    /// Runs the loop on the calling thread until ``stop()``.
    package func run() {
        thread.withLock { $0 = pthread_self() }
        var events = unsafe [epoll_event](repeating: epoll_event(), count: 256)
        while true {
            let wait = timeUntilNextWork()
            let count = unsafe events.withUnsafeMutableBufferPointer { buffer in
                unsafe epoll_wait(epoll, buffer.baseAddress, Int32(buffer.count), wait)
            }
            now = ContinuousClock.now
            for index in 0..<max(0, Int(count)) { unsafe dispatch(events[index]) }
            for timer in timers.removeDue(at: now) { timer.fire() }
            if runInbox() { break }
        }
        thread.withLock { $0 = nil }
    }

    /// Ends ``run()`` after the present turn. Tasks that have not finished are left suspended.
    package func stop() {
        post { $0.isStopping = true }
    }

    private func timeUntilNextWork() -> Int32 {
        if inbox.withLock({ !$0.jobs.isEmpty || !$0.bodies.isEmpty || $0.isStopping }) { return 0 }
        guard let deadline = timers.nextDeadline else { return -1 }
        let left = deadline - ContinuousClock.now
        if left <= .zero { return 0 }
        // Rounded up, so that a timer is not polled for during its last millisecond.
        let (seconds, attoseconds) = left.components
        return Int32(clamping: seconds * 1000 + attoseconds / 1_000_000_000_000_000 + 1)
    }

    private func dispatch(_ event: epoll_event) {
        let token = unsafe event.data.u64
        if token == UInt64.max {
            var value: eventfd_t = 0
            unsafe _ = eventfd_read(wake, &value)
            return
        }
        let descriptor = Int32(bitPattern: UInt32(truncatingIfNeeded: token))
        // A handler earlier in this batch may have closed the descriptor, and another may already bear its number.
        guard let registration = registrations[descriptor], registration.generation == UInt32(token >> 32) else {
            return
        }
        unsafe registration.handler.descriptorIsReady(Readiness(rawValue: event.events))
    }

    /// Runs what other threads and tasks have left; true when the loop shall end.
    private func runInbox() -> Bool {
        let (jobs, bodies, isStopping) = inbox.withLock { inbox in
            inbox.isWoken = false
            defer {
                inbox.jobs.removeAll(keepingCapacity: true)
                inbox.bodies.removeAll(keepingCapacity: true)
            }
            return (inbox.jobs, inbox.bodies, inbox.isStopping)
        }
        for body in bodies { body() }
        // As a task executor, not as a serial one: otherwise each call of an async function would count as leaving the
        // serial executor, and go through the inbox.
        for job in jobs { unsafe job.runSynchronously(on: asUnownedTaskExecutor()) }
        return isStopping
    }
}
