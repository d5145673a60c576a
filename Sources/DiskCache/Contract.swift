// CONTRACT: replaced by its owner (DiskCache). Signatures bind, bodies do not.
package import CachePolicy
package import DICOM
package import EventLoop

package struct DiskCacheSettings: Sendable {
    package var path: String
    package var maxSize: Int64
    package var maxObject: Int64
    package var minFree: Int64
    package init(path: String, maxSize: Int64 = 200 << 30, maxObject: Int64 = 8 << 30, minFree: Int64 = 10 << 30) {
        self.path = path
        self.maxSize = maxSize
        self.maxObject = maxObject
        self.minFree = minFree
    }
}

package enum CacheError: Error, Sendable {
    case tooLarge(limit: Int64)
    /// The disk is full or failing; `detail` for the log.
    case io(detail: String)
    /// The fill that was followed failed.
    case fillFailed(FillFailure)
}

/// Why a fill ended without an object: travels from the filler to each follower.
package struct FillFailure: Error, Sendable {
    package let underlying: any Error & Sendable
    package init(_ underlying: any Error & Sendable) { self.underlying = underlying }
}

package final class DiskCache: Sendable {
    /// Opens or makes the directory, takes its lock, sweeps what a crash left.
    package init(settings: DiskCacheSettings, workers: WorkerPool, log: @escaping @Sendable (String) -> Void) throws { fatalError() }

    /// What there is for a key: an object, a fill under way, or the licence (and duty) to fill it.
    package func open(_ key: ObjectKey) async throws(CacheError) -> Opening { fatalError() }
    /// An object if it is there; never starts a fill.
    package func peek(_ key: ObjectKey) async -> StoredObject? { fatalError() }
    /// A fill that is never published nor shared: a spool for what may not be cached.
    package func privateFill(_ key: ObjectKey) -> FillWriter { fatalError() }
    /// Raises the generation of every series of the study (or of one series) and removes what was stored. Answers bytes freed.
    package func purge(study: UID, series: UID?) async -> Int64 { fatalError() }
    package func statistics() -> CacheStatistics { fatalError() }
    /// Waits for the accounting to be on disk and gives the lock back.
    package func close() async { fatalError() }
}

package enum Opening: Sendable {
    case hit(StoredObject)
    case follow(Fill)
    case fill(FillWriter)
}

package struct CacheStatistics: Sendable {
    package var bytes: Int64 = 0
    package var objects: Int64 = 0
    package var series: Int64 = 0
    package var fills: Int = 0
    package var evictedSeries: Int64 = 0
    package var damaged: Int64 = 0
    package init() {}
}

/// A published object, or a finished private one; holds its descriptor open.
package final class StoredObject: Sendable {
    package var key: ObjectKey { fatalError() }
    package var description: ObjectDescription { fatalError() }
    /// Body bytes.
    package var length: Int64 { fatalError() }
    /// A strong validator without quotes, from the content's hash.
    package var etag: String { fatalError() }
    package var descriptor: Int32 { fatalError() }
    /// Where the body begins in the file.
    package var bodyOffset: Int64 { fatalError() }
    /// Whether the blocks of the range were checked since the descriptor was opened.
    package func isVerified(_ range: Range<Int64>) -> Bool { fatalError() }
    /// Checks the blocks of the range. A damaged object is dropped from the cache and counted.
    package func verify(_ range: Range<Int64>) async throws(CacheError) { fatalError() }
    /// Reads at most `length` bytes of the body; on a worker.
    package func read(at offset: Int64, length: Int) async throws(CacheError) -> [UInt8] { fatalError() }
}

/// The follower's side of a fill in progress.
package final class Fill: Sendable {
    package var key: ObjectKey { fatalError() }
    /// Suspends until the description is known.
    package func description() async throws(CacheError) -> ObjectDescription { fatalError() }
    /// The whole length, if the filler announced one.
    package var expectedLength: Int64? { fatalError() }
    package var descriptor: Int32 { fatalError() }
    package var bodyOffset: Int64 { fatalError() }
    /// Suspends until body bytes beyond `offset` are in the file or the fill has ended.
    package func wait(beyond offset: Int64) async throws(CacheError) -> Progress { fatalError() }
    /// Suspends until it is published (or finished, when private).
    package func object() async throws(CacheError) -> StoredObject { fatalError() }
    package enum Progress: Sendable {
        /// This many body bytes may be sent.
        case available(Int64)
        /// The body is complete with this length.
        case complete(Int64)
    }
}

/// The filler's side. One of `commit` and `fail` must be called; dropping it means `fail`.
package final class FillWriter: Sendable {
    package var key: ObjectKey { fatalError() }
    /// The same fill as its followers see it.
    package var fill: Fill { fatalError() }
    /// Says what is coming; followers may start.
    package func begin(_ description: ObjectDescription, expectedLength: Int64?) async throws(CacheError) { fatalError() }
    package func append(_ bytes: [UInt8]) async throws(CacheError) { fatalError() }
    /// Changes what can only be known at the end (the number of placeholders), before ``commit()``.
    package func amend(placeholders: Int) { fatalError() }
    /// Checks the announced length, makes the bytes durable and publishes them if the series' generation is still the one it began with.
    package func commit() async throws(CacheError) { fatalError() }
    package func fail(_ failure: FillFailure) { fatalError() }
}
