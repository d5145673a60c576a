// The accounting's tables. SQL lives here and in AccountingStore+Queries and nowhere else; when to write what is
// Accounting's.
import CSQLite
import CachePolicy
import DICOM

/// What changed for one series since the last batch.
struct SeriesChange: Sendable {
    var sums = PartSums()
    /// Milliseconds since 1970; nil when it was not read nor written.
    var lastAccess: Int64?
}

/// A study, or one series of it, of which nothing is left.
struct Forgotten: Sendable {
    let tenant: String
    let study: UID
    let series: UID?
    /// It went to make room, and not because somebody wanted it gone.
    let wasEvicted: Bool

    func covers(_ key: SeriesKey) -> Bool {
        key.tenant == tenant && key.study == study && (series == nil || key.series == series)
    }
}

/// What is known of whom a study is about.
struct StudyKey: Hashable, Sendable {
    let tenant: String
    let study: UID
}

/// What gathered since the last batch.
struct AccountingBatch: Sendable {
    var forgotten: [Forgotten] = []
    /// What a scan found.
    var settled: [SeriesKey: TreeContents] = [:]
    var changes: [SeriesKey: SeriesChange] = [:]
    /// Subjects of studies.
    var subjects: [StudyKey: String] = [:]

    var isEmpty: Bool { count == 0 }
    var count: Int { forgotten.count + settled.count + changes.count + subjects.count }
}

/// The sums over all series.
struct AccountingTotals: Sendable, Equatable {
    var sums = PartSums()
    var series: Int64 = 0
    /// Charged bytes of the series in the main queue.
    var mainBytes: Int64 = 0
    /// Charged bytes that were ever stored; only differences mean something.
    var stored: Int64 = 0
    /// Charged bytes of the series that are gone and remembered.
    var remembered = StoredAmount()
}

/// A series' row.
struct SeriesRow: Sendable {
    var amount: StoredAmount
    var created: Int64
    var standing: SeriesStanding
}

/// Five tables, times in milliseconds since 1970:
///
///     series    one row for each: sums, when it was used, where it stands in the order of eviction; `scan` is the number of
///               the last scan of the tree that saw the row, or that was under way when it was written
///     parts     the sums of a series by class and backend
///     sums      the same of all series, so that a start need not add them up
///     studies   whose a study is; only of those that have series
///     ghosts    series that went during their trial, see `SeriesStanding`
///     state     single numbers
///
/// Used by one thread at a time, under the accounting's lock.
final class AccountingStore {
    let connection: SQLiteConnection
    private let select: SQLiteStatement
    private let write: SQLiteStatement
    private let writePart: SQLiteStatement
    private let removeParts: SQLiteStatement
    private let removeEmptyParts: SQLiteStatement
    private let remove: SQLiteStatement
    private let writeSubject: SQLiteStatement
    private let removeSubject: SQLiteStatement
    private let takeGhost: SQLiteStatement
    private let writeGhost: SQLiteStatement
    let nextInQueue: SQLiteStatement
    /// What the tables' sums have become by the changes since they were last taken.
    private(set) var totals = AccountingTotals()
    /// Whether the process that used it last closed it, so that the tables tell the truth.
    let wasClosed: Bool
    /// Written into rows that are seen or made now.
    private(set) var scan: Int64
    let maxSize: Int64

    private static let version = 2
    static let columns = "bytes, objects, last_access, created, queue, visits, position, stored"

