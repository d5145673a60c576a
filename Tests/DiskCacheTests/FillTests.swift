// Many ask, one fills: followers on other loops, clients that leave, fills that fail.
import CachePolicy
import DICOM
import EventLoop
import Glibc
import Synchronization
import Testing

@testable import DiskCache

@Suite struct FillTests {
    /// Whether a fill at this point goes on when its only listener leaves.
    @Test(arguments: [
        (KeepFilling.always, false, 0, false), (.always, true, 0, true), (.always, true, 10, true),
        (.never, true, 0, false), (.never, true, 90, false), (.half, true, 0, false), (.half, true, 50, false),
        (.half, true, 51, true),
    ])
    func theLastListenerLeaves(_ keepFilling: KeepFilling, hasStarted: Bool, arrived: Int, goesOn: Bool) async throws {
        let bed = try CacheBed()
        let cache = try bed.cache { $0.keepFilling = keepFilling }
        let key = try key()
        guard case .fill(let writer, let own) = try await cache.open(key) else { throw Unexpected(what: "no licence") }
        let stops = Atomic<Int>(0)
        writer.whenUnwanted { stops.wrappingAdd(1, ordering: .relaxed) }
        if hasStarted { writer.start() }
        if arrived > 0 {
            try await writer.begin(description, expectedLength: 100)
            try await writer.append(body(arrived))
        }
        let other = try await cache.follower(key)
        own.leave()
        own.leave()
        #expect(stops.load(ordering: .relaxed) == 0)
        other.leave()
        if !hasStarted { writer.start() }
        #expect(stops.load(ordering: .relaxed) == (goesOn ? 0 : 1))
        if goesOn {
            _ = try await cache.follower(key)
        } else {
            // Whoever comes now begins anew, and the old filler is told.
            _ = try await cache.filler(key)
            await #expect(throws: CacheError.self) { try await writer.append([1]) }
        }
        writer.fail(FillFailure(CancellationError()))
        await cache.close()
    }

    @Test func aBodyThatIsWholeIsKeptWhoeverLeaves() async throws {
        let bed = try CacheBed()
        let cache = try bed.cache { $0.keepFilling = .never }
        guard case .fill(let writer, let own) = try await cache.open(key()) else {
            throw Unexpected(what: "no licence")
        }
        writer.start()
        try await writer.begin(description, expectedLength: nil)
        try await writer.append(body(10))
        _ = try writer.fill.seal()
        own.leave()
        #expect(writer.fill.join() != nil)
        await cache.close()
    }

