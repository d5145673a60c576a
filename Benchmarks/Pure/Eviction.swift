// Which order of eviction keeps what is read: hit ratios on synthetic traces, room for a third of what is read, beside orders
// that were not chosen. Says nothing of speed.
import CachePolicy

enum Eviction {
    /// What comes to the cache.
    enum Trace: String, CaseIterable {
        /// Thirty studies, visited by Zipf's law.
        case zipf
        /// The same, and after every hundred visits an export of fifteen studies that nobody asks for again.
        case exports
        /// Studies age: after every forty visits a new one is the most popular.
        case aging
        /// Both.
        case agingExports = "aging-exports"

        var hasExports: Bool { self == .exports || self == .agingExports }
        var ages: Bool { self == .aging || self == .agingExports }
    }

    private static let orders: [(name: String, make: @Sendable (Double) -> any Order)] = [
        ("chosen", { TwoQueues(capacity: $0) }), ("LRU", { LeastRecent(capacity: $0) }),
        ("nginx", { ObjectLeastRecent(capacity: $0) }),
        ("SLRU 80", { Segmented(capacity: $0, protected: 0.8) }),
        ("SLRU 50", { Segmented(capacity: $0, protected: 0.5) }),
    ]

    /// Percent of requests and of bytes that each order answers.
    static func run(_ trace: Trace) -> BenchmarkCases.Figures {
        orders.flatMap { name, make -> BenchmarkCases.Figures in
            var sums = (hits: 0.0, requests: 0.0, hitBytes: 0.0, bytes: 0.0)
            for seed: UInt64 in 1...3 {
                let workload = Workload(trace, seed: seed)
                var order = make(workload.capacity)
                for visit in workload.visits {
                    for series in workload.studies[visit.study].series {
                        let hits = order.read(series, at: visit.time)
                        sums.hits += Double(hits)
                        sums.requests += Double(series.objects)
                        sums.hitBytes += series.bytes * Double(hits) / Double(series.objects)
                        sums.bytes += series.bytes
                    }
                }
            }
            return [
                ("\(name) requests %", 100 * sums.hits / sums.requests),
                ("\(name) bytes %", 100 * sums.hitBytes / sums.bytes),
            ]
        }
    }
}

// MARK: The trace

private struct Series {
    let id: Int
    let objects: Int
    /// Megabytes.
    let bytes: Double
}

private struct Study { let series: [Series] }

private struct Workload {
    private(set) var studies: [Study] = []
    private(set) var visits: [(time: Int64, study: Int)] = []
    let capacity: Double

    private static let minute: Int64 = 60_000

    init(_ trace: Eviction.Trace, seed: UInt64) {
        var chance = Chance(seed: seed)
        var ids = 0
        var studies = (0..<30).map { _ in Self.study(&chance, &ids) }
        capacity = studies.flatMap(\.series).reduce(0) { $0 + $1.bytes } / 3
        var visits: [(time: Int64, study: Int)] = []
        var ranked = Array(0..<30)
        let weights = (1...30).map { 1 / Double($0) }
        var time: Int64 = 0
        // A third looks again at once: that says nothing of tomorrow.
        func visit(_ study: Int) {
            visits.append((time, study))
            if chance.below(10) < 3 { visits.append((time + Self.minute, study)) }
        }
        for number in 1...4000 {
            time += Int64(2 + chance.below(40)) * Self.minute
            if trace.ages, number % 40 == 0 {
                studies.append(Self.study(&chance, &ids))
                ranked = [studies.count - 1] + ranked.dropLast()
            }
            visit(ranked[chance.pick(weights)])
            guard trace.hasExports, number % 100 == 0 else { continue }
            for _ in 0..<15 {
                studies.append(Self.study(&chance, &ids))
                time += 2 * Self.minute
                visit(studies.count - 1)
            }
        }
        self.studies = studies
        self.visits = visits.sorted { ($0.time, $0.study) < ($1.time, $1.study) }
    }

    /// Two to six series: a localiser, a picture, a run of slices, an angiogram…
    private static func study(_ chance: inout Chance, _ ids: inout Int) -> Study {
        Study(
            series: (0..<(2 + chance.below(5))).map { _ in
                ids += 1
                let objects = [1, 3, 30, 120, 300, 600][chance.below(6)]
                return Series(
                    id: ids, objects: objects, bytes: Double(objects) * [0.1, 0.3, 0.5, 1][chance.below(4)])
            })
    }
}

/// The same numbers on every machine (SplitMix64).
private struct Chance {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    private mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }

    mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }

    mutating func pick(_ weights: [Double]) -> Int {
        var left = Double(next() >> 11) / Double(1 << 53) * weights.reduce(0, +)
        for (index, weight) in weights.enumerated() {
            left -= weight
            if left < 0 { return index }
        }
        return weights.count - 1
    }
}

// MARK: The orders

private protocol Order {
    /// Reads all objects of a series and stores those that are missing. Answers how many were there.
    mutating func read(_ series: Series, at time: Int64) -> Int
}

/// CachePolicy's own rules, as the accounting applies them to its rows.
private struct TwoQueues: Order {
    private var rows: [Int: (bytes: Double, standing: SeriesStanding)] = [:]
    private var ghosts: [(id: Int, bytes: Double)] = []
    private var stored: Int64 = 0
    private let capacity: Double

    init(capacity: Double) { self.capacity = capacity }

