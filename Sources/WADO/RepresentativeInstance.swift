// Which instance stands for a study or series in a thumbnail (PROTOCOL C.1). Pure.
internal import DICOM
package import FHIR

extension StudyRecord.Series {
    /// Modalities whose series hold no pictures that would stand for a study (PS3.16 CID 33, PS3.3 C.7.3.1.1.1).
    private static let withoutImages: Set<String> = [
        "PR", "KO", "SR", "SEG", "DOC", "REG", "FID", "RWV", "RTSTRUCT", "RTPLAN", "RTDOSE", "RTRECORD", "RTINTENT",
        "PLAN", "ECG", "HD", "EPS", "EEG", "EMG", "EOG", "AU", "RESP", "ASMT", "ANN", "M3D", "SMR", "TEXTUREMAP",
        "STAIN",
        "OSS",
    ]

    /// Whether the series may hold images, as far as its modality tells.
    package var mayHoldImages: Bool { modality.map { !Self.withoutImages.contains($0) } ?? true }

    /// The listed instances that are pictures, or may be.
    package var images: [StudyRecord.Instance] { instances.filter { SOPClassKind($0.sopClass) == .image } }

    /// The middle one of the images: by instance number where all have one, else as they are listed. Nil without images.
    package var representative: StudyRecord.Instance? {
        let images = images
        guard !images.isEmpty else { return nil }
        let numbered = images.allSatisfy { $0.number != nil }
        let ordered = numbered ? images.sorted { ($0.number ?? 0) < ($1.number ?? 0) } : images
        return ordered[(ordered.count - 1) / 2]
    }
}
