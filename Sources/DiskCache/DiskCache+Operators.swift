// What operators do with the cache while it serves: look, purge, pin.
package import CachePolicy
package import DICOM

extension DiskCache {
    /// The series that a selection means, in the order of their keys, at most `limit` of them.
    ///
    /// - Parameter key: the last one of the page before; nil for the first page.
    package func list(_ selection: CacheSelection, after key: SeriesKey?, limit: Int) async -> [SeriesEntry] { [] }

    /// The objects of a series, read from their files; at most `limit` of them, in no particular order.
    package func contents(of series: SeriesKey, limit: Int) async -> [ObjectEntry] { [] }

    /// Removes what a selection means, pinned or not. What is being filled of it will not be stored.
    ///
    /// - Parameter dryRun: only says what would go.
    package func purge(_ selection: CacheSelection, dryRun: Bool) async -> PurgeResult { PurgeResult() }

    // MARK: Pins

    /// What eviction leaves alone.
    package func pins() -> Set<Pin> { [] }

    /// Keeps series from being evicted, also those that are yet to come, over restarts.
    ///
    /// - Throws: ``CacheError/io(detail:)`` when the file of pins can't be written, or there would be too many.
    package func pin(_ pin: Pin) async throws(CacheError) {}

    /// Takes a pin back; one that is not there is no error.
    ///
    /// - Throws: ``CacheError/io(detail:)`` when the file of pins can't be written.
    package func unpin(_ pin: Pin) async throws(CacheError) {}

    // MARK: Whose a study is

    /// Remembers the subject of a study's record ("Patient/7"); nil is not known. Any thread; cheap when it is known
    /// already, so call it with each record that was resolved.
    package func note(subject: String?, of study: UID, tenant: String = "_") {}
}
