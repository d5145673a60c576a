// Turns are given out fairly, nobody waits for a place that is free, and who leaves costs nothing.
import Synchronization
import Testing

@testable import Gateway

@Suite struct FillLedgerTests {
    @Test func aClientBeyondItsLimitWaitsAndOthersDoNot() {
        var ledger = FillLedger(limit: 10, limitPerClient: 2)
        let begun = (1...4).map { ledger.wanted(by: .peer("a"), ticket: $0) }
        #expect(begun == [true, true, false, false])
        let other = ledger.wanted(by: .peer("b"), ticket: 5)
        #expect(other)
        // A principal is nobody's address.
        let named = ledger.wanted(by: .principal("a"), ticket: 6)
        #expect(named)
        #expect(ledger.count == 4 && ledger.waiting == 2)
        let afterOther = ledger.ended(of: .peer("b"))
        #expect(afterOther == nil)
        let next = ledger.ended(of: .peer("a"))
        #expect(next?.ticket == 3 && next?.account == .peer("a"))
    }

    @Test func theLongestWaitingOfAllIsNextWhereThePlacesAreTaken() {
        var ledger = FillLedger(limit: 2, limitPerClient: 2)
        let begun = [("a", 1), ("a", 2), ("a", 3), ("b", 4)].map { ledger.wanted(by: .peer($0.0), ticket: $0.1) }
        #expect(begun == [true, true, false, false])
        let tickets = [ledger.ended(of: .peer("a"))?.ticket, ledger.ended(of: .peer("a"))?.ticket]
        #expect(tickets == [3, 4])
    }

    @Test func clientsComeBeforeErrands() {
        var ledger = FillLedger(limit: 1, limitPerClient: 1)
        let begun = [(FillLedger.Client.peer("a"), 1), (.errand, 2), (.peer("b"), 3)].map {
            ledger.wanted(by: $0.0, ticket: $0.1)
        }
        #expect(begun == [true, false, false])
        let first = ledger.ended(of: .peer("a"))
        #expect(first?.ticket == 3)
        let second = ledger.ended(of: .peer("b"))
        #expect(second?.ticket == 2 && second?.account == .errand)
    }

    /// What a greedy client waits for is not withheld from others.
    @Test func whoJoinsAWaitingFillPaysForItIfThereIsRoom() {
        var ledger = FillLedger(limit: 10, limitPerClient: 1)
        _ = ledger.wanted(by: .peer("greedy"), ticket: 1)
        _ = ledger.wanted(by: .peer("greedy"), ticket: 2)
        let again = ledger.alsoWanted(by: .peer("greedy"), ticket: 2)
        #expect(again == nil)
        let account = ledger.alsoWanted(by: .peer("other"), ticket: 2)
        #expect(account == .peer("other"))
        let running = ledger.alsoWanted(by: .peer("third"), ticket: 2)
        #expect(running == nil)
        #expect(ledger.count == 2 && ledger.waiting == 0)
    }

    @Test func whoHasLeftIsPassedOver() {
        var ledger = FillLedger(limit: 1, limitPerClient: 1)
        for ticket in 1...3 { _ = ledger.wanted(by: .peer("a"), ticket: ticket) }
        let left = [ledger.left(ticket: 2), ledger.left(ticket: 2), ledger.left(ticket: 1)]
        #expect(left == [true, false, false])
        let next = ledger.ended(of: .peer("a"))
        #expect(next?.ticket == 3)
    }

    @Test func aCancelledTaskWaitsNoLongerAndTakesNoTurn() async {
        final class Fill {}
        let turns = FillTurns(limit: 1, limitPerClient: 1)
        let first = await turns.take(for: .peer("a"), fill: Fill())
        #expect(first == .peer("a"))
        let waiting = Task { await turns.take(for: .peer("a"), fill: Fill()) }
        while turns.counts.waiting == 0 { await Task.yield() }
        waiting.cancel()
        #expect(await waiting.value == nil)
        #expect(turns.counts.running == 1 && turns.counts.waiting == 0)
        turns.giveBack(.peer("a"))
        #expect(turns.counts.running == 0 && turns.counts.waiting == 0)
    }
}
