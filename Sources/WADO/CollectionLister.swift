// What a study or series holds, as a QIDO-RS search or the metadata of a WADO-RS archive tells it. Pure: who is asked, and
// in which pages, is decided elsewhere.
package import DICOM
package import FHIR

/// Reads DICOM JSON piece by piece, and keeps of each data set whose it is and what it is.
///
/// Spec: PS3.18 §10.6.3 (search results), Annex F.
package struct CollectionLister {
    /// The series that were named, in the order of their first appearance, with the instances that were named.
    package private(set) var series: [StudyRecord.Series] = []

    private let study: UID
    /// The one that was asked for; nil: any of the study.
    private let expected: UID?
    private var machine = JSONDataSetMachine(rewriter: nil)
    private var places: [UID: Int] = [:]
    private var seen: Set<UID> = []

    /// The most instances of a listing: the largest series have some ten thousand, and each costs memory.
    package static let limit = 100_000

    /// - Parameter series: nil for the whole study.
    package init(study: UID, series: UID?) {
        (self.study, expected) = (study, series)
    }

    /// How many instances were named.
    package var count: Int { seen.count }

    /// Reads on. After ``finish()`` another document, the listing's next page, may follow.
    ///
    /// - Throws: ``RewriteError``: `.wrongInstance` for a data set of another study or series, or one that names no series;
    ///   `.malformed`, `.tooLarge`.
    package mutating func feed(_ bytes: [UInt8]) throws(RewriteError) {
        var position = 0
        var nothing: [UInt8] = []
        while let event = try machine.advance(bytes, at: &position, into: &nothing) {
            if event == .dataSetEnded { try take(machine.identity) }
        }
    }

    /// - Throws: `.truncated` unless the document has ended.
    package mutating func finish() throws(RewriteError) {
        guard machine.isComplete || !machine.hasBegun else { throw .truncated }
        machine = JSONDataSetMachine(rewriter: nil)
    }

    /// Search results need not repeat what their URL says.
    private mutating func take(_ found: DataSetIdentity) throws(RewriteError) {
        guard found.study == nil || found.study == study else {
            throw .wrongInstance(detail: "A data set of another study.")
        }
        guard let uid = found.series ?? expected, expected == nil || uid == expected else {
            throw .wrongInstance(detail: "A data set of another series, or of none.")
        }
        let place = places[uid] ?? series.count
        if place == series.count {
            guard place < Self.limit else { throw .tooLarge(detail: "A list of more than \(Self.limit) series.") }
            series.append(
                StudyRecord.Series(uid: uid, modality: found.modality, numberOfInstances: found.seriesInstances))
            places[uid] = place
        }
        guard let instance = found.instance, seen.insert(instance).inserted else { return }
        guard seen.count <= Self.limit else { throw .tooLarge(detail: "A list of more than \(Self.limit) instances.") }
        series[place].instances.append(
            StudyRecord.Instance(uid: instance, sopClass: found.sopClass, number: found.instanceNumber))
    }
}

extension StudyRecord {
    /// The record with what it lists of no series itself; what it lists stands.
    package func completed(with listing: [Series]) -> StudyRecord {
        var record = self
        for listed in listing {
            guard let place = record.series.firstIndex(where: { $0.uid == listed.uid }) else {
                record.series.append(listed)
                continue
            }
            if record.series[place].instances.isEmpty { record.series[place].instances = listed.instances }
            record.series[place].modality = record.series[place].modality ?? listed.modality
        }
        return record
    }
}
