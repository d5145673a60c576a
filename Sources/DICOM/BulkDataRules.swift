// Which values stand in a document of metadata, and where the others are found (PS3.18 §F.2.6, PS3.19 §A.1.5).

/// What stands inline in DICOM JSON and XML, and the URL of what doesn't.
///
/// That is under the instance's own path: `{base}/{tag}`, and `{base}/{tag}/{item}/{tag}` within sequences, items counted
/// from 1; ``DataSetReader/find(_:in:)`` finds it again. Pixel Data never stands inline.
package struct BulkDataRules: Hashable, Sendable {
    /// What a bulk data URL begins with, up to `/bulkdata`. It goes into the document as it is, without escapes, so that
    /// it can begin with a byte that stands for the rest and that no text of a data set can bring in.
    package var base: String
    /// Bytes of OB, OW and their like that stand in the document.
    package var inlineLimit = 1024
    /// Bytes of numbers and long text that stand in the document.
    package var valueLimit = 64 << 10
    /// Bytes of a value whose VR allows no bulk data; more is refused.
    package static let textLimit = 1 << 20

    package init(base: String) { self.base = base }

    func url(_ path: ElementPath) -> String { "\(base)/\(path)" }

    /// Whether a value stands in the document.
    ///
    /// - Throws: `tooLarge` for one that can stand nowhere.
    func isInline(_ element: DataSetReader.Element) throws(DICOMError) -> Bool {
        guard let length = element.length, element.tag != .pixelData else { return false }
        switch element.vr {
        case .ob, .od, .of, .ol, .ov, .ow, .un, .sq:
            return length <= inlineLimit
        case .ds, .fl, .fd, .is, .lt, .sl, .ss, .st, .sv, .uc, .ul, .us, .ut, .uv:
            return length <= valueLimit
        default:
            guard length <= BulkDataRules.textLimit else {
                throw DICOMError(
                    kind: .tooLarge, offset: Int(element.valueOffset),
                    detail: "\(element.tag) of VR \(element.vr) has \(length) bytes and can stand nowhere")
            }
            return true
        }
    }
}
