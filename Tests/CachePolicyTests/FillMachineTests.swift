import CachePolicy
import DICOM
import Testing

@Suite struct FillMachineTests {
    typealias Machine = FillMachine<String, String>

    private let description = ObjectDescription(mediaType: "application/dicom", backend: "pacs")

    private func growing(_ machine: inout Machine, expected: Int64? = nil) throws {
        _ = try machine.begin(description, expectedLength: expected)
    }

    private func write(_ count: Int, upTo length: Int64, _ machine: inout Machine) throws -> [String] {
        try machine.admit(count)
        return machine.wrote(upTo: length)
    }

    @Test func followersAreWokenForWhatTheyWaitFor() throws {
        var machine = Machine(limit: 100)
        let waitsForDescription = machine.enqueue(.description, id: 1, waiter: "description")
        #expect(waitsForDescription)
        let waitsForFirstByte = machine.enqueue(.bytes(beyond: 0), id: 2, waiter: "first byte")
        #expect(waitsForFirstByte)
        let waitsForEleventhByte = machine.enqueue(.bytes(beyond: 10), id: 3, waiter: "eleventh byte")
        #expect(waitsForEleventhByte)
        let waitsForFinish = machine.enqueue(.object, id: 4, waiter: "finish")
        #expect(waitsForFinish)
        let afterBegin = try machine.begin(description, expectedLength: nil)
        #expect(afterBegin == ["description"])
        let isHungry = machine.hasHungryWaiter
        #expect(isHungry)
        let afterTenBytes = try write(10, upTo: 10, &machine)
        #expect(afterTenBytes == ["first byte"])
        let afterElevenBytes = try write(1, upTo: 11, &machine)
        #expect(afterElevenBytes == ["eleventh byte"])
        let isStillHungry = machine.hasHungryWaiter
        #expect(!isStillHungry)
        let (length, woken) = try machine.seal()
        #expect(length == 11 && woken == [])
        let afterFinish = machine.finish(description)
        #expect(afterFinish == ["finish"])
    }

    @Test func theEndOfTheBodyWakesThoseThatWaitForMore() throws {
        var machine = Machine(limit: 100)
        try growing(&machine)
        _ = try write(5, upTo: 5, &machine)
        let waits = machine.enqueue(.bytes(beyond: 5), id: 1, waiter: "more")
        #expect(waits)
        let (length, woken) = try machine.seal()
        #expect(length == 5 && woken == ["more"])
    }

    @Test func whatIsDecidedIsNotWaitedFor() throws {
        var machine = Machine(limit: 100)
        try growing(&machine)
        _ = try write(5, upTo: 5, &machine)
        let waitsForDescription = machine.enqueue(.description, id: 1, waiter: "a")
        #expect(!waitsForDescription)
        let waitsForFifthByte = machine.enqueue(.bytes(beyond: 4), id: 2, waiter: "b")
        #expect(!waitsForFifthByte)
        let waitsForSixthByte = machine.enqueue(.bytes(beyond: 5), id: 3, waiter: "c")
        #expect(waitsForSixthByte)
    }

    @Test func failureWakesEveryoneOnce() throws {
        var machine = Machine(limit: 100)
        try growing(&machine)
        _ = machine.enqueue(.bytes(beyond: 0), id: 1, waiter: "bytes")
        _ = machine.enqueue(.object, id: 2, waiter: "finish")
        #expect(Set(machine.fail("gone")) == ["bytes", "finish"])
        let wokenAgain = machine.fail("again")
        #expect(wokenAgain == [])
        let waits = machine.enqueue(.bytes(beyond: 0), id: 3, waiter: "late")
        #expect(!waits)
        guard case .failed("gone") = machine.phase else {
            Issue.record("the first failure stands")
            return
        }
    }

    @Test func whoLeavesIsNotWoken() throws {
        var machine = Machine(limit: 100)
        _ = machine.enqueue(.description, id: 1, waiter: "leaver")
        let leaver = machine.giveUp(id: 1)
        #expect(leaver == "leaver")
        let nobody = machine.giveUp(id: 1)
        #expect(nobody == nil)
        let woken = try machine.begin(description, expectedLength: nil)
        #expect(woken == [])
    }

