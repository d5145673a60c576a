// The licence, and the duty, to fill one object.
package import CachePolicy
package import DICOM
import EventLoop
import Synchronization

/// The filler's side of a fill. One of ``commit()`` and ``fail(_:)`` ends it; dropping it fails the fill.
///
/// Calls come one after the other from one task, on any loop. Whatever one of them throws has failed the fill already, so
/// that followers learn of it at once.
package final class FillWriter: Sendable {
    /// The same fill as its followers see it.
    package let fill: Fill
    package var key: ObjectKey { fill.key }

    private let cache: DiskCache
    /// Nil for a private fill.
    private let generation: UInt64?
    /// Whether what stands in the object's place makes room for it.
    private let replaces: Bool
    private let hasEnded = Atomic<Bool>(false)
    /// Bytes taken since room was last asked for.
    private let uncharged = Atomic<Int>(0)
    /// A growing body makes room as it grows, not as it was announced.
    private static let roomStep = 64 << 20

    init(fill: Fill, generation: UInt64?, replaces: Bool, cache: DiskCache) {
        self.fill = fill
        self.generation = generation
        self.replaces = replaces
        self.cache = cache
    }

    deinit { fail(FillFailure(FillDropped())) }

    /// Says that a source is being asked now: before that, the fill ends with its last listener, afterwards as
    /// ``DiskCacheSettings/keepFilling`` has it.
    package func start() { fill.state.withLock { $0.machine.start() } }

    /// Calls `stop` once from any thread when nobody wants the fill any more, and it has failed by that.
    package func whenUnwanted(_ stop: @escaping @Sendable () -> Void) {
        let isUnwanted = fill.state.withLock { state in
            if case .failed = state.machine.phase { return true }
            state.stop = stop
            return false
        }
        if isUnwanted { stop() }
    }

    /// Says what is coming; followers may start. Makes the file on a worker and reserves its space, or the first of it.
    /// What cannot be kept passes through to those who listen by then.
    ///
    /// - Parameter expectedLength: the body's length in bytes, if the source announced one.
    /// - Throws: ``CacheError/fillFailed(_:)`` when nobody listens to what cannot be kept.
    package func begin(_ description: ObjectDescription, expectedLength: Int64?) async throws(CacheError) {
        do throws(CacheError) {
            switch await file(for: description, expectedLength: expectedLength) {
            case .success((let file, let bodyOffset)):
                do throws(CacheError) {
                    try fill.begin(description, expectedLength: expectedLength, file: file, bodyOffset: bodyOffset)
                } catch {
                    cache.discard(file)
                    throw error
                }
            case .failure(let obstacle):
                try fill.begin(description, expectedLength: expectedLength, passedThroughFor: obstacle.reason)
            }
        } catch {
            fail(FillFailure(error))
            throw error
        }
    }

    private struct Obstacle: Error { let reason: PassReason }

    private func file(
        for description: ObjectDescription, expectedLength: Int64?
    ) async -> Result<(FillFile, Int64), Obstacle> {
        guard let bodyOffset = ObjectHeader.bodyOffset(for: key, description) else {
            return .failure(Obstacle(reason: .noHeader))
        }
        if let expectedLength, expectedLength > cache.bodyLimit {
            return .failure(Obstacle(reason: .tooLarge(limit: cache.bodyLimit)))
        }
        let reserved = expectedLength.map { ObjectLayout.fileSize(bodyOffset: bodyOffset, length: max(0, $0)) }
        do throws(SystemError) {
            return .success((try await cache.makeFillFile(reserving: reserved ?? 0), bodyOffset))
        } catch {
            return .failure(Obstacle(reason: .disk(error)))
        }
    }

    /// Takes the next bytes of the body. Suspends while what passes through finds no room behind the slowest follower.
    ///
    /// - Throws: ``CacheError/io(detail:)`` when more bytes came than were announced, ``CacheError/fillFailed(_:)`` when
    ///   nobody listens to what cannot be kept.
    package func append(_ bytes: [UInt8]) async throws(CacheError) {
        do throws(CacheError) {
            try fill.append(bytes)
            if fill.isPassedThrough { return try await fill.makeRoom() }
        } catch {
            fail(FillFailure(error))
            throw error
        }
        guard uncharged.wrappingAdd(bytes.count, ordering: .relaxed).newValue >= Self.roomStep else { return }
        uncharged.store(0, ordering: .relaxed)
        cache.background.submit { [cache] in cache.makeRoomIfNeeded() }
    }

    /// What was taken so far: its bytes, and the checksums of its blocks, the last of them cut there.
    package var soFar: (checksums: [UInt64], length: Int64) {
        (fill.body.withLock { $0.hasher.checksumsSoFar }, fill.state.withLock { $0.machine.admitted })
    }

    /// Adds what a metadata document tells only at its end, before ``commit()``.
    package func amend(placeholders: Int, facts: InstanceFacts?) {
        fill.amend(placeholders: placeholders, facts: facts)
    }

    /// Checks the announced length, makes the bytes durable and publishes them if the series' generation is still the one
    /// it began with. An object that stands there already stays, but for one that was not acceptable; if that holds the same
    /// bytes, its tag stays. Followers may finish before this returns.
    ///
    /// What cannot be made durable is published nowhere, and handed to those who wait for it.
    ///
    /// - Throws: ``CacheError/io(detail:)`` when bytes are missing.
    package func commit() async throws(CacheError) {
        do throws(CacheError) {
            guard let sealed = try fill.seal() else {
                guard !hasEnded.exchange(true, ordering: .acquiringAndReleasing) else { return }
                cache.abandon(fill, isShared: generation != nil)
                return fill.finishUnkept()
            }
            let object = try await cache.publish(fill, sealed, under: generation, replacing: replaces)
            if !hasEnded.exchange(true, ordering: .acquiringAndReleasing) { fill.finish(object) }
            // Publishing has unregistered it already, in the same breath as it became an object.
        } catch {
            fail(FillFailure(error))
            throw error
        }
    }

    /// What is stored beside the object, after ``commit()``; nil before.
    package var stored: ObjectDescription? { fill.state.withLock { $0.object?.description } }

    /// Ends the fill without an object. Ignored when it has ended already.
    package func fail(_ failure: FillFailure) {
        guard !hasEnded.exchange(true, ordering: .acquiringAndReleasing) else { return }
        cache.abandon(fill, isShared: generation != nil)
        fill.fail(failure)
    }
}
