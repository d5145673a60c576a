// Whether a record says more than it did, or something else. Knows no cache and no clock.
import DICOM

extension StudyRecord {
    /// Whether this record says all that `old` said, and more: series, instances or counts were added and nothing that stood
    /// there is different. The version does not count; a record that says the very same is no growth.
    ///
    /// - Complexity: linear in the instances of both.
    package func isGrowth(of old: StudyRecord) -> Bool {
        guard study == old.study, status == old.status, subject == old.subject, accession == old.accession,
            started == old.started, summary == old.summary, endpoints == old.endpoints,
            Set(modalities).isSuperset(of: old.modalities)
        else { return false }
        let present = Dictionary(series.map { ($0.uid, $0) }, uniquingKeysWith: { first, _ in first })
        var hasGrown = present.count > Set(old.series.map(\.uid)).count
        for former in old.series {
            guard let series = present[former.uid] else { return false }
            if series == former { continue }
            guard series.isGrowth(of: former) else { return false }
            hasGrown = true
        }
        return hasGrown
    }
}

extension StudyRecord.Series {
    /// As ``StudyRecord/isGrowth(of:)``, of two that differ.
    fileprivate func isGrowth(of old: StudyRecord.Series) -> Bool {
        guard modality == old.modality, number == old.number, summary == old.summary, endpoints == old.endpoints,
            (numberOfInstances ?? 0) >= (old.numberOfInstances ?? 0),
            instances.count > old.instances.count || numberOfInstances != old.numberOfInstances
        else { return false }
        return Set(instances).isSuperset(of: old.instances)
    }
}
