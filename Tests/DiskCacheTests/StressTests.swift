// Everything at once, on two loops: what is served is right, and what is left adds up.
import CachePolicy
import DICOM
import DiskCache
import Foundation
import Synchronization
import Testing

@Suite struct StressTests {
    @Test func whateverIsServedIsRightAndNothingIsLeftOver() async throws {
        let bed = try CacheBed()
        let cache = try bed.cache {
            $0.maxDescriptors = 8
            $0.maxSize = 60 * 8192
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for client in 0..<64 {
                group.addTask {
                    try await bed.on(client) {
                        for step in 0..<10 { try await use(cache, instance: (client * 7 + step * 13) % 40, step) }
                    }
                }
            }
            group.addTask {
                for round in 0..<20 {
                    _ = await cache.purge(study: try uid("1.2.\(round % 4)"), series: nil)
                }
            }
            try await group.waitForAll()
        }
        await cache.settle()
        let statistics = cache.statistics()
        #expect(statistics.fills == 0)
        #expect(statistics.descriptors <= 8)
        #expect(statistics.damaged == 0)
        #expect(statistics.objects == Int64(bed.files("objects").count))
        #expect(bed.files("fills") == [] && bed.files("trash") == [])
        await cache.close()
        let next = try bed.cache()
        #expect(next.statistics().bytes == statistics.bytes)
        await next.close()
    }

    /// As the gateway does: serve it, follow it, or fetch it; now and then the archive fails or the client leaves.
    private func use(_ cache: DiskCache, instance: Int, _ step: Int) async throws {
        let key = try key(study: instance % 4, series: instance % 8, instance: instance)
        let expected = body(3000 + 100 * instance, seed: UInt64(instance + 1))
        switch try await cache.open(key) {
        case .hit(let object):
            let begin = step * 997 % expected.count
            let end = min(expected.count, begin + 1 + step * 613)
            #expect(try await object.read(at: Int64(begin), length: end - begin) == Array(expected[begin..<end]))
            #expect(try await object.bytes() == expected)
        case .follow(let follower):
            do {
                #expect(try await follower.bytes() == expected)
            } catch let error as CacheError {
                #expect(error.failure is Unexpected || error.failure is FillDropped)
            }
        case .fill(let writer, let own):
            writer.start()
            own.leave()
            try await writer.begin(description, expectedLength: step % 3 == 0 ? nil : Int64(expected.count))
            try await writer.append(Array(expected[..<1000]))
            if step % 11 == 5 { return writer.fail(FillFailure(Unexpected(what: "the archive went away"))) }
            if step % 11 == 7 { return }
            try await writer.append(Array(expected[1000...]))
            try await writer.commit()
        }
    }

    @Test func memoryFollowsTheDescriptorsAndNotTheObjects() async throws {
        let bed = try CacheBed()
        let cache = try bed.cache { $0.maxDescriptors = 4 }
        for instance in 0..<150 {
            try await cache.store([1, 2, 3], try key(instance: instance, .frame(instance, syntax: "stored")))
        }
        #expect(cache.statistics().descriptors == 4)
        #expect(cache.statistics().objects == 150)
        let open = try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").filter { name in
            let target = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/" + name)
            return target?.contains(bed.path + "/objects/") == true || target?.contains(bed.path + "/fills/#") == true
        }
        // The folder `objects` itself is not among them.
        #expect(open.count == 4)
        await cache.close()
    }
}