    @Test func followersOnTwoLoopsGetTheGrowingBytes() async throws {
        let bed = try CacheBed()
        let cache = try bed.cache()
        let key = try key()
        let body = body(3 << 20)
        let writer = try await bed.on(0) { try await cache.filler(key) }
        let followers = try await (0..<8).asyncMap { _ in try await cache.follower(key) }
        #expect(followers.allSatisfy { $0.fill === writer.fill })
        try await withThrowingTaskGroup(of: [UInt8].self) { group in
            for (index, follower) in followers.enumerated() {
                group.addTask { try await bed.on(index) { try await follower.bytes() } }
            }
            try await bed.on(0) {
                try await writer.begin(description, expectedLength: Int64(body.count))
                for begin in stride(from: 0, to: body.count, by: 50_000) {
                    try await writer.append(Array(body[begin..<min(begin + 50_000, body.count)]))
                }
                try await writer.commit()
            }
            for try await bytes in group { #expect(bytes == body) }
        }
        #expect(try await followers[0].object() === (try await cache.hit(key)))
        await cache.close()
    }

    @Test func bytesReachAFollowerBeforeEnoughHaveGathered() async throws {
        let bed = try CacheBed()
        let cache = try bed.cache()
        let key = try key()
        let writer = try await cache.filler(key)
        try await writer.begin(description, expectedLength: 100)
        try await writer.append([1, 2, 3])
        let follower = try await cache.follower(key)
        #expect(writer.fill.expectedLength == 100)
        // Nothing more comes from the filler: the follower must see to it itself.
        #expect(try await follower.next()?.bytes() == [1, 2, 3])
        // And who waits before the bytes come gets them with the next append.
        async let piece = bed.on(1) { try await follower.next() }
        try await writer.append([4])
        #expect(try await piece?.bytes() == [4])
        writer.fail(FillFailure(Unexpected(what: "enough")))
        await cache.close()
    }

    @Test func theFirstClientLeavesAndTheFillGoesOn() async throws {
        let bed = try CacheBed()
        let cache = try bed.cache()
        let key = try key()
        let writer = try await cache.filler(key)
        let first = Task { [follower = try #require(writer.fill.join())] in try await follower.bytes() }
        let second = Task { try await cache.follower(key).bytes() }
        try await writer.begin(description, expectedLength: nil)
        try await writer.append(body(600_000))
        first.cancel()
        let error = await #expect(throws: CacheError.self) { try await first.value }
        #expect(error?.isCancellation == true)
        try await writer.append(body(10))
        try await writer.commit()
        #expect(try await second.value == body(600_000) + body(10))
        #expect(try await cache.hit(key).bytes() == body(600_000) + body(10))
        await cache.close()
    }

    @Test func aCancelledWaiterLeavesAtOnce() async throws {
        let bed = try CacheBed()
        let cache = try bed.cache()
        let writer = try await cache.filler(try key())
        let fill = writer.fill
        let followers = try (0..<3).map { _ in try #require(fill.join()) }
        let waiters: [Task<Void, any Error>] = [
            Task { _ = try await followers[0].description() }, Task { _ = try await followers[1].next() },
            Task { _ = try await followers[2].object() },
        ]
        for waiter in waiters {
            waiter.cancel()
            let error = await #expect(throws: CacheError.self) { try await waiter.value }
            #expect(error?.isCancellation == true)
        }
        writer.fail(FillFailure(Unexpected(what: "not needed")))
        await cache.close()
    }

    @Test func failureReachesEveryFollowerAndLeavesNothing() async throws {
        let bed = try CacheBed()
        for usesUnnamedFiles in [true, false] {
            let cache = try bed.cache { $0.usesUnnamedFiles = usesUnnamedFiles }
            let key = try key()
            let writer = try await cache.filler(key)
            let (one, other) = (try await cache.follower(key), try await cache.follower(key))
            let followers = [Task { _ = try await one.bytes() }, Task { _ = try await other.object() }]
            try await writer.begin(description, expectedLength: nil)
            try await writer.append(body(1000))
            writer.fail(FillFailure(Unexpected(what: "the archive went away")))
            for follower in followers {
                let error = await #expect(throws: CacheError.self) { try await follower.value }
                #expect(error?.failure is Unexpected)
            }
            #expect(cache.statistics().fills == 0)
            #expect(await cache.peek(key) == nil)
            await cache.settle()
            #expect(bed.files("objects") == [] && bed.files("fills") == [])
            // The next one may try again.
            try await cache.store(body(5), key)
            _ = await cache.purge(study: key.study, series: nil)
            await cache.close()
        }
    }

    @Test func aWriterThatIsDroppedHasFailed() async throws {
        let bed = try CacheBed()
        let cache = try bed.cache()
        let key = try key()
        var writer: FillWriter? = try await cache.filler(key)
        let follower = try await cache.follower(key)
        #expect(writer?.fill === follower.fill)
        writer = nil
        let error = await #expect(throws: CacheError.self) { try await follower.description() }
        #expect(error?.failure is FillDropped)
        _ = try await cache.filler(key)
        await cache.close()
    }

    @Test func lengthsAreHeldAgainstTheAnnouncement() async throws {
        let bed = try CacheBed()
        let cache = try bed.cache()
        let key = try key()

        let short = try await cache.filler(key)
        var followers = [try await cache.follower(key)]
        try await short.begin(description, expectedLength: 10)
        try await short.append(body(9))
        await #expect(throws: CacheError.self) { try await short.commit() }

        let long = try await cache.filler(key)
        followers.append(try await cache.follower(key))
        try await long.begin(description, expectedLength: 10)
        await #expect(throws: CacheError.self) { try await long.append(body(11)) }

        for follower in followers {
            await #expect(throws: CacheError.self) { try await follower.object() }
        }
        #expect(bed.files("objects") == [])
        await cache.close()
    }

    /// An announcement costs a backend nothing: it must neither take the disk nor drive others out of the cache.
    @Test func anAnnouncementReservesNoMoreThanAStep() async throws {
        let bed = try CacheBed()
        let cache = try bed.cache { $0.maxObject = 8 << 30 }
        let writer = try await cache.filler(key())
        try await writer.begin(description, expectedLength: 4 << 30)
        var status = stat()
        let descriptor = try #require(writer.fill.state.withLock { $0.file?.descriptor.number })
        try #require(unsafe fstat(descriptor, &status) == 0)
        #expect(Int64(status.st_blocks) * 512 <= 65 << 20)
        let reserved = cache.statistics().reserved
        let bodyOffset = writer.fill.state.withLock { $0.bodyOffset }
        #expect(reserved == 0 || reserved == 64 << 20)
        try await writer.append(body(1 << 20))
        #expect(cache.statistics().reserved == max(0, reserved - (1 << 20) - bodyOffset))
        writer.fail(FillFailure(CancellationError()))
        await cache.close()
    }

    @Test func whatIsWrittenIsNoLongerReserved() {
        let space = ReservedSpace()
        do {
            let one = Reservation(upTo: 100, in: space)
            let other = Reservation(upTo: 50, in: space)
            one.wrote(upTo: 30)
            #expect(space.bytes == 120)
            one.wrote(upTo: 1000)
            #expect(space.bytes == 50)
            withExtendedLifetime((one, other)) {}
        }
        #expect(space.bytes == 0)
    }

    @Test func callsOutOfOrderFailTheFill() async throws {
        let bed = try CacheBed()
        let cache = try bed.cache()
        let early = try await cache.filler(try key(instance: 1))
        await #expect(throws: CacheError.self) { try await early.append([1]) }
        let unbegun = try await cache.filler(try key(instance: 2))
        await #expect(throws: CacheError.self) { try await unbegun.commit() }
        let twice = try await cache.filler(try key(instance: 3))
        try await twice.begin(description, expectedLength: nil)
        try await twice.commit()
        await #expect(throws: CacheError.self) { try await twice.commit() }
        #expect(try await cache.hit(try key(instance: 3)).length == 0)
        #expect(cache.statistics().fills == 0)
        await cache.close()
    }

    @Test func aPrivateFillIsNeitherSharedNorStored() async throws {
        let bed = try CacheBed()
        for usesUnnamedFiles in [true, false] {
            let cache = try bed.cache { $0.usesUnnamedFiles = usesUnnamedFiles }
            let key = try key()
            let (writer, own) = cache.privateFill(key)
            #expect(cache.statistics().fills == 0)
            let bytes = Task { try await bed.on(1) { try await own.bytes() } }
            try await writer.begin(description, expectedLength: nil)
            try await writer.append(body(1000))
            try await writer.commit()
            #expect(try await bytes.value == body(1000))
            let object = try await own.object()
            #expect(try await object.bytes() == body(1000))
            #expect(await cache.peek(key) == nil)
            #expect(bed.files("objects") == [] && bed.files("fills") == [])
            await cache.close()
        }
    }

    @Test func afterClosingEverythingStillFlowsButNothingIsKept() async throws {
        let bed = try CacheBed()
        let cache = try bed.cache()
        let key = try key(instance: 1)
        let running = try await cache.filler(key)
        let follower = try await cache.follower(key)
        try await running.begin(description, expectedLength: nil)
        try await cache.store(body(10), try DiskCacheTests.key(instance: 2))
        let object = try await cache.hit(try DiskCacheTests.key(instance: 2))
        await cache.close()
        try await running.append(body(1000))
        try await running.commit()
        #expect(try await follower.object().bytes() == body(1000))
        #expect(try await object.bytes() == body(10))
        try await cache.store(body(5), key)
        #expect(bed.files("objects").count == 1)
        #expect(await cache.purge(study: key.study, series: nil) == 0)
        #expect(bed.files("objects").count == 1)
    }
}

extension CacheError {
    var failure: (any Error)? { if case .fillFailed(let failure) = self { failure.underlying } else { nil } }
    var isCancellation: Bool { failure is CancellationError }
    var isNotKept: Bool { if case .notKept = self { true } else { false } }
    var isDamaged: Bool { if case .damaged = self { true } else { false } }
}

extension Sequence where Self: Sendable {
    func asyncMap<Value>(_ transform: (Element) async throws -> Value) async rethrows -> [Value] {
        var values: [Value] = []
        for element in self { values.append(try await transform(element)) }
        return values
    }
}
