// What is asked of the accounting's tables: lists for operators, and what goes to make room.
import CSQLite
import CachePolicy
import DICOM

/// A series that goes to make room.
struct Victim: Sendable {
    let key: SeriesKey
    let amount: StoredAmount
    /// Milliseconds since 1970.
    let lastAccess: Int64
}

extension AccountingStore {
    private static let joined =
        "series s LEFT JOIN studies t ON t.tenant = s.tenant AND t.study = s.study"
    private static let joinedColumns =
        "s.tenant, s.study, s.series, t.subject, "
        + columns.split(separator: ", ").map { "s." + $0 }.joined(separator: ", ")

    static let nextInQueueText =
        """
        SELECT \(joinedColumns) FROM \(joined)
        WHERE s.queue = ?1 AND (s.position, s.tenant, s.study, s.series) > (?2, ?3, ?4, ?5)
        ORDER BY s.position, s.tenant, s.study, s.series LIMIT 1
        """

    /// A row of ``joinedColumns``.
    private struct Joined {
        /// As it stands in the table; nil for a row that is no series of ours, which goes with the next scan.
        let key: SeriesKey?
        let subject: String?
        let row: SeriesRow
        let place: Place

        init?(_ statement: SQLiteStatement) {
            guard let row = statement.seriesRow(from: 4) else { return nil }
            self.row = row
            let names = (0..<3).map { statement.text($0) }
            if let study = UID(names[1]), let series = UID(names[2]) {
                key = SeriesKey(tenant: names[0], study: study, series: series)
            } else {
                key = nil
            }
            subject = statement.text(3).isEmpty ? nil : statement.text(3)
            place = Place(position: row.standing.position, names: names)
        }
    }

    /// A place in a queue.
    private struct Place {
        var position = Int64.min
        var names = ["", "", ""]
    }

    // MARK: Making room

    /// The series that go, in order, until `needed` is met or nothing is left that may go; those that their visits spare are
    /// moved. Each row is looked at once, and once more for each of its visits.
    ///
    /// - Parameters:
    ///   - unit: of a series with more bytes than this only what is needed goes, so it is the last one.
    ///   - now: milliseconds since 1970.
    func victims(
        needed: SpaceNeeded, unit: Int64, now: Int64, keeping pins: Set<Pin>
    ) throws(SQLiteError) -> [Victim] {
        var victims: [Victim] = []
        try inOneStep { () throws(SQLiteError) in
            var needed = needed
            var trial = totals.sums.total.bytes &- totals.mainBytes
            var places: [SeriesStanding.Queue: Place] = [.trial: Place(), .main: Place()]
            // Those that are spared stand behind whoever was used meanwhile, one behind the other.
            var spared = now
            while !needed.isMet {
                let preferred = EvictionOrder.next(trial: trial, maxSize: maxSize)
                let other: SeriesStanding.Queue = preferred == .trial ? .main : .trial
                var found: Joined?
                for queue in [preferred, other] where found == nil {
                    found = try nextToGo(in: queue, after: &places[queue, default: Place()], keeping: pins)
                }
                guard let found, let key = found.key else { break }
                var standing = found.row.standing
                let bytes = found.row.amount.bytes
                if standing.queue == .trial { trial &-= bytes }
                spared &+= 1
                if standing.mustGo(else: spared) {
                    victims.append(Victim(key: key, amount: found.row.amount, lastAccess: standing.lastAccess))
                    if bytes > unit { break }
                    needed.freed(bytes: bytes, inodes: found.row.amount.objects)
                } else {
                    try move(key, found.row, to: standing)
                }
            }
        }
        return victims
    }

    /// The next row of a queue that may go, and the place behind it.
    private func nextToGo(
        in queue: SeriesStanding.Queue, after place: inout Place, keeping pins: Set<Pin>
    ) throws(SQLiteError) -> Joined? {
        while true {
            var next: Joined?
            try nextInQueue.run(
                [.integer(queue.rawValue), .integer(place.position)] + place.names.map { .text($0) }
            ) { next = Joined($0) }
            guard let next else { return nil }
            place = next.place
            if let key = next.key, !pins.holds(key, subject: next.subject) { return next }
        }
    }

    /// The series of which objects of a class or a backend go, the first ones to go first, until `bytes` of those are met.
    func holders(
        of selection: CacheSelection, toFree bytes: Int64, keeping pins: Set<Pin>
    ) throws(SQLiteError) -> [Victim] {
        var victims: [Victim] = []
        var missing = bytes
        let statement = try connection.prepare(
            """
            SELECT \(Self.joinedColumns), (SELECT sum(p.bytes) FROM parts p WHERE p.tenant = s.tenant
            AND p.study = s.study AND p.series = s.series AND (?1 = '' OR p.class = ?1) AND (?2 = '' OR p.backend = ?2)) held
            FROM \(Self.joined) WHERE held > 0 ORDER BY s.queue, s.position
            """)
        try statement.runUntil([.text(selection.objectClass ?? ""), .text(selection.backend ?? "")]) { row in
            guard let found = Joined(row), let key = found.key, !pins.holds(key, subject: found.subject) else {
                return false
            }
            victims.append(
                Victim(key: key, amount: found.row.amount, lastAccess: found.row.standing.lastAccess))
            missing &-= row.integer(12)
            return missing <= 0
        }
        return victims
    }