    mutating func read(_ series: Series, at time: Int64) -> Int {
        if rows[series.id] != nil {
            rows[series.id]?.standing.used(at: time, stored: stored, maxSize: Int64(capacity))
            return series.objects
        }
        stored += Int64(series.bytes)
        let ghost = ghosts.firstIndex { $0.id == series.id }
        if let ghost { ghosts.remove(at: ghost) }
        var standing = SeriesStanding(newAt: time, isRemembered: ghost != nil)
        standing.stored = stored
        rows[series.id] = (series.bytes, standing)
        while bytes(of: nil) > capacity, !rows.isEmpty { makeRoom(at: time) }
        return 0
    }

    private func bytes(of queue: SeriesStanding.Queue?) -> Double {
        rows.values.reduce(0) { $0 + (queue == nil || $1.standing.queue == queue ? $1.bytes : 0) }
    }

    private mutating func makeRoom(at time: Int64) {
        let preferred = EvictionOrder.next(trial: Int64(bytes(of: .trial)), maxSize: Int64(capacity))
        let rows = rows
        let next = { (queue: SeriesStanding.Queue) in
            rows.filter { $0.value.standing.queue == queue }.min {
                ($0.value.standing.position, $0.key) < ($1.value.standing.position, $1.key)
            }
        }
        guard let head = next(preferred) ?? next(preferred == .trial ? .main : .trial) else { return }
        let id = head.key
        var row = head.value
        guard row.standing.mustGo(else: time) else {
            self.rows[id] = row
            return
        }
        self.rows[id] = nil
        guard row.standing.queue == .trial else { return }
        ghosts.append((id, row.bytes))
        let limit = capacity * Double(EvictionOrder.rememberedPercent) / 100
        while ghosts.reduce(0, { $0 + $1.bytes }) > limit { ghosts.removeFirst() }
    }
}

/// Least recently used series first.
private struct LeastRecent: Order {
    private var rows: [Int: (bytes: Double, time: Int64)] = [:]
    private let capacity: Double

    init(capacity: Double) { self.capacity = capacity }

    mutating func read(_ series: Series, at time: Int64) -> Int {
        let isThere = rows[series.id] != nil
        rows[series.id] = (series.bytes, time)
        while rows.values.reduce(0, { $0 + $1.bytes }) > capacity {
            guard let oldest = rows.min(by: { ($0.value.time, $0.key) < ($1.value.time, $1.key) }) else { break }
            rows[oldest.key] = nil
        }
        return isThere ? series.objects : 0
    }
}

/// nginx's: least recently used objects first, whatever series they are of (`proxy_cache_path … max_size= inactive=30d`).
private struct ObjectLeastRecent: Order {
    private struct Object: Hashable {
        let series: Int
        let number: Int
    }

    /// When each was used last, by a count of uses.
    private var uses: [Object: Int] = [:]
    /// Uses in their order; one that is not its object's last is void.
    private var queue: [(object: Object, use: Int, bytes: Double, time: Int64)] = []
    private var head = 0
    private var used = 0.0
    private let capacity: Double
    private static let inactive: Int64 = 30 * 86_400_000

    init(capacity: Double) { self.capacity = capacity }

    mutating func read(_ series: Series, at time: Int64) -> Int {
        var hits = 0
        while head < queue.count, queue[head].time < time - Self.inactive { dropFirst() }
        for number in 0..<series.objects {
            let object = Object(series: series.id, number: number)
            let bytes = series.bytes / Double(series.objects)
            if uses[object] != nil { hits += 1 } else { used += bytes }
            uses[object] = queue.count
            queue.append((object, queue.count, bytes, time))
            while used > capacity, head < queue.count { dropFirst() }
        }
        return hits
    }

    private mutating func dropFirst() {
        let first = queue[head]
        head += 1
        guard uses[first.object] == first.use else { return }
        uses[first.object] = nil
        used -= first.bytes
    }
}

/// Segmented LRU on series: what is visited again is protected, as far as its share reaches.
private struct Segmented: Order {
    private var rows: [Int: (bytes: Double, time: Int64, last: Int64, isProtected: Bool)] = [:]
    private let capacity: Double
    private let protected: Double

    init(capacity: Double, protected: Double) {
        self.capacity = capacity
        self.protected = protected
    }

    mutating func read(_ series: Series, at time: Int64) -> Int {
        if var row = rows[series.id] {
            if time - row.last >= SeriesStanding.visitGap { row.isProtected = true }
            (row.time, row.last) = (time, time)
            rows[series.id] = row
            return series.objects
        }
        rows[series.id] = (series.bytes, time, time, false)
        while rows.values.reduce(0, { $0 + $1.bytes }) > capacity { makeRoom(at: time) }
        return 0
    }

    private mutating func makeRoom(at time: Int64) {
        while rows.values.reduce(0, { $0 + ($1.isProtected ? $1.bytes : 0) }) > protected * capacity,
            let oldest = oldest(isProtected: true)
        {
            rows[oldest]?.isProtected = false
            rows[oldest]?.time = time
        }
        if let oldest = oldest(isProtected: false) ?? oldest(isProtected: true) { rows[oldest] = nil }
    }

    private func oldest(isProtected: Bool) -> Int? {
        rows.filter { $0.value.isProtected == isProtected }.min { ($0.value.time, $0.key) < ($1.value.time, $1.key) }?
            .key
    }
}
