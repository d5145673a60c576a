// Cells that the loops count in: each loop writes its own copy of them, so that no loop ever waits for another or for a
// reader. Knows no names; MetricsBlock says what a cell means.
import Synchronization

/// One loop's cells, written by that loop alone and read by anyone.
///
/// Unchecked because the cells are atomics, and the block that holds them lives as long as this object.
@safe final class MetricsShard: @unchecked Sendable {
    private let cells: UnsafeMutablePointer<Atomic<Int64>>
    let count: Int

    init(count: Int) {
        self.count = count
        // Whole cache lines, so that two loops never write to the same one.
        let bytes = (count * MemoryLayout<Atomic<Int64>>.stride + 63) & ~63
        let block = UnsafeMutableRawPointer.allocate(byteCount: max(64, bytes), alignment: 64)
        unsafe cells = block.bindMemory(to: Atomic<Int64>.self, capacity: count)
        for index in 0..<count { unsafe (cells + index).initialize(to: Atomic(0)) }
    }

    deinit {
        unsafe cells.deinitialize(count: count)
        unsafe cells.deallocate()
    }

    /// Call it on the shard's loop only: with one writer a load and a store count right, and cost no locked instruction.
    func add(_ amount: Int64, to cell: Int) {
        precondition(cell >= 0 && cell < count)
        // The index was checked just now.
        let sum = unsafe cells[cell].load(ordering: .relaxed) &+ amount
        unsafe cells[cell].store(sum, ordering: .relaxed)
    }

    func value(of cell: Int) -> Int64 {
        precondition(cell >= 0 && cell < count)
        // The index was checked just now.
        return unsafe cells[cell].load(ordering: .relaxed)
    }
}

/// Where the cells of one recorded family lie: for each combination of its labels' values one cell, or those of a histogram.
struct MetricsBlock: Sendable {
    let family: MetricsFamily
    /// What each label can say, in the order of the family's labels.
    let values: [[String]]
    private let base: Int
    /// Cells of one combination: buckets, the one above them all and the sum; or one.
    private let width: Int
    private let second: Int
    private let third: Int

    fileprivate init(_ family: MetricsFamily, _ values: [[String]], base: Int) {
        self.family = family
        self.values = values
        self.base = base
        width = family.buckets.map { $0.bounds.count + 2 } ?? 1
        second = values.count > 1 ? values[1].count : 1
        third = values.count > 2 ? values[2].count : 1
    }

    var cellCount: Int { values.reduce(width) { $0 * $1.count } }

    private func cell(_ first: Int, _ second: Int, _ third: Int) -> Int {
        base + ((first * self.second + second) * self.third + third) * width
    }

    /// Adds to a counter. The numbers are the places of the labels' values.
    func add(_ amount: Int64, _ first: Int = 0, _ second: Int = 0, _ third: Int = 0, to shard: MetricsShard) {
        shard.add(amount, to: cell(first, second, third))
    }

    /// Adds one value to a histogram.
    ///
    /// - Parameter value: in the unit of the bounds.
    func observe(_ value: Int64, _ first: Int = 0, _ second: Int = 0, _ third: Int = 0, in shard: MetricsShard) {
        guard let buckets = family.buckets else { return }
        let cell = cell(first, second, third)
        shard.add(1, to: cell + buckets.place(of: value))
        shard.add(value, to: cell + width - 1)
    }

    /// The sums over the shards, by combination of values.
    func series(_ shards: [MetricsShard]) -> [(labels: [String], cells: [Int64])] {
        var combinations: [[String]] = [[]]
        for choices in values { combinations = combinations.flatMap { begun in choices.map { begun + [$0] } } }
        return combinations.enumerated().map { index, labels in
            let first = base + index * width
            return (labels, (first..<first + width).map { cell in shards.reduce(0) { $0 &+ $1.value(of: cell) } })
        }
    }
}

/// Gives each recorded family its cells, one block behind the other.
struct MetricsLayout {
    private(set) var blocks: [MetricsBlock] = []
    private(set) var cellCount = 0

    /// - Parameter values: what each of the family's labels, at most three, can say.
    mutating func add(_ family: MetricsFamily, _ values: [String]...) -> MetricsBlock {
        precondition(values.count == family.labels.count && values.count <= 3)
        let block = MetricsBlock(family, values, base: cellCount)
        cellCount += block.cellCount
        blocks.append(block)
        return block
    }
}
