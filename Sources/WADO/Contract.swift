// CONTRACT: replaced by its owner (WADO). Signatures bind, bodies do not; add what is needed.
package import DICOM
package import HTTP

/// The same for one Native DICOM Model document (PS3.19 §A.1).
package struct XMLMetadataRewriter {
    package init(
        expecting: JSONMetadataRewriter.Expectation, base: HTTPURL, document: HTTPURL,
        token: @escaping (HTTPURL, InstanceFacts) -> String?
    ) { fatalError() }
    package mutating func feed(_ bytes: [UInt8]) throws(RewriteError) -> [UInt8] { fatalError() }
    package mutating func finish() throws(RewriteError) -> JSONMetadataRewriter.Summary { fatalError() }
}
