// What operators ask of the cache in the listener's own words: selections and lists in, JSON out. Pure.
package import CachePolicy
import DICOM
package import DiskCache
import Gateway
import HTTP

extension AdminRoute {
    /// The parameters that narrow a selection.
    static let selection: Set<String> = ["study", "series", "patient", "backend", "class", "older-than"]
    /// Series on one page of a list.
    static let pageLimit: ClosedRange<Int64> = 1...10_000
    /// Objects of one series that are shown.
    static let objectLimit: ClosedRange<Int64> = 0...10_000
    /// Studies or series that are warmed at once.
    static let jobLimit: ClosedRange<Int64> = 1...16
    /// Bytes a second.
    static let rateLimit: ClosedRange<Int64> = 1024...1 << 40
}

extension CacheSelection {
    /// - Throws: ``AdminRefusal`` 400 for a parameter that has no such value.
    init(_ query: AdminQuery) throws(AdminRefusal) {
        self.init()
        study = try query.uid("study")
        series = try query.uid("series")
        patient = query["patient"]
        backend = query["backend"]
        objectClass = query["class"]
        if let objectClass, !ObjectClass.words.contains(objectClass) {
            throw AdminRefusal(
                400, "There is no such class of objects; there are \(ObjectClass.words.joined(separator: ", ")).")
        }
        // A century.
        olderThan = try query.number("older-than", 0...3_155_760_000).map { .seconds($0) }
        if patient == "" || backend == "" {
            throw AdminRefusal(400, "The parameters patient and backend may not be empty.")
        }
    }
}

extension ObjectClass {
    /// Every ``word``.
    package static let words = [
        "instance", "frame", "bulk", "metadata", "rendered", "thumbnail", "frame-index", "members",
    ]
}

extension AdminQuery {
    fileprivate func uid(_ name: String) throws(AdminRefusal) -> UID? {
        guard let text = self[name] else { return nil }
        guard let uid = UID(text) else {
            throw AdminRefusal(400, "The parameter \(name) is a UID: 1 to 64 digits and dots.")
        }
        return uid
    }
}

extension SeriesKey {
    /// "STUDY/SERIES", as a page of a list ends.
    ///
    /// - Throws: ``AdminRefusal`` 400 for anything else.
    init?(pageEnd text: String?) throws(AdminRefusal) {
        guard let text else { return nil }
        let parts = text.split(separator: "/", omittingEmptySubsequences: false).map { UID(String($0)) }
        guard parts.count == 2, let study = parts[0], let series = parts[1] else {
            throw AdminRefusal(400, "The parameter after is STUDY/SERIES, as `next` of the page before has it.")
        }
        self.init(study: study, series: series)
    }

    var pageEnd: String { "\(study)/\(series)" }
}

extension AdminRoute {
    /// The pin that a path names.
    ///
    /// - Throws: ``AdminRefusal`` 400 for what is no UID.
    static func pin(_ words: Words) throws(AdminRefusal) -> Pin {
        if words.segments["patient"] != nil { return .patient(try words.text("patient")) }
        let study = try words.uid("study")
        guard let series = try words.optionalUID("series") else { return .study(study) }
        return .series(study: study, series: series)
    }

    /// What a body asks to be warmed: a line for each, STUDY or STUDY/SERIES; empty lines and those that begin with # are
    /// passed over.
    ///
    /// - Throws: ``AdminRefusal`` 400 with the number of the first line that is something else.
    static func warmTargets(_ body: [UInt8]) throws(AdminRefusal) -> [WarmTarget] {
        var targets: [WarmTarget] = []
        let lines = body.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        for (number, line) in lines.enumerated() {
            let text = String(decoding: line, as: UTF8.self).filter { $0 != "\r" && $0 != " " && $0 != "\t" }
            if text.isEmpty || text.hasPrefix("#") { continue }
            guard let target = WarmTarget(text) else {
                throw AdminRefusal(400, "Line \(number + 1) of the body is neither a Study UID nor STUDY/SERIES.")
            }
            targets.append(target)
        }
        guard !targets.isEmpty else {
            throw AdminRefusal(400, "The body names nothing to warm: a Study UID or STUDY/SERIES on each line.")
        }
        return targets
    }
}

// MARK: - JSON

extension JSONValue {
    /// RFC 3339; what a damaged file may say beyond the year 9999 is cut off there.
    fileprivate static func time(_ milliseconds: Int64) -> JSONValue {
        .text(Timestamp(milliseconds: min(max(0, milliseconds), 253_402_300_799_999)).description)
    }

    static func time(seconds: Int64) -> JSONValue {
        .time(min(max(0, seconds), 253_402_300_799) * 1000)
    }
}

