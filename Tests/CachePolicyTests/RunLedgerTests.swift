// Which runs are suspect after which ends. No expectation here depends on a clock.
import CachePolicy
import Testing

@Suite struct RunLedgerTests {
    /// A run of a process: how it ends and whether it reads everything that is suspect meanwhile.
    private func run(after text: String?, reads: Bool = false, ends: Bool, now: Int64 = 1000) -> RunLedger {
        var ledger = RunLedger(after: text, now: now)
        if reads { ledger.allWereRead() }
        if ends { ledger.end() }
        return ledger
    }

    @Test func everythingIsSuspectWhereThereIsNoLedger() {
        let ledger = RunLedger(after: nil, now: 1000)
        #expect(ledger.run == 1000)
        #expect(ledger.isSuspect(0) && ledger.isSuspect(999) && ledger.isSuspect(1001))
        #expect(!ledger.isSuspect(1000))
    }

    @Test func whatARunStoredIsBelievedWhenItEndedWell() {
        let first = run(after: nil, reads: true, ends: true)
        let second = run(after: first.text, ends: true)
        #expect(second.run == first.run + 1)
        #expect(!second.isSuspect(first.run) && !second.isSuspect(0))
    }

    @Test func whatAKilledRunStoredIsSuspectUntilItIsRead() {
        let first = run(after: nil, reads: true, ends: true)
        let killed = run(after: first.text, ends: false)
        let third = run(after: killed.text, ends: true)
        #expect(third.isSuspect(killed.run))
        #expect(!third.isSuspect(first.run) && !third.isSuspect(third.run))
        // A good end proves nothing about the run before.
        let fourth = run(after: third.text, reads: true, ends: true)
        #expect(!fourth.isSuspect(killed.run))
        let fifth = run(after: fourth.text, ends: true)
        #expect(!fifth.isSuspect(killed.run) && fifth.suspects.isEmpty)
    }

    @Test func severalKilledRunsAreAllSuspect() {
        var ledger = run(after: nil, reads: true, ends: true)
        let good = ledger.run
        for _ in 0..<3 { ledger = run(after: ledger.text, ends: false) }
        let last = RunLedger(after: ledger.text, now: 0)
        #expect((good + 1...good + 3).allSatisfy(last.isSuspect) && !last.isSuspect(good))
    }

    /// The numbers go on whatever the clock says.
    @Test func aClockThatIsSetBackMakesNothingLookProven() {
        let first = run(after: nil, reads: true, ends: true, now: 1_790_000_000)
        let killed = run(after: first.text, ends: false, now: 1_000_000)
        let third = RunLedger(after: killed.text, now: 5)
        #expect(third.run > killed.run && third.isSuspect(killed.run))
    }

    @Test func anotherTextThanALedgerIsALostOne() {
        let text = run(after: nil, reads: true, ends: true).text
        var damaged: [String] = ["", "run", "run 1\nsuspects 0 0\nended yes\nsum 0\n", text + "x"]
        for offset in text.indices {
            var bytes = Array(text.utf8)
            bytes[text.utf8.distance(from: text.startIndex, to: offset)] ^= 1
            damaged.append(String(decoding: bytes, as: UTF8.self))
            damaged.append(String(text[..<offset]))
        }
        for text in damaged { #expect(RunLedger(after: text, now: 7).isSuspect(3), "\(text)") }
    }
}
