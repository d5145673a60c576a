// A data set as DICOM JSON, written as it is read (PS3.18 annex F). What stands where is ModelWriter's to say.

/// Writes the DICOM JSON object of one instance.
///
/// Group lengths are left out. Text comes out as UTF-8, so (0008,0005), where it is, says `ISO_IR 192`. What is too long
/// stands as BulkDataURI, as ``BulkDataRules`` tells.
package struct JSONModel: Sendable {
    package var rules: BulkDataRules

    package init(bulkDataBase: String) { rules = BulkDataRules(base: bulkDataBase) }

    /// Writes one object, `{` to `}`; an array of them is the caller's.
    ///
    /// - Parameter sink: takes pieces of about 64 KiB.
    /// - Throws: ``DICOMError`` as ``DataSetReader/next()``, or `tooLarge` for a value that can stand nowhere; what the
    ///   source and the sink throw.
    package func write(_ file: Part10File, to sink: ([UInt8]) throws -> Void) throws {
        var writer = ModelWriter(file, rules, JSONOutput())
        try writer.write(to: sink)
    }
}
