// The accounting's table. SQL lives here and nowhere else; when to write what is Accounting's.
import CSQLite
import CachePolicy
import DICOM

/// What changed for one series since the last batch.
struct SeriesChange: Sendable {
    var bytes: Int64 = 0
    var objects: Int64 = 0
    /// Seconds since 1970; nil when it was not read nor written.
    var lastAccess: Int64?
}

/// A study, or one series of it, of which nothing is left.
struct Forgotten: Sendable {
    let tenant: String
    let study: UID
    let series: UID?

    func covers(_ key: SeriesKey) -> Bool {
        key.tenant == tenant && key.study == study && (series == nil || key.series == series)
    }
}

/// The sums over all series.
struct AccountingTotals: Sendable, Equatable {
    var bytes: Int64 = 0
    var objects: Int64 = 0
    var series: Int64 = 0
}

/// One row for each series:
/// `series(tenant, study, series, bytes, objects, last_access, created, scan)`, times in milliseconds since 1970; `scan` is the
/// number of the last scan of the tree that saw the row, or that was under way when it was written.
///
/// Used by one thread at a time, under the accounting's lock.
final class AccountingStore {
    private let connection: SQLiteConnection
    private let select: SQLiteStatement
    private let insert: SQLiteStatement
    private let update: SQLiteStatement
    private let settle: SQLiteStatement
    private let remove: SQLiteStatement
    private let leastRecent: SQLiteStatement
    /// What the table's sums have become by the changes since they were last taken.
    private(set) var totals = AccountingTotals()
    /// Whether the process that used it last closed it, so that the table tells the truth.
    let wasClosed: Bool
    /// Written into rows that are seen or made now.
    private(set) var scan: Int64

    /// Opens or makes the table. A database in memory is for when the disk won't have it.
    init(path: String) throws(SQLiteError) {
        connection = try SQLiteConnection(path: path)
        try connection.execute(
            """
            PRAGMA journal_mode = WAL;
            PRAGMA synchronous = NORMAL;
            PRAGMA trusted_schema = OFF;
            CREATE TABLE IF NOT EXISTS series (
                tenant TEXT NOT NULL, study TEXT NOT NULL, series TEXT NOT NULL,
                bytes INTEGER NOT NULL, objects INTEGER NOT NULL,
                last_access INTEGER NOT NULL, created INTEGER NOT NULL, scan INTEGER NOT NULL,
                PRIMARY KEY (tenant, study, series)) WITHOUT ROWID;
            CREATE INDEX IF NOT EXISTS series_by_access ON series (last_access);
            CREATE TABLE IF NOT EXISTS state (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
            """)
        select = try connection.prepare(
            "SELECT bytes, objects FROM series WHERE tenant = ?1 AND study = ?2 AND series = ?3")
        insert = try connection.prepare("INSERT OR REPLACE INTO series VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6, ?7)")
        update = try connection.prepare(
            """
            UPDATE series SET bytes = bytes + ?4, objects = objects + ?5, last_access = max(last_access, ?6), scan = ?7
            WHERE tenant = ?1 AND study = ?2 AND series = ?3
            """)
        settle = try connection.prepare(
            """
            INSERT INTO series VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
            ON CONFLICT DO UPDATE SET bytes = ?4, objects = ?5, last_access = max(last_access, ?6), scan = ?8
            """)
        remove = try connection.prepare(
            """
            DELETE FROM series WHERE tenant = ?1 AND study = ?2 AND (?3 = '' OR series = ?3) RETURNING bytes, objects
            """)
        leastRecent = try connection.prepare(
            "SELECT tenant, study, series, bytes, last_access FROM series ORDER BY last_access LIMIT ?1")
        (wasClosed, scan, totals) = try Self.begin(connection)
    }

    /// Reads the state and marks the table as in use.
    private static func begin(
        _ connection: SQLiteConnection
    ) throws(SQLiteError) -> (wasClosed: Bool, scan: Int64, totals: AccountingTotals) {
        var state: [String: Int64] = [:]
        try connection.prepare("SELECT name, value FROM state").run { state[$0.text(0)] = $0.integer(1) }
        var totals = AccountingTotals()
        try connection.prepare("SELECT sum(bytes), sum(objects), count(*) FROM series").run {
            totals = AccountingTotals(bytes: $0.integer(0), objects: $0.integer(1), series: $0.integer(2))
        }
        try connection.execute("INSERT OR REPLACE INTO state VALUES ('closed', 0)")
        return (state["closed"] == 1, state["scan"] ?? 0, totals)
    }