    /// Opens or makes the tables. A database in memory is for when the disk won't have it.
    ///
    /// - Throws: ``SQLiteError``, also for tables of another version.
    init(path: String, maxSize: Int64) throws(SQLiteError) {
        connection = try SQLiteConnection(path: path)
        self.maxSize = maxSize
        try Self.makeTables(connection)
        select = try connection.prepare(
            "SELECT \(Self.columns) FROM series WHERE tenant = ?1 AND study = ?2 AND series = ?3")
        write = try connection.prepare(
            """
            INSERT INTO series VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12) ON CONFLICT DO UPDATE SET
            bytes = ?4, objects = ?5, last_access = ?6, created = ?7, queue = ?8, visits = ?9, position = ?10, stored = ?11,
            scan = ?12
            """)
        writePart = try connection.prepare(
            """
            INSERT INTO parts VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
            ON CONFLICT DO UPDATE SET bytes = bytes + ?6, objects = objects + ?7
            """)
        removeParts = try connection.prepare(
            """
            DELETE FROM parts WHERE tenant = ?1 AND study = ?2 AND series = ?3 RETURNING class, backend, bytes, objects
            """)
        removeEmptyParts = try connection.prepare(
            "DELETE FROM parts WHERE tenant = ?1 AND study = ?2 AND series = ?3 AND bytes <= 0 AND objects <= 0")
        remove = try connection.prepare(
            """
            DELETE FROM series WHERE tenant = ?1 AND study = ?2 AND (?3 = '' OR series = ?3)
            RETURNING series, \(Self.columns)
            """)
        writeSubject = try connection.prepare(
            """
            INSERT INTO studies SELECT ?1, ?2, ?3 WHERE EXISTS (SELECT 1 FROM series WHERE tenant = ?1 AND study = ?2)
            ON CONFLICT DO UPDATE SET subject = ?3 WHERE subject != ?3
            """)
        removeSubject = try connection.prepare(
            """
            DELETE FROM studies WHERE tenant = ?1 AND study = ?2
            AND NOT EXISTS (SELECT 1 FROM series WHERE tenant = ?1 AND study = ?2)
            """)
        takeGhost = try connection.prepare(
            "DELETE FROM ghosts WHERE tenant = ?1 AND study = ?2 AND series = ?3 RETURNING bytes")
        writeGhost = try connection.prepare("INSERT OR REPLACE INTO ghosts VALUES (?1, ?2, ?3, ?4, ?5)")
        nextInQueue = try connection.prepare(Self.nextInQueueText)
        (wasClosed, scan, totals) = try Self.begin(connection)
    }

    private static func makeTables(_ connection: SQLiteConnection) throws(SQLiteError) {
        // Exclusive, and said before the first access: there is then no file of shared memory, which somebody could cut
        // short under our feet.
        try connection.execute(
            """
            PRAGMA locking_mode = EXCLUSIVE;
            PRAGMA journal_mode = WAL;
            PRAGMA synchronous = NORMAL;
            PRAGMA trusted_schema = OFF;
            """)
        var found: (version: Int64, tables: Int64) = (0, 0)
        try connection.prepare("SELECT user_version, (SELECT count(*) FROM sqlite_schema) FROM pragma_user_version")
            .run { found = ($0.integer(0), $0.integer(1)) }
        if found.tables > 0, found.version != version {
            throw SQLiteError(code: SQLITE_SCHEMA, message: "tables of version \(found.version)")
        }
        try connection.execute(
            """
            PRAGMA user_version = \(version);
            CREATE TABLE IF NOT EXISTS series (
                tenant TEXT NOT NULL, study TEXT NOT NULL, series TEXT NOT NULL,
                bytes INTEGER NOT NULL, objects INTEGER NOT NULL, last_access INTEGER NOT NULL, created INTEGER NOT NULL,
                queue INTEGER NOT NULL, visits INTEGER NOT NULL, position INTEGER NOT NULL, stored INTEGER NOT NULL,
                scan INTEGER NOT NULL,
                PRIMARY KEY (study, series, tenant)) WITHOUT ROWID;
            CREATE INDEX IF NOT EXISTS series_by_position ON series (queue, position);
            CREATE TABLE IF NOT EXISTS parts (
                tenant TEXT NOT NULL, study TEXT NOT NULL, series TEXT NOT NULL, class TEXT NOT NULL,
                backend TEXT NOT NULL, bytes INTEGER NOT NULL, objects INTEGER NOT NULL,
                PRIMARY KEY (tenant, study, series, class, backend)) WITHOUT ROWID;
            CREATE TABLE IF NOT EXISTS sums (
                class TEXT NOT NULL, backend TEXT NOT NULL, bytes INTEGER NOT NULL, objects INTEGER NOT NULL,
                PRIMARY KEY (class, backend)) WITHOUT ROWID;
            CREATE TABLE IF NOT EXISTS studies (
                tenant TEXT NOT NULL, study TEXT NOT NULL, subject TEXT NOT NULL,
                PRIMARY KEY (study, tenant)) WITHOUT ROWID;
            CREATE INDEX IF NOT EXISTS studies_by_subject ON studies (subject);
            CREATE TABLE IF NOT EXISTS ghosts (
                tenant TEXT NOT NULL, study TEXT NOT NULL, series TEXT NOT NULL, bytes INTEGER NOT NULL,
                gone INTEGER NOT NULL, PRIMARY KEY (tenant, study, series)) WITHOUT ROWID;
            CREATE INDEX IF NOT EXISTS ghosts_by_time ON ghosts (gone);
            CREATE TABLE IF NOT EXISTS state (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
            """)
    }

