// Bodies that cannot be kept: whoever listens gets every byte, nothing is stored, and memory stays bounded.
import CachePolicy
import DICOM
import EventLoop
import Glibc
import Synchronization
import Testing

@testable import DiskCache

@Suite struct PassThroughTests {
    private static let body = DiskCacheTests.body(10 << 20)
    private static let pieceSize = 100_000
    /// The window, the one piece beyond it, and what a piece that is partly taken still holds.
    private static let mostInMemory = FillWindow.limit + 2 * pieceSize

    /// Where the disk fails.
    struct Fault: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let code: Int32
        let strikes: @Sendable (FillFileCall) -> Bool
    }

    private static let faults = [
        Fault(testDescription: "no descriptor is free", code: EMFILE) { $0 == .make },
        Fault(testDescription: "the disk is read-only", code: EROFS) { $0 == .make },
        Fault(testDescription: "the folder may not be written", code: EACCES) { $0 == .make },
        Fault(testDescription: "there is no room for what was announced", code: ENOSPC) { $0 == .reserve },
        Fault(testDescription: "the quota ends at the first byte", code: EDQUOT) { $0.isWrite(beyond: 0) },
        Fault(testDescription: "the disk is full half-way", code: ENOSPC) { $0.isWrite(beyond: 5 << 20) },
        Fault(testDescription: "the disk fails at the end", code: EIO) { $0.isWrite(beyond: 10 << 20) },
    ]

    /// Appends the body piece by piece, as it comes from an archive.
    private func fill(_ writer: FillWriter, expectedLength: Int64? = Int64(body.count)) async throws {
        try await writer.begin(description, expectedLength: expectedLength)
        for begin in stride(from: 0, to: Self.body.count, by: Self.pieceSize) {
            try await writer.append(Array(Self.body[begin..<min(begin + Self.pieceSize, Self.body.count)]))
        }
        try await writer.commit()
    }

    @Test(arguments: faults)
    func everyFollowerGetsEveryByteAndNothingIsStored(_ fault: Fault) async throws {
        let bed = try CacheBed()
        let isBroken = Atomic<Bool>(true)
        let cache = try bed.cache {
            $0.fault = { isBroken.load(ordering: .relaxed) && fault.strikes($0) ? fault.code : nil }
        }
        let key = try key()
        let (writer, own) = try await cache.licence(key)
        let others = try await (0..<3).asyncMap { _ in try await cache.follower(key) }
        try await withThrowingTaskGroup(of: [UInt8].self) { group in
            for (index, follower) in (others + [own]).enumerated() {
                group.addTask { try await bed.on(index) { try await follower.bytes() } }
            }
            try await fill(writer)
            for try await bytes in group { #expect(bytes == Self.body) }
        }
        #expect(writer.fill.isPassedThrough)
        #expect(cache.statistics().fills == 0)
        #expect(cache.statistics().passedThrough == 1)
        #expect(cache.statistics().failedPublishes == 1)
        #expect(bed.lines.withLock { $0.filter { $0.contains("could not be stored") }.count } == 1)
        #expect(await cache.peek(key) == nil)
        #expect(bed.files("objects") == [] && bed.files("fills") == [])
        // When the disk works again, so does the cache.
        isBroken.store(false, ordering: .relaxed)
        try await cache.store(Self.body, key)
        #expect(try await cache.hit(key).bytes() == Self.body)
        await cache.close()
    }

    @Test(arguments: [true, false])
    func whatIsLargerThanMayBeKeptPassesThrough(isAnnounced: Bool) async throws {
        let bed = try CacheBed()
        let cache = try bed.cache { $0.maxObject = 6 << 20 }
        let (writer, own) = try await cache.licence(key())
        async let bytes = bed.on(1) { try await own.bytes() }
        try await fill(writer, expectedLength: isAnnounced ? Int64(Self.body.count) : nil)
        #expect(try await bytes == Self.body)
        #expect(cache.statistics().passedThrough == 1)
        #expect(cache.statistics().failedPublishes == 0)
        #expect(bed.lines.withLock { $0.filter { $0.contains("max_object") }.count } == 1)
        #expect(await cache.peek(try key()) == nil)
        await cache.close()
    }

    @Test func aNameThatFitsIntoNoHeaderPassesThrough() async throws {
        let bed = try CacheBed()
        let cache = try bed.cache()
        let (writer, own) = try await cache.licence(key(.bulk(tail: String(repeating: "a/", count: 40_000))))
        try await writer.begin(description, expectedLength: nil)
        try await writer.append([1, 2, 3])
        try await writer.commit()
        #expect(try await own.bytes() == [1, 2, 3])
        await cache.close()
    }

    /// One reads at once, one nothing at all for a while, one leaves, one wants the end only.
    @Test(arguments: [0, 3 << 20])
    func theSlowestHoldsTheSourceAndNoMoreThanAWindowIsInMemory(writable: Int64) async throws {
        let bed = try CacheBed()
        let cache = try bed.cache { $0.fault = { $0.isWrite(beyond: writable) ? ENOSPC : nil } }
        let key = try key()
        let (writer, slow) = try await cache.licence(key)
        let (fast, leaver) = (try await cache.follower(key), try await cache.follower(key))
        let late = try await cache.follower(key)
        late.skip(to: 9 << 20)
        let source = Task { try await bed.on(0) { try await fill(writer) } }
        let fastBytes = Task { try await bed.on(1) { try await fast.bytes() } }
        let lateBytes = Task { try await bed.on(1) { try await late.bytes() } }
        while !writer.isWaiting { await Task.yield() }
        #expect(cache.statistics().passing <= Self.mostInMemory)
        // Whoever comes now begins anew.
        guard case .fill(let second, _) = try await cache.open(key) else { throw Unexpected(what: "no licence") }
        second.fail(FillFailure(CancellationError()))
        // The one holds it as the other does; only when both have moved, the source goes on.
        leaver.leave()
        #expect(writer.isWaiting)
        var bytes: [UInt8] = []
        while let piece = try await slow.next(upTo: Int64(bytes.count + 1 << 20)) {
            bytes += try piece.bytes()
            #expect(cache.statistics().passing <= Self.mostInMemory)
        }
        #expect(bytes == Self.body)
        #expect(try await fastBytes.value == Self.body)
        #expect(try await lateBytes.value == Array(Self.body[(9 << 20)...]))
        try await source.value
        #expect(cache.statistics().fills == 0)
        #expect(bed.files("objects") == [] && bed.files("fills") == [])
        await cache.close()
    }

    @Test func theFillEndsWithItsLastFollower() async throws {
        let bed = try CacheBed()
        let cache = try bed.cache { $0.fault = { $0 == .make ? ENOSPC : nil } }
        let stops = Atomic<Int>(0)
        guard case .fill(let writer, let own) = try await cache.open(key()) else {
            throw Unexpected(what: "no licence")
        }
        writer.whenUnwanted { stops.wrappingAdd(1, ordering: .relaxed) }
        writer.start()
        let source = Task { try await bed.on(0) { try await fill(writer) } }
        while !writer.isWaiting { await Task.yield() }
        own.leave()
        let error = await #expect(throws: CacheError.self) { try await source.value }
        #expect(error?.failure is FillUnwanted)
        #expect(stops.load(ordering: .relaxed) == 1)
        #expect(cache.statistics().fills == 0)
        await cache.close()
    }

    @Test func aFillToWhichNobodyListensEndsWhereItCannotBeKept() async throws {
        let bed = try CacheBed()
        let cache = try bed.cache { $0.fault = { $0.isWrite(beyond: 3 << 20) ? EIO : nil } }
        let writer = try await cache.filler(key())
        let error = await #expect(throws: CacheError.self) { try await fill(writer) }
        #expect(error?.failure is FillUnwanted)
        await cache.close()
    }

    @Test func aCancelledSourceDoesNotWaitForRoom() async throws {
        let bed = try CacheBed()
        let cache = try bed.cache { $0.fault = { $0 == .make ? ENOSPC : nil } }
        let (writer, own) = try await cache.licence(key())
        let source = Task { try await fill(writer) }
        while !writer.isWaiting { await Task.yield() }
        source.cancel()
        await #expect(throws: CacheError.self) { try await source.value }
        await #expect(throws: CacheError.self) { try await own.bytes() }
        await cache.close()
    }

    /// What is needed as a whole: made from file and memory, or from memory alone.
    @Test(arguments: [0, 1 << 20])
    func aSmallBodyCanBeHadAsAWhole(writable: Int64) async throws {
        let bed = try CacheBed()
        let cache = try bed.cache { $0.fault = { $0.isWrite(beyond: writable) ? ENOSPC : nil } }
        let small = Array(Self.body[..<(3 << 20)])
        let (writer, own) = try await cache.licence(key())
        let other = try await cache.follower(key())
        async let object = bed.on(1) { try await own.object() }
        try await writer.begin(description, expectedLength: nil)
        for begin in stride(from: 0, to: small.count, by: Self.pieceSize) {
            try await writer.append(Array(small[begin..<min(begin + Self.pieceSize, small.count)]))
        }
        writer.amend(
            placeholders: 7, facts: InstanceFacts(study: try uid("1"), series: try uid("2"), instance: try uid("3")))
        try await writer.commit()
        #expect(try await object.bytes() == small)
        #expect(try await object.description.placeholders == 7)
        #expect(try await other.object() === (try await object))
        #expect(try await other.bytes() == small)
        #expect(await cache.peek(try key()) == nil)
        await cache.close()
    }

    @Test(arguments: [true, false])
    func aLargeBodyCannotBeHadAsAWholeAndCanStillBeFollowed(isAnnounced: Bool) async throws {
        let bed = try CacheBed()
        let cache = try bed.cache { $0.fault = { $0 == .make ? ENOSPC : nil } }
        let (writer, own) = try await cache.licence(key())
        let source = Task {
            try await bed.on(0) { try await fill(writer, expectedLength: isAnnounced ? 10 << 20 : nil) }
        }
        let error = await #expect(throws: CacheError.self) { try await own.object() }
        #expect(error?.isNotKept == true)
        #expect(try await own.bytes() == Self.body)
        try await source.value
        await cache.close()
    }

    @Test func manyTogetherKeepToTheirBudget() async throws {
        let bed = try CacheBed()
        let cache = try bed.cache { $0.fault = { $0 == .make ? ENOSPC : nil } }
        let fills = 30
        let licences = try await (0..<fills).asyncMap { try await cache.licence(key(instance: $0)) }
        let sources = licences.map { licence in
            Task { try await bed.on(0) { try await fill(licence.writer) } }
        }
        for licence in licences { while !licence.writer.isWaiting { await Task.yield() } }
        #expect(cache.statistics().passing <= 64 << 20 + fills * (512 << 10))
        for licence in licences { #expect(try await licence.own.bytes() == Self.body) }
        for source in sources { try await source.value }
        await cache.close()
    }

    @Test func memoryComesBack() async throws {
        let bed = try CacheBed()
        let cache = try bed.cache { $0.fault = { $0 == .make ? ENOSPC : nil } }
        do {
            let (writer, own) = try await cache.licence(key())
            try await writer.begin(description, expectedLength: nil)
            try await writer.append(DiskCacheTests.body(1 << 20))
            try await writer.commit()
            #expect(try await own.object().bytes() == DiskCacheTests.body(1 << 20))
            #expect(cache.statistics().passing > 0)
        }
        #expect(cache.statistics().passing == 0)
        await cache.close()
    }

    /// The bytes came whole; only their keeping failed.
    @Test func whatCannotBeMadeDurableIsHandedOnAndForgotten() async throws {
        let bed = try CacheBed()
        let cache = try bed.cache { $0.fault = { $0 == .synchronize ? EIO : nil } }
        let (writer, own) = try await cache.licence(key())
        let other = try await cache.follower(key())
        try await fill(writer)
        #expect(try await own.object().bytes() == Self.body)
        #expect(try await other.bytes() == Self.body)
        #expect(cache.statistics().failedPublishes == 1)
        #expect(await cache.peek(try key()) == nil)
        #expect(bed.files("objects") == [])
        await cache.close()
    }
}

extension FillFileCall {
    func isWrite(beyond offset: Int64) -> Bool {
        if case .write(let end) = self { end > offset } else { false }
    }
}

extension FillWriter {
    /// Whether the source waits for the slowest follower.
    var isWaiting: Bool { fill.state.withLock { $0.room != nil } }
}

extension DiskCache {
    /// The licence to fill, and the listener of the one who has it.
    func licence(_ key: ObjectKey) async throws -> (writer: FillWriter, own: Follower) {
        guard case .fill(let writer, let own) = try await open(key) else {
            throw Unexpected(what: "no licence to fill")
        }
        writer.start()
        return (writer, own)
    }
}
