// The answers of one server, remembered: freshness, staleness and a bound on memory. Pure; its owner holds the lock.
import DICOM
import FHIR

/// What a server said of studies, the least recently used forgotten first.
struct RecordCache {
    enum Content: Sendable {
        case found(StudyRecord, Revalidation?)
        case absent
        case conflicting
    }

    enum Lookup {
        case fresh(Content, age: Duration)
        /// Too old to be served without asking, young enough to be served when asking fails.
        case stale(StudyRecord, Revalidation?, age: Duration)
        case unknown
    }

    private struct Entry {
        var content: Content
        /// When the server last said so.
        var confirmed: ContinuousClock.Instant
        var lastUse: UInt64
    }

    private let settings: SourceSettings
    private let limits: DirectoryLimits
    private var entries: [UID: Entry] = [:]
    private var instanceCount = 0
    private var uses: UInt64 = 0

    init(settings: SourceSettings, limits: DirectoryLimits) {
        self.settings = settings
        self.limits = limits
    }

    mutating func lookup(_ study: UID, now: ContinuousClock.Instant) -> Lookup {
        uses += 1
        guard let index = entries.index(forKey: study) else { return .unknown }
        entries.values[index].lastUse = uses
        let entry = entries.values[index]
        let age = max(.zero, now - entry.confirmed)
        if age < freshness(of: entry.content) { return .fresh(entry.content, age: age) }
        guard case .found(let record, let revalidation) = entry.content, age < settings.maxStale else {
            return .unknown
        }
        return .stale(record, revalidation, age: age)
    }

    /// The last record of a study, however old.
    func record(of study: UID) -> StudyRecord? {
        guard case .found(let record, _) = entries[study]?.content else { return nil }
        return record
    }

    mutating func store(_ content: Content, of study: UID, now: ContinuousClock.Instant) {
        uses += 1
        instanceCount -= entries[study]?.content.instanceCount ?? 0
        instanceCount += content.instanceCount
        entries[study] = Entry(content: content, confirmed: now, lastUse: uses)
        shrink()
    }

    var records: [StudyRecord] {
        entries.values.compactMap { entry in
            guard case .found(let record, _) = entry.content else { return nil }
            return record
        }
    }

    /// A study without images yet may get them any moment.
    private func freshness(of content: Content) -> Duration {
        switch content {
        case .found(let record, _) where record.status == .registered || record.status == .cancelled:
            min(settings.negativeFor, settings.freshFor)
        case .found: settings.freshFor
        case .absent, .conflicting: settings.negativeFor
        }
    }

    /// A sixteenth at a time, so that sorting costs little for each entry; the newest always stays.
    private mutating func shrink() {
        while entries.count > max(1, limits.records) || (instanceCount > limits.instances && entries.count > 1) {
            let oldest = entries.sorted { $0.value.lastUse < $1.value.lastUse }
            for (study, entry) in oldest.prefix(max(1, min(entries.count / 16, entries.count - 1))) {
                instanceCount -= entry.content.instanceCount
                entries[study] = nil
            }
        }
    }
}

extension RecordCache.Content {
    fileprivate var instanceCount: Int {
        guard case .found(let record, _) = self else { return 0 }
        return record.series.reduce(0) { $0 + $1.instances.count }
    }
}

/// How to ask whether a record is still the same: conditional reads of the resources that it was made of.
struct Revalidation: Sendable {
    struct Read: Sendable, Hashable {
        /// A canonical reference: "ImagingStudy/12".
        let reference: String
        let etag: String
    }

    let reads: [Read]
    /// How often that is enough. A read does not see a second resource of the same study, so now and then it is searched for.
    private let remaining: Int

    init(reads: [Read], remaining: Int = 10) {
        self.reads = reads
        self.remaining = remaining
    }

    /// What is left after one use; nil when a search is due.
    var next: Revalidation? { remaining > 1 ? Revalidation(reads: reads, remaining: remaining - 1) : nil }
}
