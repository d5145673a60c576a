import EventLoop
import HTTP
import Testing

@testable import Upstream

/// Work in the background begins only where clients have room.
@Suite struct QuietMomentTests {
    private func waiter(_ ticket: UInt64) -> PermitLedger.Waiter { .init(ticket: ticket, loop: 0) }

    @Test(arguments: [(1, 0), (2, 1), (3, 1), (4, 2), (16, 8)])
    func leavesHalfOfTheConnectionsFree(limit: Int, atOnce: Int) {
        var ledger = PermitLedger(limit: limit, maxQueue: 10, loops: 1)
        let begun = (0..<20).filter { ledger.quietWanted(waiter(UInt64($0))) }
        #expect(begun.count == atOnce)
        #expect(ledger.quietWaiting.count == 20 - atOnce)
    }

    @Test func clientsComeFirst() {
        var ledger = PermitLedger(limit: 2, maxQueue: 10, loops: 1)
        #expect(ledger.permitWanted(waiter(1)) == .granted(.fresh))
        #expect(ledger.permitWanted(waiter(2)) == .granted(.fresh))
        #expect(ledger.permitWanted(waiter(3)) == .queued)
        #expect(ledger.quietWanted(waiter(4)) == false)
        // The client who waits gets what is given back, and then still nobody in the background.
        #expect(ledger.transferEnded(on: 0, keptConnections: 0)?.waiter.ticket == 3)
        #expect(ledger.takeQuiet() == nil)
        #expect(ledger.transferEnded(on: 0, keptConnections: 0) == nil)
        #expect(ledger.takeQuiet() == nil)
        #expect(ledger.transferEnded(on: 0, keptConnections: 0) == nil)
        #expect(ledger.takeQuiet()?.ticket == 4)
        // It asks for its connection as anybody does, and a client is not kept from the other.
        #expect(ledger.permitWanted(waiter(4)) == .granted(.fresh))
        #expect(ledger.permitWanted(waiter(5)) == .granted(.fresh))
    }

    @Test func whoWaitsLongestBeginsFirst() {
        var ledger = PermitLedger(limit: 2, maxQueue: 10, loops: 1)
        #expect(ledger.quietWanted(waiter(1)) == true)
        #expect(ledger.quietWanted(waiter(2)) == false)
        #expect(ledger.quietWanted(waiter(3)) == false)
        #expect(ledger.quietWaiterLeft(ticket: 2) == true)
        #expect(ledger.quietWaiterLeft(ticket: 2) == false)
        ledger.quietEnded()
        #expect(ledger.takeQuiet()?.ticket == 3)
        #expect(ledger.takeQuiet() == nil)
    }

    @Test func beginsWhenTheLastOneEnds() async throws {
        let origin = try Origin { try $0.answerAll(ResponseTests.hello) }
        let bed = try Bed(origin) { $0.maxConnections = 2 }
        try await bed.run { loop in
            let url = try bed.request().url
            let first = await bed.upstream.quietMoment(of: url, on: loop)
            #expect(first != nil)
            let second = Task(executorPreference: loop) { await bed.upstream.quietMoment(of: url, on: loop) != nil }
            let third = Task(executorPreference: loop) { await bed.upstream.quietMoment(of: url, on: loop) != nil }
            third.cancel()
            #expect(await third.value == false)
            first?.end()
            first?.end()
            #expect(await second.value)
            let elsewhere = try #require(HTTPURL("http://192.0.2.1/"))
            #expect(await bed.upstream.quietMoment(of: elsewhere, on: loop) == nil)
        }
    }
}
