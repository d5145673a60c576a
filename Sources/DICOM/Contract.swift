// CONTRACT: replaced by its owner (DICOM). Signatures bind, bodies do not.

/// Reads the head of a Part 10 file from bytes that arrive piece by piece, as far as Pixel Data or the end of group 0028.
/// Never holds more than `limit` bytes.
package struct Part10HeadReader {
    package enum Outcome: Sendable, Equatable {
        case needMore
        case facts(InstanceFacts)
    }
    package init(limit: Int = 4 << 20) { fatalError() }
    /// Takes the next piece. Once `.facts` came, further calls answer the same. The bytes are also the caller's to keep.
    package mutating func feed(_ bytes: [UInt8]) throws(DICOMError) -> Outcome { fatalError() }
    /// The source has ended: facts if the three UIDs were seen, else an error.
    package mutating func finish() throws(DICOMError) -> InstanceFacts { fatalError() }
}

package struct DICOMError: Error, Equatable, CustomStringConvertible {
    package enum Kind: Sendable, Equatable { case notDICOM, truncated, malformed, tooLarge, missingAttribute, unsupported }
    package let kind: Kind
    /// Bytes from the beginning of the file.
    package let offset: Int
    package let detail: String
    package init(kind: Kind, offset: Int, detail: String) {
        self.kind = kind
        self.offset = offset
        self.detail = detail
    }
    package var description: String { "\(detail) (at byte \(offset))" }
}
