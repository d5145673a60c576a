// What there is of a study, by its folders' names. Reads no object.
import CachePolicy
package import DICOM
import EventLoop
import Glibc

/// An instance of a stored series, whose header is stored in one form or another.
package struct StoredSample: Hashable, Sendable {
    package let series: UID
    /// Nil: only documents of the series as a whole.
    package let instance: UID?
}

extension DiskCache {
    /// One instance of each series of a study of which anything is stored that says something of patient and study; at most
    /// `limit` of them.
    package func samples(of study: UID, limit: Int = 256) async -> [StoredSample] {
        await background.run { self.samplesNow(of: study, limit: limit) }
    }

    private func samplesNow(of study: UID, limit: Int) -> [StoredSample] {
        let path = ObjectPath(tenant: "_", study: study)
        guard let folder = try? directory.objects.openDirectory(FileName(path.components)) else { return [] }
        var samples: [StoredSample] = []
        folder.forEachEntry { name in
            guard samples.count < limit, let series = UID(name.description),
                let series = try? (series, folder.openDirectory(name))
            else { return }
            if let sample = Self.sample(of: series.0, in: series.1) { samples.append(sample) }
        }
        return samples
    }

    private static func sample(of series: UID, in folder: Descriptor) -> StoredSample? {
        var found: UID?
        folder.forEachEntry { name in
            guard found == nil, let instance = UID(name.description), let inner = try? folder.openDirectory(name) else {
                return
            }
            let headers = ["metadata.json", "instance,stored"]
            if headers.contains(where: { inner.status(of: FileName($0)) != nil }) { found = instance }
        }
        if let found { return StoredSample(series: series, instance: found) }
        let hasDocument = folder.status(of: FileName("metadata.json")) != nil
        return hasDocument ? StoredSample(series: series, instance: nil) : nil
    }
}
