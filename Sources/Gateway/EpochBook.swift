// Which epoch each study is in: what the directory says now, held against what it said before. Process-wide; must not know
// what is stored under an epoch.
import CachePolicy
import DICOM
import DiskCache
import FHIR
import StudyDirectory
import Synchronization

/// The epochs of studies. The documents beside the series remember them; the latest of them stand here, so that a hit asks no
/// disk.
final class EpochBook: Sendable {
    /// What is known of one study; the record itself is in its document.
    private struct Entry {
        var epoch: StudyEpoch
        var mark: RecordMark
        var source: String
        /// As its document says. Seconds since 1970.
        var confirmedAt: Int64
        var recheckedAt: Int64
        var lastUse: UInt64
        /// Differs after each change of the epoch or the mark.
        var change: UInt64

        init(_ document: StudyDocument, use: UInt64) {
            (epoch, mark, source) = (document.epoch, document.mark, document.source)
            (confirmedAt, recheckedAt) = (document.confirmedAt, document.recheckedAt)
            (lastUse, change) = (use, use)
        }

        func document(of study: UID, with record: StudyRecord?) -> StudyDocument {
            StudyDocument(
                study: study, epoch: epoch, source: source, mark: mark, confirmedAt: confirmedAt,
                recheckedAt: recheckedAt, record: record)
        }
    }

    private struct State {
        var entries: [UID: Entry] = [:]
        var uses: UInt64 = 0

        /// A sixteenth at a time, so that sorting costs little for each entry.
        mutating func shrink(to capacity: Int) {
            guard entries.count > capacity else { return }
            let oldest = entries.sorted { $0.value.lastUse < $1.value.lastUse }.prefix(capacity / 16)
            for (study, _) in oldest { entries[study] = nil }
        }
    }

    private let documents: StudyDocuments
    private let capacity: Int
    /// Milliseconds since 1970.
    private let clock: @Sendable () -> Int64
    private let log: @Sendable (UID, StudyEpoch) -> Void
    private let state = Mutex(State())

    /// - Parameter log: told of each raise for anything but an unknown study.
    init(
        documents: StudyDocuments, capacity: Int = 10_000,
        clock: @escaping @Sendable () -> Int64 = DiskCache.millisecondsSince1970,
        log: @escaping @Sendable (UID, StudyEpoch) -> Void
    ) {
        self.documents = documents
        self.capacity = max(16, capacity)
        self.clock = clock
        self.log = log
    }

    /// What holds of a study whose record says nothing new; nil when that takes a look at the disk. Never suspends.
    func known(_ resolution: Resolution) -> StudyMoment? {
        let record = resolution.record
        let confirmedAt = confirmation(of: resolution)
        let (moment, document) = state.withLock { state -> (StudyMoment?, StudyDocument?) in
            guard let index = state.entries.index(forKey: record.study),
                state.entries.values[index].mark.isOf(record)
            else { return (nil, nil) }
            state.uses += 1
            state.entries.values[index].lastUse = state.uses
            let entry = state.entries.values[index]
            let moment = StudyMoment(epoch: entry.epoch.number, recordVersion: record.version)
            guard confirmedAt - entry.confirmedAt >= Self.confirmationLag else { return (moment, nil) }
            state.entries.values[index].confirmedAt = confirmedAt
            state.entries.values[index].source = resolution.source
            return (moment, state.entries.values[index].document(of: record.study, with: record))
        }
        if let document { documents.keep(document) }
        return moment
    }

    /// What holds of a study at this moment. A record that says something new may begin another epoch.
    func moment(of resolution: Resolution) async -> StudyMoment {
        let record = resolution.record
        while true {
            if let moment = known(resolution) { return moment }
            let before = state.withLock { $0.entries[record.study] }
            let document = await documents.document(of: record.study)
            let next = next(before, document, resolution)
            guard install(next, over: before) else { continue }
            documents.keep(next)
            if next.epoch != (before?.epoch ?? document?.epoch), next.epoch.reason != .unknown {
                log(record.study, next.epoch)
            }
            return StudyMoment(epoch: next.epoch.number, recordVersion: record.version)
        }
    }

    private func next(_ before: Entry?, _ document: StudyDocument?, _ resolution: Resolution) -> StudyDocument {
        let (record, now) = (resolution.record, clock())
        let confirmedAt = confirmation(of: resolution)
        guard let before else {
            return document?.following(record, from: resolution.source, confirmedAt: confirmedAt, at: now)
                ?? StudyDocument(first: record, from: resolution.source, confirmedAt: confirmedAt, at: now)
        }
        // The disk may have lost what memory knows; then the record before this one cannot be looked at.
        let isSame = document?.epoch == before.epoch && document?.mark == before.mark
        return before.document(of: record.study, with: isSame ? document?.record : nil)
            .following(record, from: resolution.source, confirmedAt: confirmedAt, at: now)
    }

    /// Begins another epoch, if the study is still in this one: the archive says something else than what is stored.
    ///
    /// - Returns: false when it has moved on, or is not known any more.
    func raise(_ study: UID, from epoch: Int64, for reason: StudyEpoch.Reason) async -> Bool {
        await update(study, from: epoch) { $0.raised(for: reason, at: self.clock()) }
    }

    /// Notes that what is stored of the study agrees with the archive.
    func noteRechecked(_ study: UID, in epoch: Int64) async {
        _ = await update(study, from: epoch) { document in
            var document = document
            document.recheckedAt = self.clock() / 1000
            return document
        }
    }

    /// Seconds since 1970 at which what is stored was last known to agree with the archive.
    func lastRecheck(of study: UID) -> Int64? { state.withLock { $0.entries[study]?.recheckedAt } }

    private func update(
        _ study: UID, from epoch: Int64, _ change: (StudyDocument) -> StudyDocument
    ) async -> Bool {
        while true {
            let document = await documents.document(of: study)
            guard let before = state.withLock({ $0.entries[study] }), before.epoch.number == epoch else { return false }
            let isSame = document?.epoch == before.epoch && document?.mark == before.mark
            let next = change(before.document(of: study, with: isSame ? document?.record : nil))
            guard install(next, over: before) else { continue }
            documents.keep(next)
            if next.epoch != before.epoch { log(study, next.epoch) }
            return true
        }
    }

    /// False when somebody else was faster.
    private func install(_ document: StudyDocument, over before: Entry?) -> Bool {
        state.withLock { state in
            guard state.entries[document.study]?.change == before?.change else { return false }
            state.uses += 1
            state.entries[document.study] = Entry(document, use: state.uses)
            state.shrink(to: capacity)
            return true
        }
    }

    private func confirmation(of resolution: Resolution) -> Int64 {
        clock() / 1000 - Int64(resolution.age / .seconds(1))
    }

    /// A confirmation is written when it is so much newer, in seconds: documents of studies in use are not written each time.
    private static let confirmationLag: Int64 = 600
}
