// What can be wrong with DICOM bytes, and where.

/// Bytes that are not the DICOM they should be.
package struct DICOMError: Error, Equatable, CustomStringConvertible {
    package enum Kind: Sendable, Equatable {
        /// The beginning is neither a Part 10 file nor a bare data set.
        case notDICOM
        /// The bytes end inside of an element, or before a needed one.
        case truncated
        /// Tags, lengths or values contradict the encoding or each other.
        case malformed
        /// A bound of this reader is exceeded: nesting, inflated size, value length.
        case tooLarge
        /// A UID without which nobody can tell what this is.
        case missingAttribute
        /// A valid encoding that this reader doesn't know.
        case unsupported
    }

    package let kind: Kind
    /// Bytes from the beginning of the file; within a deflated data set as if it were stored inflated.
    package let offset: Int
    package let detail: String

    package init(kind: Kind, offset: Int, detail: String) {
        self.kind = kind
        self.offset = offset
        self.detail = detail
    }

    package var description: String { "\(detail) (at byte \(offset))" }
}