    // MARK: Looking

    /// The series that a selection means, in the order of their keys.
    ///
    /// - Parameter now: milliseconds since 1970, from which the selection's age counts back.
    func list(
        _ selection: CacheSelection, after last: SeriesKey?, limit: Int, now: Int64, pins: Set<Pin>
    ) throws(SQLiteError) -> [SeriesEntry] {
        var conditions = ["s.tenant = ?"]
        var values: [SQLiteStatement.Value] = [.text(selection.tenant)]
        func add(_ condition: String, _ more: SQLiteStatement.Value...) {
            conditions.append(condition)
            values += more
        }
        if let study = selection.study { add("s.study = ?", .text(study.string)) }
        if let series = selection.series { add("s.series = ?", .text(series.string)) }
        if let patient = selection.patient { add("t.subject = ?", .text(patient)) }
        if let age = selection.olderThan { add("s.last_access <= ?", .integer(now - age.inMilliseconds)) }
        if !selection.isOfWholeSeries {
            let part = "p.tenant = s.tenant AND p.study = s.study AND p.series = s.series AND p.objects > 0"
            let name = "(? = '' OR p.class = ?) AND (? = '' OR p.backend = ?)"
            let (objectClass, backend) = (selection.objectClass ?? "", selection.backend ?? "")
            add(
                "EXISTS (SELECT 1 FROM parts p WHERE \(part) AND \(name))", .text(objectClass), .text(objectClass),
                .text(backend), .text(backend))
        }
        if let last {
            add(
                "(s.study, s.series) > (?, ?)", .text(last.study.string), .text(last.series.string))
        }
        let statement = try connection.prepare(
            """
            SELECT \(Self.joinedColumns) FROM \(Self.joined) WHERE \(conditions.joined(separator: " AND "))
            ORDER BY s.study, s.series LIMIT \(max(0, limit))
            """)
        var entries: [SeriesEntry] = []
        try statement.run(values) { row in
            guard let found = Joined(row), let key = found.key else { return }
            entries.append(
                SeriesEntry(
                    key: key, patient: found.subject, bytes: found.row.amount.bytes, objects: found.row.amount.objects,
                    lastAccess: found.row.standing.lastAccess, created: found.row.created,
                    isPinned: pins.holds(key, subject: found.subject)))
        }
        let parts = try connection.prepare(
            "SELECT class, backend, bytes, objects FROM parts WHERE tenant = ?1 AND study = ?2 AND series = ?3")
        for index in entries.indices {
            try parts.run(Self.values(entries[index].key)) {
                let amount = $0.amount(2)
                entries[index].parts.append(
                    SeriesEntry.Part(
                        objectClass: $0.text(0), backend: $0.text(1), bytes: amount.bytes, objects: amount.objects))
            }
        }
        return entries
    }

    /// The subject of a study that has series.
    func subject(of study: StudyKey) throws(SQLiteError) -> String? {
        var subject: String?
        try connection.prepare("SELECT subject FROM studies WHERE tenant = ?1 AND study = ?2").run(
            [.text(study.tenant), .text(study.study.string)]) { subject = $0.text(0) }
        return subject
    }

    /// Charged bytes of the series that pins hold; O(those series).
    func bytes(heldBy pins: Set<Pin>) throws(SQLiteError) -> Int64 {
        if pins.isEmpty { return 0 }
        let statements = (
            try connection.prepare("SELECT tenant, study, series, bytes FROM series WHERE study = ?1"),
            try connection.prepare("SELECT tenant, study, series, bytes FROM series WHERE study = ?1 AND series = ?2"),
            try connection.prepare(
                """
                SELECT s.tenant, s.study, s.series, s.bytes FROM studies t JOIN series s
                ON s.tenant = t.tenant AND s.study = t.study WHERE t.subject = ?1
                """)
        )
        var held: [[String]: Int64] = [:]
        let take = { (row: SQLiteStatement) in held[(0..<3).map { row.text($0) }] = row.integer(3) }
        for pin in pins {
            switch pin {
            case .study(let study): try statements.0.run([.text(study.string)], row: take)
            case .series(let study, let series):
                try statements.1.run([.text(study.string), .text(series.string)], row: take)
            case .patient(let subject): try statements.2.run([.text(subject)], row: take)
            }
        }
        return held.values.reduce(0, &+)
    }
}

extension Duration {
    /// Whole milliseconds, at most some hundred years of them.
    var inMilliseconds: Int64 {
        let seconds = min(max(-SteadyClock.end / 1000, components.seconds), SteadyClock.end / 1000)
        return seconds * 1000 + components.attoseconds / 1_000_000_000_000_000
    }
}
