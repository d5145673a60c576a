// A data set as XML, written as it is read (PS3.19 §A.1). What stands where is ModelWriter's to say.

/// Writes the Native DICOM Model document of one instance: a part of `application/dicom+xml`.
///
/// As in ``JSONModel`` group lengths are left out, text is UTF-8 and (0008,0005) says so, and what is too long stands as
/// BulkData, as ``BulkDataRules`` tells. A private element has its block cleared from its tag and its creator beside it;
/// one without a creator keeps its tag. Characters that XML forbids come out as U+FFFD.
package struct NativeModel: Sendable {
    package var rules: BulkDataRules

    package init(bulkDataBase: String) { rules = BulkDataRules(base: bulkDataBase) }

    /// Writes one document, with its XML declaration.
    ///
    /// - Parameter sink: takes pieces of about 64 KiB.
    /// - Throws: as ``JSONModel/write(_:to:)``.
    package func write(_ file: Part10File, to sink: ([UInt8]) throws -> Void) throws {
        var writer = ModelWriter(file, rules, XMLOutput())
        try writer.write(to: sink)
    }
}
