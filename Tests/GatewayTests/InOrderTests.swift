import Synchronization
import Testing

@testable import Gateway

@Suite struct InOrderTests {
    /// Counts what is under way.
    private final class Gauge: Sendable {
        private let state = Mutex((now: 0, most: 0))
        func enter() { state.withLock { $0 = ($0.now + 1, max($0.most, $0.now + 1)) } }
        func leave() { state.withLock { $0.now -= 1 } }
        var most: Int { state.withLock { $0.most } }
    }

    @Test(arguments: [0, 1, 4, 100])
    func deliversInOrderWhateverIsReadyFirst(_ ahead: Int) async throws {
        let gauge = Gauge()
        var delivered: [Int] = []
        try await inOrder(Array(0..<20), ahead: ahead) { item throws(Problem) in
            gauge.enter()
            for _ in 0..<(20 - item) { await Task.yield() }
            return item
        } deliver: { item throws(Problem) in
            delivered.append(item)
            gauge.leave()
        }
        #expect(delivered == Array(0..<20))
        #expect(gauge.most <= max(1, ahead))
    }

    @Test func theFirstFailureInOrderEndsIt() async {
        var delivered: [Int] = []
        await #expect(throws: Problem.self) {
            try await inOrder(Array(0..<9), ahead: 4) { item throws(Problem) in
                if item == 3 { throw Problem(status: 502, "third") }
                return item
            } deliver: { item throws(Problem) in
                delivered.append(item)
            }
        }
        #expect(delivered == [0, 1, 2])
    }

    @Test func aFailedDeliveryCancelsWhatIsUnderWay() async {
        let cancelled = Gauge()
        do throws(Problem) {
            try await inOrder(Array(0..<9), ahead: 4) { item throws(Problem) in
                while item > 0, !Task.isCancelled { await Task.yield() }
                if item > 0 { cancelled.enter() }
                return item
            } deliver: { _ throws(Problem) in
                throw .clientGone
            }
            Issue.record("nothing was thrown")
        } catch {
            #expect(error.status == 499)
        }
        #expect(cancelled.most == 3)
    }

    @Test func nothingIsDeliveredOfNothing() async throws {
        try await inOrder([Int](), ahead: 4) { item throws(Problem) in
            item
        } deliver: { _ throws(Problem) in
            Issue.record("delivered")
        }
    }
}