    /// Reads the state and marks the tables as in use. Costs the same however many series there are.
    private static func begin(
        _ connection: SQLiteConnection
    ) throws(SQLiteError) -> (wasClosed: Bool, scan: Int64, totals: AccountingTotals) {
        var state: [String: Int64] = [:]
        try connection.prepare("SELECT name, value FROM state").run { state[$0.text(0)] = $0.integer(1) }
        var totals = AccountingTotals()
        try connection.prepare("SELECT class, backend, bytes, objects FROM sums").run {
            totals.sums.add($0.amount(2), to: PartName(objectClass: $0.text(0), backend: $0.text(1)))
        }
        totals.series = state["series"] ?? 0
        totals.mainBytes = state["main_bytes"] ?? 0
        totals.stored = state["stored"] ?? 0
        totals.remembered = StoredAmount(bytes: state["ghost_bytes"] ?? 0, objects: state["ghosts"] ?? 0)
        try connection.execute("INSERT OR REPLACE INTO state VALUES ('closed', 0)")
        return (state["closed"] == 1, state["scan"] ?? 0, totals)
    }

    /// The latest time in the tables.
    func latestTime() throws(SQLiteError) -> Int64 {
        var latest: Int64 = 0
        for queue in [SeriesStanding.Queue.trial, .main] {
            try connection.prepare("SELECT max(position) FROM series WHERE queue = \(queue.rawValue)").run {
                latest = max(latest, $0.integer(0))
            }
        }
        return latest
    }

    // MARK: Batches

    /// Applies a batch, all or nothing: first what is forgotten, then what a scan found, then the changes.
    func apply(_ batch: AccountingBatch, now: Int64) throws(SQLiteError) {
        try inOneStep { () throws(SQLiteError) in
            for entry in batch.forgotten { try apply(entry, now: now) }
            for (key, contents) in batch.settled { try apply(key, contents, now: now) }
            for (key, change) in batch.changes { try apply(key, change, now: now) }
            for (study, subject) in batch.subjects {
                try writeSubject.run([.text(study.tenant), .text(study.study.string), .text(subject)])
            }
            try trimGhosts()
        }
    }

    /// Runs changes as one transaction, the sums in it.
    func inOneStep(_ changes: () throws(SQLiteError) -> Void) throws(SQLiteError) {
        let before = totals
        do throws(SQLiteError) {
            try connection.execute("BEGIN IMMEDIATE")
            try changes()
            try writeTotals(since: before)
            try connection.execute("COMMIT")
        } catch {
            try? connection.execute("ROLLBACK")
            totals = before
            throw error
        }
    }

    private func apply(_ entry: Forgotten, now: Int64) throws(SQLiteError) {
        var removed: [(key: SeriesKey, row: SeriesRow)] = []
        try remove.run([.text(entry.tenant), .text(entry.study.string), .text(entry.series?.string ?? "")]) {
            guard let series = UID($0.text(0)), let row = $0.seriesRow(from: 1) else { return }
            removed.append((SeriesKey(tenant: entry.tenant, study: entry.study, series: series), row))
        }
        for (key, row) in removed {
            try forgetSums(of: key, row)
            if entry.wasEvicted, row.standing.queue == .trial { try remember(key, row.amount.bytes, now: now) }
        }
        try removeSubject.run([.text(entry.tenant), .text(entry.study.string)])
    }

    /// The row is gone, and its parts go.
    private func forgetSums(of key: SeriesKey, _ row: SeriesRow) throws(SQLiteError) {
        totals.series &-= 1
        if row.standing.queue == .main { totals.mainBytes &-= row.amount.bytes }
        try removeParts.run(Self.values(key)) {
            let part = PartName(objectClass: $0.text(0), backend: $0.text(1))
            totals.sums.add(StoredAmount() - $0.amount(2), to: part)
        }
    }

    private func apply(_ key: SeriesKey, _ contents: TreeContents, now: Int64) throws(SQLiteError) {
        let old = try row(key)
        if let old { try forgetSums(of: key, old) }
        // Nobody's clock puts a file's time beyond the present; what was set so would never grow old.
        let row = SeriesRow(
            amount: StoredAmount(), created: old?.created ?? min(contents.oldest ?? now, now),
            standing: old?.standing ?? SeriesStanding(newAt: min(contents.newest ?? now, now)))
        try put(key, row, adding: contents.sums, isNew: true)
    }

