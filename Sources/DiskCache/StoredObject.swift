// An object that can be served: an open descriptor and what its header said.
import CLinux
package import CachePolicy
import EventLoop
import Synchronization

/// A published object, or a finished private one. Holds its descriptor open: eviction and purge don't disturb a reader.
package final class StoredObject: Sendable {
    package let key: ObjectKey
    package let description: ObjectDescription
    /// Body bytes.
    package let length: Int64
    /// Where the body begins in the file.
    package let bodyOffset: Int64
    package var descriptor: Int32 { file.number }

    let file: Descriptor
    /// The batch of the accounting in which this object's use was last noted.
    let notedBatch = Atomic<UInt64>(0)
    private let workers: WorkerPool
    private weak let cache: DiskCache?
    private let wasSuspect: Bool
    /// Of one that lies in memory.
    private let share: WindowShare?
    private let isWholeVerified: Atomic<Bool>
    private let verifiedBlocks: Mutex<BlockSet>

    init(
        key: ObjectKey, description: ObjectDescription, length: Int64, bodyOffset: Int64,
        file: Descriptor, isVerified: Bool, isSuspect: Bool = false, cache: DiskCache?, workers: WorkerPool,
        share: WindowShare? = nil
    ) {
        self.share = share
        self.key = key
        self.description = description
        self.length = length
        self.bodyOffset = bodyOffset
        self.file = file
        self.cache = cache
        self.workers = workers
        wasSuspect = isSuspect
        isWholeVerified = Atomic(isVerified || length == 0)
        verifiedBlocks = Mutex(BlockSet(count: isVerified ? 0 : ObjectLayout.blockCount(length: length)))
    }

    /// Whether it must be read whole before a byte of it is served: a run that ended badly stored it.
    var isSuspect: Bool { wasSuspect && !isWholeVerified.load(ordering: .acquiring) }

    /// Whether its file has no name any more, or never had one: it was removed, replaced or never published.
    package var isUnlinked: Bool { (try? file.status().st_nlink) == 0 }

    /// Whether the blocks of the range were checked since the descriptor was opened.
    package func isVerified(_ range: Range<Int64>) -> Bool {
        if isWholeVerified.load(ordering: .acquiring) { return true }
        let blocks = ObjectLayout.blocks(touching: range, length: length)
        return verifiedBlocks.withLock { $0.containsAll(blocks) }
    }

    /// Checks the blocks of the range, on a worker. Bytes outside the body are ignored.
    ///
    /// - Throws: ``CacheError/damaged``; the object is dropped from the cache and counted then.
    package func verify(_ range: Range<Int64>) async throws(CacheError) {
        if isVerified(range) { return }
        try await workers.run { () throws(CacheError) in try self.verifyNow(range) }
    }

    /// Reads at most `length` bytes of the body, checked; on a worker. Fewer only at the body's end.
    ///
    /// - Throws: ``CacheError/damaged``; the object is dropped from the cache and counted then.
    package func read(at offset: Int64, length: Int) async throws(CacheError) -> [UInt8] {
        try await workers.run { () throws(CacheError) -> [UInt8] in try self.readNow(at: offset, length: length) }
    }

    /// The same on the calling thread, which must be one that may block.
    ///
    /// - Throws: as ``read(at:length:)``.
    package func readNow(at offset: Int64, length: Int) throws(CacheError) -> [UInt8] {
        let begin = min(max(0, offset), self.length)
        let range = begin..<(begin + min(Int64(max(0, length)), self.length - begin))
        if range.isEmpty { return [] }
        try verifyNow(range)
        return try bytes(range)
    }

    /// The same on the calling thread, which must be one that may block.
    ///
    /// - Throws: as ``verify(_:)``.
    func verifyNow(_ range: Range<Int64>) throws(CacheError) {
        if isVerified(range) { return }
        let blocks = ObjectLayout.blocks(touching: range, length: length)
        let stored = try storedChecksums(blocks)
        for block in blocks where !verifiedBlocks.withLock({ $0.contains(block) }) {
            guard try checksum(ofBlock: block) == stored[block - blocks.lowerBound] else { throw damaged() }
            if verifiedBlocks.withLock({ $0.insert(block) }) { isWholeVerified.store(true, ordering: .releasing) }
        }
    }

    private func checksum(ofBlock block: Int) throws(CacheError) -> UInt64? {
        var hasher = BlockHasher()
        let range = ObjectLayout.range(ofBlock: block, length: length)
        // Pieces, so that eight workers at once stay small.
        for offset in stride(from: range.lowerBound, to: range.upperBound, by: 256 << 10) {
            let piece = try bytes(offset..<min(offset + 256 << 10, range.upperBound))
            hasher.update(piece.span)
        }
        return hasher.finish().first
    }

    /// The checksums in the file. They were checked as a whole when the file was opened; if they changed since, the
    /// blocks fail, which is the safe side.
    private func storedChecksums(_ blocks: Range<Int>) throws(CacheError) -> [UInt64] {
        do throws(SystemError) {
            let trailer = try file.read(
                at: bodyOffset + length + 8 * Int64(blocks.lowerBound), count: 8 * blocks.count)
            guard trailer.count == 8 * blocks.count else { throw SystemError(call: "pread", code: 0) }
            return ObjectLayout.checksums(of: trailer)
        } catch {
            throw damaged()
        }
    }

    private func bytes(_ range: Range<Int64>) throws(CacheError) -> [UInt8] {
        let bytes = try? file.read(at: bodyOffset + range.lowerBound, count: range.count)
        // Unreadable and too short are damage as well: the caller's way out is the same.
        guard let bytes, bytes.count == range.count else { throw damaged() }
        return bytes
    }

    /// What a sender calls when the file turned out shorter than its header says: drops the object from the cache and
    /// counts it, soon.
    package func reportDamage() {
        cache?.background.submit { _ = self.damaged() }
    }

    private func damaged() -> CacheError {
        cache?.objectIsDamaged(self)
        return .damaged
    }
}

/// Which blocks were checked: one bit each.
private struct BlockSet {
    private var words: [UInt64]
    private var missing: Int

    init(count: Int) {
        words = [UInt64](repeating: 0, count: (count + 63) / 64)
        missing = count
    }

    func contains(_ block: Int) -> Bool { words[block / 64] & 1 << UInt64(block % 64) != 0 }

    func containsAll(_ blocks: Range<Int>) -> Bool { blocks.allSatisfy(contains) }

    /// True when no block is missing any more.
    mutating func insert(_ block: Int) -> Bool {
        if !contains(block) {
            words[block / 64] |= 1 << UInt64(block % 64)
            missing -= 1
        }
        return missing == 0
    }
}