    /// Applies a batch, all or nothing: first what is forgotten, then what a scan found, then the changes.
    func apply(
        forgotten: [Forgotten], settled: [SeriesKey: TreeSize], changes: [SeriesKey: SeriesChange], now: Int64
    ) throws(SQLiteError) {
        let before = totals
        do throws(SQLiteError) {
            try connection.execute("BEGIN IMMEDIATE")
            for entry in forgotten { try apply(entry) }
            for (key, size) in settled { try apply(key, size, now: now) }
            for (key, change) in changes { try apply(key, change, now: now) }
            try connection.execute("COMMIT")
        } catch {
            try? connection.execute("ROLLBACK")
            totals = before
            throw error
        }
    }

    private func apply(_ entry: Forgotten) throws(SQLiteError) {
        try remove.run([.text(entry.tenant), .text(entry.study.string), .text(entry.series?.string ?? "")]) {
            totals.bytes -= $0.integer(0)
            totals.objects -= $0.integer(1)
            totals.series -= 1
        }
    }

    private func apply(_ key: SeriesKey, _ size: TreeSize, now: Int64) throws(SQLiteError) {
        let old = try row(key)
        let times: [SQLiteStatement.Value] = [.integer(size.newest ?? now), .integer(size.oldest ?? now)]
        try settle.run(
            Self.values(key) + [.integer(size.bytes), .integer(size.objects)] + times + [.integer(scan)])
        totals.bytes += size.bytes - (old?.bytes ?? 0)
        totals.objects += size.objects - (old?.objects ?? 0)
        totals.series += old == nil ? 1 : 0
    }

    private func apply(_ key: SeriesKey, _ change: SeriesChange, now: Int64) throws(SQLiteError) {
        let isKnown = try row(key) != nil
        // Being read does not make a row: the scan or the next object will.
        guard isKnown || change.objects > 0 else { return }
        let numbers: [SQLiteStatement.Value] = [
            .integer(change.bytes), .integer(change.objects), .integer(change.lastAccess ?? (isKnown ? 0 : now)),
            .integer(scan),
        ]
        try (isKnown ? update : insert).run(Self.values(key) + numbers)
        totals.bytes += change.bytes
        totals.objects += change.objects
        totals.series += isKnown ? 0 : 1
    }

    private func row(_ key: SeriesKey) throws(SQLiteError) -> (bytes: Int64, objects: Int64)? {
        var row: (bytes: Int64, objects: Int64)?
        try select.run(Self.values(key)) { row = ($0.integer(0), $0.integer(1)) }
        return row
    }

    private static func values(_ key: SeriesKey) -> [SQLiteStatement.Value] {
        [.text(key.tenant), .text(key.study.string), .text(key.series.string)]
    }

    /// The series that were not used for longest, at most `limit`.
    func leastRecentlyUsed(limit: Int) throws(SQLiteError) -> [SeriesUsage] {
        var usages: [SeriesUsage] = []
        try leastRecent.run([.integer(Int64(limit))]) { row in
            // A row that is no series of ours is skipped, and goes with the next scan.
            guard let study = UID(row.text(1)), let series = UID(row.text(2)) else { return }
            let key = SeriesKey(tenant: row.text(0), study: study, series: series)
            usages.append(SeriesUsage(series: key, bytes: row.integer(3), lastAccess: row.integer(4)))
        }
        return usages
    }

    // MARK: Scans

    /// From here on rows that are seen or made count as seen by a new scan.
    func beginScan() throws(SQLiteError) {
        scan += 1
        try connection.execute("INSERT OR REPLACE INTO state VALUES ('scan', \(scan))")
    }

    /// Drops the rows that the scan did not see: of series that are gone.
    func endScan() throws(SQLiteError) {
        try connection.prepare("DELETE FROM series WHERE scan < ?1 RETURNING bytes, objects").run([.integer(scan)]) {
            totals.bytes -= $0.integer(0)
            totals.objects -= $0.integer(1)
            totals.series -= 1
        }
    }

    /// The table tells the truth now; the next process need not scan.
    func close() throws(SQLiteError) {
        try connection.execute("INSERT OR REPLACE INTO state VALUES ('closed', 1); PRAGMA wal_checkpoint(TRUNCATE)")
    }
}
