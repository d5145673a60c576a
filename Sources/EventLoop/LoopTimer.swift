// Timers of one loop: a binary heap by deadline. A cancelled timer stays in the heap, empty, until its time comes.

/// A call that a loop makes later. Touched on its loop only.
package final class LoopTimer {
    package let deadline: ContinuousClock.Instant
    private var body: (() -> Void)?

    init(deadline: ContinuousClock.Instant, body: @escaping () -> Void) {
        self.deadline = deadline
        self.body = body
    }

    /// Forgets the call and what it captured.
    package func cancel() { body = nil }

    func fire() {
        let call = body
        body = nil
        call?()
    }
}

struct TimerHeap {
    private var heap: [LoopTimer] = []

    var nextDeadline: ContinuousClock.Instant? { heap.first?.deadline }

    mutating func insert(_ timer: LoopTimer) {
        heap.append(timer)
        var child = heap.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            if heap[parent].deadline <= heap[child].deadline { break }
            heap.swapAt(parent, child)
            child = parent
        }
    }

    /// Takes out what is due, to be fired by the caller: a firing timer may set others, which wait for the loop's next
    /// turn, however short they are.
    mutating func removeDue(at now: ContinuousClock.Instant) -> [LoopTimer] {
        var due: [LoopTimer] = []
        while let first = heap.first, first.deadline <= now { due.append(removeFirst(first)) }
        return due
    }

    private mutating func removeFirst(_ first: LoopTimer) -> LoopTimer {
        let last = heap.removeLast()
        if heap.isEmpty { return first }
        heap[0] = last
        var parent = 0
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2]
            where child < heap.count && heap[child].deadline < heap[least].deadline {
                least = child
            }
            if least == parent { return first }
            heap.swapAt(parent, least)
            parent = least
        }
    }
}