    @Test func lengthsAreHeldAgainstTheLimitAndTheAnnouncement() throws {
        var unannounced = Machine(limit: 10)
        try growing(&unannounced)
        try unannounced.admit(10)
        #expect(throws: Machine.Refusal.tooLarge(limit: 10)) { try unannounced.admit(1) }

        var announced = Machine(limit: 10)
        try growing(&announced, expected: 5)
        try announced.admit(4)
        #expect(throws: Machine.Refusal.excess(expected: 5)) { try announced.admit(2) }
        _ = announced.wrote(upTo: 4)
        #expect(throws: Machine.Refusal.short(expected: 5, got: 4)) { _ = try announced.seal() }

        var tooLarge = Machine(limit: 10)
        #expect(throws: Machine.Refusal.tooLarge(limit: 10)) { try growing(&tooLarge, expected: 11) }
        var negative = Machine(limit: 10)
        #expect(throws: Machine.Refusal.outOfOrder) { try growing(&negative, expected: -1) }
    }

    @Test func eventsOutOfOrderAreRefused() throws {
        var machine = Machine(limit: 10)
        #expect(throws: Machine.Refusal.outOfOrder) { try machine.admit(1) }
        #expect(throws: Machine.Refusal.outOfOrder) { _ = try machine.seal() }
        let woken = machine.finish(description)
        #expect(woken == [])
        try growing(&machine)
        #expect(throws: Machine.Refusal.outOfOrder) { try growing(&machine) }
        try machine.admit(3)
        // Admitted, but not yet in the file.
        #expect(throws: Machine.Refusal.outOfOrder) { _ = try machine.seal() }
        _ = machine.wrote(upTo: 3)
        _ = try machine.seal()
        #expect(throws: Machine.Refusal.outOfOrder) { try machine.admit(1) }
        _ = machine.finish(description)
        let wokenTooLate = machine.fail("too late")
        #expect(wokenTooLate == [])
    }

    @Test func whatPassesThroughHasNoLimitAndCanBeJoinedUntilItsBeginningIsGone() throws {
        var machine = Machine(limit: 10)
        let joinedFirst = machine.join()
        let first = try #require(joinedFirst)
        try growing(&machine)
        _ = try write(10, upTo: 10, &machine)
        let isUnwanted = machine.passThrough(failure: "nobody")
        #expect(!isUnwanted && machine.memoryBegin == 10)
        _ = try write(10, upTo: 20, &machine)
        let joinedSecond = machine.join()
        let second = try #require(joinedSecond)
        let waits = machine.enqueue(.object, id: second, waiter: "object")
        #expect(waits)
        let woken = machine.letGoOfBeginning()
        #expect(woken == ["object"])
        let tooLate = machine.join()
        #expect(tooLate == nil)
        let atFirst = machine.slowest
        #expect(atFirst == 0)
        machine.give(upTo: 15, id: first)
        let positions = [machine.take(id: first), machine.take(upTo: 12, id: second)]
        #expect(positions == [15, 12])
        let slowest = machine.slowest
        #expect(slowest == 12)
        let isStillWanted = machine.leave(id: first, failure: "left")
        #expect(!isStillWanted)
        let hasEnded = machine.leave(id: second, failure: "left")
        #expect(hasEnded)
        #expect(throws: Machine.Refusal.outOfOrder) { try machine.admit(1) }
    }

    @Test func nobodyListensToWhatIsNotKept() throws {
        var machine = Machine(limit: 10)
        machine.start()
        let joined = machine.join()
        let listener = try #require(joined)
        _ = machine.leave(id: listener, failure: "left")
        try growing(&machine)
        let isUnwanted = machine.passThrough(failure: "nobody")
        #expect(isUnwanted)
    }

    @Test func placeholdersAreAmendedUntilTheEnd() throws {
        var machine = Machine(limit: 10)
        try growing(&machine)
        let uid = try #require(UID("1.2.3"))
        let facts = InstanceFacts(study: uid, series: uid, instance: uid, rows: 512)
        machine.amend(placeholders: 3, facts: facts)
        _ = try machine.seal()
        machine.amend(placeholders: 9, facts: InstanceFacts(study: uid, series: uid, instance: uid))
        guard case .sealed(let sealed, length: 0) = machine.phase else {
            Issue.record("not sealed")
            return
        }
        #expect(sealed.placeholders == 3)
        #expect(sealed.facts == facts)
    }
}
