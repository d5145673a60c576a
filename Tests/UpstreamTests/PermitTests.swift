import EventLoop
import HTTP
import Synchronization
import Testing

@testable import Upstream

@Suite struct PermitTests {
    @Test func backendNeverSeesMoreConnectionsThanItsLimitFromTwoLoops() async throws {
        // The first three wait for each other, so the limit is reached.
        let together = Gate()
        let arrived = Mutex(0)
        let origin = try Origin { conversation in
            while conversation.readHead() != nil {
                let isThird = arrived.withLock { count in
                    count += 1
                    return count == 3
                }
                if isThird { together.open() }
                together.wait()
                try conversation.send(ResponseTests.hello)
            }
        }
        let bed = try Bed(origin, loops: 2) { $0.maxConnections = 3 }
        try await withThrowingTaskGroup(of: Int.self) { group in
            for number in 0..<60 { group.addTask { try await bed.fetch(on: number % 2).body.count } }
            for try await count in group { #expect(count == 5) }
        }
        #expect(origin.mostOpen == 3)
        #expect(bed.counters.active == 0)
        #expect(bed.counters.queued == 0)
        #expect(bed.counters.idle <= 3)
    }

    @Test func idleConnectionOfAnotherLoopMakesWay() async throws {
        let origin = try Origin { try $0.answerAll(ResponseTests.hello) }
        let bed = try Bed(origin, loops: 2) { $0.maxConnections = 1 }
        for number in 0..<6 { #expect(try await bed.fetch(on: number % 2).body.count == 5) }
        #expect(origin.accepted == 6)
        #expect(origin.mostOpen == 1)
        #expect(bed.counters.idle == 1)
    }

    /// An origin that answers with an endless body until its connection is closed.
    private static func endless(_ closed: Gate = Gate()) throws -> Origin {
        try Origin { conversation in
            while conversation.readHead() != nil {
                try conversation.send("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nbegin")
                conversation.waitForClose()
            }
            closed.open()
        }
    }

    @Test func cancelledResponseFreesItsPermitAndClosesItsConnection() async throws {
        let closed = Gate()
        let bed = try Bed(Self.endless(closed)) { $0.maxConnections = 1 }
        try await bed.run { loop in
            let response = try await bed.upstream.get(try bed.request(), on: loop)
            _ = try await response.next()
            response.cancel()
            #expect(bed.counters.active == 0)
            #expect(bed.counters.idle == 0)
            await #expect { _ = try await response.next() } throws: { ($0 as? UpstreamError)?.kind == .cancelled }
        }
        await closed.opened()
    }

    @Test func droppedResponseFreesItsPermit() async throws {
        let closed = Gate()
        let bed = try Bed(Self.endless(closed)) { $0.maxConnections = 1 }
        for _ in 0..<3 {
            let status = try await bed.run { try await bed.upstream.get(try bed.request(), on: $0).head.status }
            #expect(status == 200)
        }
        await closed.opened()
    }

    @Test func responseDroppedOnAnotherThreadFreesItsPermit() async throws {
        let closed = Gate()
        let bed = try Bed(Self.endless(closed)) { $0.maxConnections = 1 }
        for _ in 0..<3 {
            var response: UpstreamResponse? = try await bed.run {
                try await bed.upstream.get(try bed.request(), on: $0)
            }
            #expect(response?.head.status == 200)
            response = nil
        }
        await closed.opened()
    }

    @Test func cancelledTaskEndsItsWaitForTheHead() async throws {
        let (asked, closed) = (Gate(), Gate())
        let bed = try Bed(
            Origin { conversation in
                _ = conversation.readHead()
                asked.open()
                conversation.waitForClose()
                closed.open()
            })
        let kind = try await bed.failureOfCancelled { await asked.opened() }
        #expect(kind == .cancelled)
        await closed.opened()
        #expect(bed.counters.active == 0)
    }

    @Test func cancelledTaskEndsItsWaitForTheBody() async throws {
        let bed = try Bed(Self.endless())
        let begun = Gate()
        let kind = try await bed.failureOfCancelled {
            await begun.opened()
        } of: { loop in
            let response = try await bed.upstream.get(try bed.request(), on: loop)
            _ = try await response.next()
            begun.open()
            _ = try await response.next()
        }
        #expect(kind == .cancelled)
        #expect(bed.counters.active == 0)
    }

    @Test func cancelledTaskLeavesTheQueue() async throws {
        let bed = try Bed(Self.endless()) { $0.maxConnections = 1 }
        let first = try await bed.run { try await bed.upstream.get(try bed.request(), on: $0) }
        let kind = try await bed.failureOfCancelled { [bed] in
            try? await bed.run { loop in
                while bed.counters.queued == 0 { await loop.pass(.milliseconds(1)) }
            }
        }
        #expect(kind == .cancelled)
        #expect(bed.counters.queued == 0)
        #expect(bed.counters.active == 1)
        _ = first.head
    }

    @Test func queueHasAnEnd() async throws {
        let bed = try Bed(Self.endless()) {
            $0.maxConnections = 1
            $0.maxQueue = 0
        }
        let first = try await bed.run { try await bed.upstream.get(try bed.request(), on: $0) }
        #expect(try await bed.failure() == .queueFull)
        _ = first.head
    }

    @Test func waitInTheQueueHasAnEnd() async throws {
        let bed = try Bed(Self.endless()) {
            $0.maxConnections = 1
            $0.firstByteTimeout = .milliseconds(60)
        }
        let first = try await bed.run { try await bed.upstream.get(try bed.request(), on: $0) }
        #expect(try await bed.failure() == .queueTimeout)
        #expect(bed.counters.queued == 0)
        _ = first.head
    }
}

extension Bed {
    /// Starts work on a loop, cancels its task once `moment` has come, and returns the kind of its failure.
    fileprivate func failureOfCancelled(
        once moment: @escaping @Sendable () async -> Void,
        of work: (@Sendable (EventLoop) async throws -> Void)? = nil
    ) async throws -> UpstreamError.Kind? {
        let loop = loops.loops[0]
        let failure = Mutex<UpstreamError.Kind?>(nil)
        let ended = Gate()
        let task = loop.spawn {
            do {
                if let work {
                    try await work(loop)
                } else {
                    _ = try await self.upstream.get(try self.request(), on: loop)
                }
            } catch {
                failure.withLock { $0 = (error as? UpstreamError)?.kind }
            }
            ended.open()
        }
        await moment()
        task.cancel()
        await ended.opened()
        return failure.withLock { $0 }
    }
}

@Suite struct PermitLedgerTests {
    private func waiter(_ ticket: UInt64, _ loop: Int = 0) -> PermitLedger.Waiter {
        PermitLedger.Waiter(ticket: ticket, loop: loop)
    }

    @Test func firstComeFirstServed() {
        var ledger = PermitLedger(limit: 1, maxQueue: 2, loops: 2)
        let answer1 = ledger.permitWanted(waiter(1))
        #expect(answer1 == .granted(.fresh))
        let answer2 = ledger.permitWanted(waiter(2))
        #expect(answer2 == .queued)
        let answer3 = ledger.permitWanted(waiter(3, 1))
        #expect(answer3 == .queued)
        let answer4 = ledger.permitWanted(waiter(4))
        #expect(answer4 == .full)
        let second = ledger.transferEnded(on: 0, keptConnections: 1)
        #expect(second?.waiter.ticket == 2)
        #expect(second?.grant == .reuse)
        let third = ledger.transferEnded(on: 0, keptConnections: 1)
        #expect(third?.waiter.ticket == 3)
        #expect(third?.grant == .takeOver(from: 0))
        let answer5 = ledger.transferEnded(on: 1, keptConnections: 0)
        #expect(answer5 == nil)
        #expect(ledger.active == 0)
        #expect(ledger.idle == [0, 0])
    }

    @Test func whoLeavesTheQueueIsPassedOver() {
        var ledger = PermitLedger(limit: 1, maxQueue: 9, loops: 1)
        for ticket in 1...3 { _ = ledger.permitWanted(waiter(UInt64(ticket))) }
        let answer6 = ledger.waiterLeft(ticket: 2)
        #expect(answer6)
        let answer7 = ledger.waiterLeft(ticket: 2)
        #expect(!answer7)
        let answer8 = ledger.transferEnded(on: 0, keptConnections: 0)
        #expect(answer8?.waiter.ticket == 3)
    }

    @Test func idleConnectionsCountAgainstTheLimit() {
        var ledger = PermitLedger(limit: 2, maxQueue: 9, loops: 2)
        _ = ledger.permitWanted(waiter(1))
        _ = ledger.permitWanted(waiter(2))
        _ = ledger.transferEnded(on: 0, keptConnections: 1)
        _ = ledger.transferEnded(on: 0, keptConnections: 1)
        let answer9 = ledger.permitWanted(waiter(3, 1))
        #expect(answer9 == .granted(.takeOver(from: 0)))
        let answer10 = ledger.permitWanted(waiter(4, 0))
        #expect(answer10 == .granted(.reuse))
        let answer11 = ledger.permitWanted(waiter(5, 0))
        #expect(answer11 == .queued)
    }

    @Test func closedIdleConnectionMakesRoomForANewOne() {
        var ledger = PermitLedger(limit: 1, maxQueue: 9, loops: 2)
        _ = ledger.permitWanted(waiter(1))
        _ = ledger.transferEnded(on: 0, keptConnections: 1)
        ledger.idleConnectionsRemain(0, on: 0)
        let answer12 = ledger.permitWanted(waiter(2, 1))
        #expect(answer12 == .granted(.fresh))
    }

    /// Whatever happens in whatever order: never above the limit, and nobody waits while a place is free.
    @Test(arguments: 0..<20) func neverAboveTheLimit(_ seed: UInt64) {
        var random = seed &* 0x9E37_79B9_7F4A_7C15 | 1
        func roll(_ sides: Int) -> Int {
            random ^= random << 13
            random ^= random >> 7
            random ^= random << 17
            return Int(random % UInt64(sides))
        }
        var ledger = PermitLedger(limit: 3, maxQueue: 5, loops: 3)
        var active: [Int] = []
        for ticket in 1...2000 {
            let loop = roll(3)
            switch roll(4) {
            case 0, 1:
                if case .granted = ledger.permitWanted(waiter(UInt64(ticket), loop)) { active.append(loop) }
            case 2 where !active.isEmpty:
                let ended = active.remove(at: roll(active.count))
                if let next = ledger.transferEnded(on: ended, keptConnections: roll(2)) {
                    active.append(next.waiter.loop)
                }
            default:
                if let first = ledger.waiting.first, roll(2) == 0 { _ = ledger.waiterLeft(ticket: first.ticket) }
                ledger.idleConnectionsRemain(roll(3), on: loop)
            }
            #expect(ledger.active == active.count)
            #expect(ledger.active + ledger.idle.reduce(0, +) <= 3)
            #expect(ledger.waiting.isEmpty || ledger.active == 3)
        }
    }
}