    private func apply(_ key: SeriesKey, _ change: SeriesChange, now: Int64) throws(SQLiteError) {
        let old = try row(key)
        // Being read does not make a row: the scan or the next object will.
        guard old != nil || change.sums.total.objects > 0 else { return }
        let time = change.lastAccess ?? now
        var row: SeriesRow
        if let old {
            row = old
            if row.standing.queue == .main { totals.mainBytes &-= row.amount.bytes }
        } else {
            let standing = SeriesStanding(newAt: time, isRemembered: try isRemembered(key))
            row = SeriesRow(amount: StoredAmount(), created: time, standing: standing)
        }
        if let used = change.lastAccess { row.standing.used(at: used, stored: totals.stored, maxSize: maxSize) }
        totals.stored &+= max(0, change.sums.total.bytes)
        // What came with this use is no reason to take the next one for another visit.
        if change.lastAccess != nil { row.standing.stored = totals.stored }
        try put(key, row, adding: change.sums, isNew: old == nil)
    }

    /// Writes a row whose amount the sums are added to; one that holds nothing goes.
    private func put(_ key: SeriesKey, _ row: SeriesRow, adding sums: PartSums, isNew: Bool) throws(SQLiteError) {
        var row = row
        row.amount += sums.total
        for (part, amount) in sums.parts {
            totals.sums.add(amount, to: part)
            let name: [SQLiteStatement.Value] = [.text(part.objectClass), .text(part.backend)]
            try writePart.run(Self.values(key) + name + [.integer(amount.bytes), .integer(amount.objects)])
            if amount.objects < 0 { try removeEmptyParts.run(Self.values(key)) }
        }
        if row.standing.queue == .main { totals.mainBytes &+= row.amount.bytes }
        if isNew { totals.series &+= 1 }
        if row.amount.objects > 0 { return try write(key, row) }
        try remove.run(Self.values(key))
        try forgetSums(of: key, row)
        try removeSubject.run([.text(key.tenant), .text(key.study.string)])
    }

    private func write(_ key: SeriesKey, _ row: SeriesRow) throws(SQLiteError) {
        try write.run(
            Self.values(key) + [
                .integer(row.amount.bytes), .integer(row.amount.objects), .integer(row.standing.lastAccess),
                .integer(row.created), .integer(row.standing.queue.rawValue), .integer(row.standing.visits),
                .integer(row.standing.position), .integer(row.standing.stored), .integer(scan),
            ])
    }

    /// Gives a series another place in the order of eviction; the sums are written by ``inOneStep(_:)``.
    func move(_ key: SeriesKey, _ row: SeriesRow, to standing: SeriesStanding) throws(SQLiteError) {
        if row.standing.queue != .main, standing.queue == .main { totals.mainBytes &+= row.amount.bytes }
        var row = row
        row.standing = standing
        try write(key, row)
    }

    func row(_ key: SeriesKey) throws(SQLiteError) -> SeriesRow? {
        var row: SeriesRow?
        try select.run(Self.values(key)) { row = $0.seriesRow(from: 0) }
        return row
    }

    static func values(_ key: SeriesKey) -> [SQLiteStatement.Value] {
        [.text(key.tenant), .text(key.study.string), .text(key.series.string)]
    }

    private func writeTotals(since before: AccountingTotals) throws(SQLiteError) {
        if totals == before { return }
        let changed = totals.sums.parts.filter { before.sums.parts[$0.key] != $0.value }.map { ($0.key, $0.value) }
        let gone = before.sums.parts.keys.filter { totals.sums.parts[$0] == nil }.map { ($0, StoredAmount()) }
        let write = try connection.prepare("INSERT OR REPLACE INTO sums VALUES (?1, ?2, ?3, ?4)")
        for (part, amount) in changed + gone {
            try write.run([
                .text(part.objectClass), .text(part.backend), .integer(amount.bytes), .integer(amount.objects),
            ])
        }
        if !gone.isEmpty { try connection.execute("DELETE FROM sums WHERE bytes = 0 AND objects = 0") }
        try connection.execute(
            """
            INSERT OR REPLACE INTO state VALUES ('series', \(totals.series)), ('main_bytes', \(totals.mainBytes)),
            ('stored', \(totals.stored)),
            ('ghost_bytes', \(totals.remembered.bytes)), ('ghosts', \(totals.remembered.objects))
            """)
    }