extension CacheStatistics {
    package var json: JSONValue {
        func amounts(_ table: [String: StoredAmount]) -> JSONValue {
            .object(
                table.sorted { $0.key < $1.key }.map { name, amount in
                    (name, .object([("bytes", .integer(amount.bytes)), ("objects", .integer(amount.objects))]))
                })
        }
        return .object([
            ("bytes", .integer(bytes)), ("objects", .integer(objects)), ("series", .integer(series)),
            ("pinned_bytes", .integer(pinnedBytes)),
            ("fills", .integer(Int64(fills))), ("reserved_bytes", .integer(reserved)),
            ("open_files", .integer(Int64(descriptors))),
            ("passed_through", .integer(passedThrough)),
            ("evicted_series", .integer(evictedSeries)), ("evicted_bytes", .integer(evictedBytes)),
            ("last_evicted_age_seconds", lastEvictedAge.map { .integer($0.components.seconds) } ?? .null),
            ("damaged", .integer(damaged)), ("not_stored", .integer(failedPublishes)),
            ("by_class", amounts(byClass)), ("by_backend", amounts(byBackend)),
        ])
    }
}

extension SeriesEntry {
    package var json: JSONValue { .object(members) }

    fileprivate var members: [(String, JSONValue)] {
        [
            ("study", .text(key.study.string)), ("series", .text(key.series.string)), ("patient", .optional(patient)),
            ("bytes", .integer(bytes)), ("objects", .integer(objects)), ("pinned", .flag(isPinned)),
            ("last_access", .time(lastAccess)),
            ("created", .time(created)),
            (
                "parts",
                .array(
                    parts.map { part in
                        .object([
                            ("class", .text(part.objectClass)), ("backend", .text(part.backend)),
                            ("bytes", .integer(part.bytes)), ("objects", .integer(part.objects)),
                        ])
                    })
            ),
        ]
    }

    /// With what its files say.
    func json(_ contents: [ObjectEntry]?) -> JSONValue {
        guard let contents else { return json }
        return .object(members + [("contents", .array(contents.map(\.json)))])
    }
}

extension ObjectEntry {
    var json: JSONValue {
        var frame: Int64?
        switch key.object {
        case .frame(let number, _): frame = Int64(number)
        case .rendered(let number, _, _), .thumbnail(let number, _, _): frame = number.map { Int64($0) }
        case .instance, .bulk, .metadata, .frameIndex, .members: break
        }
        return .object([
            ("instance", .optional(key.instance?.string)), ("class", .text(key.object.word)),
            ("frame", frame.map { .integer($0) } ?? .null), ("type", .text(description.mediaType)),
            ("transfer_syntax", .optional(description.transferSyntax)), ("backend", .text(description.backend)),
            ("length", .integer(length)), ("bytes", .integer(bytes)),
            ("stored", .time(seconds: description.storedAt)),
            ("epoch", .integer(description.epoch)),
            ("expires", description.expires.map { .time(seconds: $0) } ?? .null),
        ])
    }
}

extension PurgeResult {
    func json(isDryRun: Bool) -> JSONValue {
        .object([
            ("dry_run", .flag(isDryRun)), ("series", .integer(series)), ("objects", .integer(objects)),
            ("freed_bytes", .integer(bytes)),
        ])
    }
}

extension Pin {
    var json: JSONValue {
        switch self {
        case .study(let study): .object([("study", .text(study.string))])
        case .series(let study, let series):
            .object([("study", .text(study.string)), ("series", .text(series.string))])
        case .patient(let patient): .object([("patient", .text(patient))])
        }
    }

    /// In the order in which they are listed.
    fileprivate var place: String {
        switch self {
        case .patient(let patient): "0\(patient)"
        case .study(let study): "1\(study)"
        case .series(let study, let series): "1\(study)/\(series)"
        }
    }

    static func json(_ pins: Set<Pin>) -> JSONValue {
        .object([("pins", .array(pins.sorted { $0.place < $1.place }.map(\.json)))])
    }
}

extension WarmItem {
    var json: JSONValue {
        var word = ""
        var reason: String?
        switch state {
        case .waiting: word = "waiting"
        case .running: word = "running"
        case .done: word = "done"
        case .failed(let sentence): (word, reason) = ("failed", sentence)
        }
        return .object([
            ("item", .text(target.description)), ("state", .text(word)), ("instances", .integer(Int64(instances))),
            ("expected", expected.map { .integer(Int64($0)) } ?? .null), ("present", .integer(Int64(present))),
            ("fetched_bytes", .integer(fetchedBytes)), ("present_bytes", .integer(presentBytes)),
            ("reason", .optional(reason)),
        ])
    }
}

/// What all items of a call came to.
struct WarmSummary {
    private var items: [WarmTarget: WarmItem] = [:]
    private let asked: Int

    init(asked: Int) { self.asked = asked }

    mutating func note(_ item: WarmItem) { items[item.target] = item }

    var json: JSONValue {
        var (done, failed) = (Int64(0), Int64(0))
        for item in items.values {
            if case .done = item.state { done += 1 }
            if case .failed = item.state { failed += 1 }
        }
        func sum(_ number: (WarmItem) -> Int64) -> JSONValue { .integer(items.values.reduce(0) { $0 + number($1) }) }
        return .object([
            (
                "summary",
                .object([
                    ("items", .integer(Int64(asked))), ("done", .integer(done)), ("failed", .integer(failed)),
                    ("instances", sum { Int64($0.instances) }), ("present", sum { Int64($0.present) }),
                    ("fetched_bytes", sum(\.fetchedBytes)), ("present_bytes", sum(\.presentBytes)),
                ])
            )
        ])
    }
}
