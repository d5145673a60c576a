import EventLoop
import Synchronization
import Testing

@Suite struct EventLoopTests {
    @Test func asyncFunctionStaysOnItsLoopAcrossSuspensions() async throws {
        let group = try EventLoopGroup(count: 2)
        defer { group.stop() }
        let workers = WorkerPool(threads: 2)
        defer { workers.stop() }
        for loop in group.loops {
            let stayed = await withCheckedContinuation { continuation in
                loop.spawn {
                    var stayed = loop.isOnLoop
                    for _ in 0..<100 {
                        let answer = await workers.run { 6 * 7 }
                        stayed = stayed && answer == 42 && loop.isOnLoop
                    }
                    continuation.resume(returning: stayed)
                }
            }
            #expect(stayed)
        }
    }

    @Test func timersFireInOrderOfDeadlineAndCancelledOnesDoNot() async throws {
        let group = try EventLoopGroup(count: 1)
        defer { group.stop() }
        let loop = group.loops[0]
        let order = Mutex<[Int]>([])
        await withCheckedContinuation { continuation in
            loop.execute {
                for delay in [7, 3, 5, 1, 9] {
                    loop.schedule(after: .milliseconds(delay)) {
                        order.withLock { $0.append(delay) }
                        if delay == 9 { continuation.resume() }
                    }
                }
                loop.schedule(after: .milliseconds(2)) { order.withLock { $0.append(2) } }.cancel()
            }
        }
        #expect(order.withLock { $0 } == [1, 3, 5, 7, 9])
    }

    @Test func firingTimerMaySetAnother() async throws {
        let group = try EventLoopGroup(count: 1)
        defer { group.stop() }
        let loop = group.loops[0]
        await withCheckedContinuation { continuation in
            loop.execute {
                loop.schedule(after: .zero) { loop.schedule(after: .zero) { continuation.resume() } }
            }
        }
    }

    @Test func callOfAnAsyncFunctionStaysInTheTurn() async throws {
        let group = try EventLoopGroup(count: 1)
        defer { group.stop() }
        let loop = group.loops[0]
        let stayed = await withCheckedContinuation { continuation in
            loop.spawn {
                let turnIsOver = Atomic(false)
                loop.execute { turnIsOver.store(true, ordering: .relaxed) }
                await pass()
                continuation.resume(returning: !turnIsOver.load(ordering: .relaxed))
            }
        }
        #expect(stayed)
    }
}

/// Async, and never suspends.
@inline(never) private func pass() async {}