    // MARK: Those that are gone and remembered

    private func remember(_ key: SeriesKey, _ bytes: Int64, now: Int64) throws(SQLiteError) {
        _ = try isRemembered(key)
        try writeGhost.run(Self.values(key) + [.integer(bytes), .integer(now)])
        totals.remembered += StoredAmount(bytes: bytes, objects: 1)
    }

    /// Whether it went not long ago; it is not remembered any more then.
    private func isRemembered(_ key: SeriesKey) throws(SQLiteError) -> Bool {
        var bytes: Int64?
        try takeGhost.run(Self.values(key)) { bytes = $0.integer(0) }
        if let bytes { totals.remembered -= StoredAmount(bytes: bytes, objects: 1) }
        return bytes != nil
    }

    private func trimGhosts() throws(SQLiteError) {
        let limit = EvictionOrder.part(EvictionOrder.rememberedPercent, of: maxSize)
        while totals.remembered.bytes > limit || totals.remembered.objects > EvictionOrder.rememberedLimit {
            var gone = StoredAmount()
            try connection.prepare(
                """
                DELETE FROM ghosts WHERE (tenant, study, series) IN
                (SELECT tenant, study, series FROM ghosts ORDER BY gone LIMIT 16) RETURNING bytes
                """
            ).run { gone += StoredAmount(bytes: $0.integer(0), objects: 1) }
            // Nothing left, whatever the sums say.
            totals.remembered = gone.objects == 0 ? StoredAmount() : totals.remembered - gone
        }
    }

    // MARK: Scans

    /// From here on rows that are seen or made count as seen by a new scan.
    func beginScan() throws(SQLiteError) {
        // What the file says may be anything.
        scan &+= 1
        try connection.execute("INSERT OR REPLACE INTO state VALUES ('scan', \(scan))")
    }

    /// Drops the rows that the scan did not see, of series that are gone, and adds up what there is.
    func endScan() throws(SQLiteError) {
        try inOneStep { () throws(SQLiteError) in
            try connection.execute(
                """
                DELETE FROM series WHERE scan < \(scan);
                DELETE FROM parts WHERE NOT EXISTS (SELECT 1 FROM series s WHERE s.tenant = parts.tenant
                    AND s.study = parts.study AND s.series = parts.series);
                DELETE FROM studies WHERE NOT EXISTS (SELECT 1 FROM series s WHERE s.tenant = studies.tenant
                    AND s.study = studies.study);
                """)
            var sums = PartSums()
            try connection.prepare("SELECT class, backend, sum(bytes), sum(objects) FROM parts GROUP BY 1, 2").run {
                sums.add($0.amount(2), to: PartName(objectClass: $0.text(0), backend: $0.text(1)))
            }
            totals.sums = sums
            try connection.prepare("SELECT count(*), sum(iif(queue = 1, bytes, 0)) FROM series").run {
                totals.series = $0.integer(0)
                totals.mainBytes = $0.integer(1)
            }
            try connection.prepare("SELECT sum(bytes), count(*) FROM ghosts").run { totals.remembered = $0.amount(0) }
        }
    }

    /// The tables tell the truth now; the next process need not scan.
    func close() throws(SQLiteError) {
        try connection.execute("INSERT OR REPLACE INTO state VALUES ('closed', 1); PRAGMA wal_checkpoint(TRUNCATE)")
    }
}

extension SQLiteStatement {
    /// Bytes and objects in two columns.
    func amount(_ column: Int32) -> StoredAmount {
        StoredAmount(bytes: integer(column), objects: integer(column + 1))
    }

    /// A series' own columns in the order of ``AccountingStore/columns``; nil when they can't be.
    func seriesRow(from column: Int32) -> SeriesRow? {
        guard let queue = SeriesStanding.Queue(rawValue: integer(column + 4)) else { return nil }
        let standing = SeriesStanding(
            queue: queue, visits: min(max(0, integer(column + 5)), SeriesStanding.visitLimit),
            position: integer(column + 6), lastAccess: min(max(0, integer(column + 2)), SteadyClock.end),
            stored: integer(column + 7))
        return SeriesRow(amount: amount(column), created: integer(column + 3), standing: standing)
    }
}
