// What happens between a body's end and its object's beginning, held there by a barrier.
import CachePolicy
import DICOM
import EventLoop
import Foundation
import Synchronization
import Testing

@testable import DiskCache

@Suite struct BarrierTests {
    /// Holds the first fill that comes to be made durable, which is when its body is whole and it has no name yet.
    private final class Barrier: Sendable {
        private let isTaken = Atomic<Bool>(false)
        private let reached = DispatchSemaphore(value: 0)
        private let opened = DispatchSemaphore(value: 0)

        func hold(_ call: FillFileCall) -> Int32? {
            guard call == .synchronize, !isTaken.exchange(true, ordering: .relaxed) else { return nil }
            reached.signal()
            opened.wait()
            return nil
        }

        func waitReached() async {
            await withCheckedContinuation { continuation in
                Thread.detachNewThread {
                    self.reached.wait()
                    continuation.resume()
                }
            }
        }

        func open() { opened.signal() }
    }

    enum Removal: CaseIterable { case purgeOfSeries, purgeOfStudy, eviction }

    @Test(arguments: Removal.allCases)
    func whatIsRemovedBetweenSealAndLinkDoesNotComeBack(_ removal: Removal) async throws {
        let bed = try CacheBed()
        let barrier = Barrier()
        let cache = try bed.cache {
            $0.fault = { barrier.hold($0) }
            if removal == .eviction { $0.maxSize = 512 << 10 }
        }
        let key = try key(instance: 2)
        let (writer, own) = try await cache.licence(key)
        try await writer.begin(description, expectedLength: nil)
        try await writer.append(body(10_000))
        async let committed: Void = writer.commit()
        await barrier.waitReached()
        // The rest of its series, which is there already.
        try await cache.store(body(1 << 20), DiskCacheTests.key(instance: 1))
        switch removal {
        case .purgeOfSeries: _ = await cache.purge(study: key.study, series: key.series)
        case .purgeOfStudy: _ = await cache.purge(study: key.study, series: nil)
        // There is no room for the one that was stored last.
        case .eviction: while cache.statistics().evictedSeries == 0 { await Task.yield() }
        }
        barrier.open()
        try await committed
        #expect(try await own.object().bytes() == body(10_000))
        #expect(await cache.peek(key) == nil)
        #expect(!bed.files("objects").contains { $0.contains("1.2.1.1") })
        #expect(cache.statistics().fills == 0)
        await cache.close()
        // Not even in the next process.
        let later = try bed.cache()
        #expect(await later.peek(key) == nil)
        await later.close()
    }

    @Test func ofAHundredClientsOnTwoLoopsOneFills() async throws {
        let bed = try CacheBed(loops: 2)
        let cache = try bed.cache()
        let key = try key()
        let licences = Licences()
        try await withThrowingTaskGroup(of: [UInt8].self) { group in
            for client in 0..<100 {
                group.addTask {
                    try await bed.on(client) {
                        switch try await cache.open(key) {
                        case .hit(let object): return try await object.bytes()
                        case .follow(let follower): return try await follower.bytes()
                        case .fill(let writer, let own):
                            licences.count.wrappingAdd(1, ordering: .relaxed)
                            writer.start()
                            try await writer.begin(description, expectedLength: 300_000)
                            for begin in stride(from: 0, to: 300_000, by: 10_000) {
                                try await writer.append(Array(body(300_000)[begin..<begin + 10_000]))
                                await Task.yield()
                            }
                            try await writer.commit()
                            return try await own.bytes()
                        }
                    }
                }
            }
            for try await bytes in group { #expect(bytes == body(300_000)) }
        }
        #expect(licences.count.load(ordering: .relaxed) == 1)
        await cache.close()
    }
}

private final class Licences: Sendable {
    let count = Atomic<Int>(0)
}
