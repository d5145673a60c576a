// CONTRACT: replaced by its owner (WADO). Signatures bind, bodies do not; add what is needed.
package import DICOM
package import HTTP

/// The byte that stands for the gateway's own DICOMweb root in a stored document. A control character cannot occur raw in
/// JSON or XML, so no backend can plant one.
package let baseURLPlaceholder: UInt8 = 0x1A

/// Rewrites DICOM JSON metadata as a stream: checks each data set's UIDs before a byte of it is let through, and brings every
/// BulkDataURI and RetrieveURL (0008,1190) under the gateway's root (as the placeholder byte).
package struct JSONMetadataRewriter {
    package struct Expectation: Sendable {
        package var study: UID
        package var series: UID?
        package var instance: UID?
        package init(study: UID, series: UID? = nil, instance: UID? = nil) {
            self.study = study
            self.series = series
            self.instance = instance
        }
    }
    /// - Parameters:
    ///   - base: the chosen backend's DICOMweb root; a URL under it keeps its DICOM path under ours.
    ///   - document: the URL that was fetched, for relative references.
    ///   - token: makes the path tail for any other URL ("bulkdata/~…"), nil when it may not be served: then the element's
    ///     BulkDataURI is dropped.
    package init(
        expecting: Expectation, base: HTTPURL, document: HTTPURL, token: @escaping (HTTPURL, InstanceFacts) -> String?
    ) { fatalError() }
    /// The rewritten data sets so far, joined by commas, without the array's brackets.
    package mutating func feed(_ bytes: [UInt8]) throws(RewriteError) -> [UInt8] { fatalError() }
    package mutating func finish() throws(RewriteError) -> Summary { fatalError() }
    package struct Summary: Sendable {
        package var dataSets: Int
        package var placeholders: Int
        /// Of the last data set; of the only one for an instance's metadata.
        package var facts: InstanceFacts?
    }
}

/// The same for one Native DICOM Model document (PS3.19 §A.1).
package struct XMLMetadataRewriter {
    package init(
        expecting: JSONMetadataRewriter.Expectation, base: HTTPURL, document: HTTPURL,
        token: @escaping (HTTPURL, InstanceFacts) -> String?
    ) { fatalError() }
    package mutating func feed(_ bytes: [UInt8]) throws(RewriteError) -> [UInt8] { fatalError() }
    package mutating func finish() throws(RewriteError) -> JSONMetadataRewriter.Summary { fatalError() }
}

package enum RewriteError: Error, Sendable, Equatable {
    case malformed(offset: Int, detail: String)
    case truncated
    /// A data set of another study, series or instance.
    case wrongInstance(detail: String)
    case tooLarge(detail: String)
}
