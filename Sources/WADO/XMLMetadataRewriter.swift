// Rewrites one Native DICOM Model document as a stream. Owns the order of things: look whose data set it is, then let
// it through.
package import DICOM
package import HTTP

/// What ``JSONMetadataRewriter`` does, for one Native DICOM Model document: BulkData's `uri` and the values of
/// RetrieveURL (0008,1190) come under the gateway's root.
///
/// Spec: PS3.19 §A.1.
package struct XMLMetadataRewriter {
    /// What a document may hold before its UIDs, in octets.
    private static let identifyingLimit = 8 << 20

    private let expectation: JSONMetadataRewriter.Expectation
    private let start: XMLDocumentMachine
    private var machine: XMLDocumentMachine
    private var isWriting = false
    /// Everything so far, until the UIDs are known.
    private var pending: [UInt8] = []

    /// - Parameters:
    ///   - base: the chosen backend's DICOMweb root; a URL under it keeps its DICOM path under ours.
    ///   - document: the URL that was fetched, for relative references.
    ///   - token: makes the path tail for any other URL ("bulkdata/~…"), nil when it may not be served: then the
    ///     BulkData element is dropped, and a RetrieveURL becomes empty.
    package init(
        expecting: JSONMetadataRewriter.Expectation, base: HTTPURL, document: HTTPURL,
        token: @escaping (HTTPURL, InstanceFacts) -> String?
    ) {
        expectation = expecting
        start = XMLDocumentMachine(rewriter: ReferenceRewriter(base: base, document: document, token: token))
        machine = start
    }

    /// The rewritten document so far.
    ///
    /// - Throws: ``RewriteError``; what was answered before must then not be used as a whole document.
    package mutating func feed(_ bytes: [UInt8]) throws(RewriteError) -> [UInt8] {
        var output: [UInt8] = []
        if isWriting {
            output.reserveCapacity(bytes.count + 64)
            _ = try machine.advance(bytes, into: &output)
            return output
        }
        pending.append(contentsOf: bytes)
        guard try machine.advance(bytes, into: &output), let facts = machine.identity.facts else {
            try checkThatUIDsMayCome()
            return []
        }
        try expectation.check(facts)
        machine = start
        machine.beginWriting(facts)
        isWriting = true
        output.reserveCapacity(pending.count + 64)
        _ = try machine.advance(pending, into: &output)
        pending = []
        return output
    }

    private func checkThatUIDsMayCome() throws(RewriteError) {
        guard !machine.isComplete else {
            throw .wrongInstance(detail: "A data set without \(machine.identity.missing).")
        }
        guard pending.count <= Self.identifyingLimit else {
            throw .tooLarge(detail: "The UIDs of a data set did not come within \(Self.identifyingLimit) octets.")
        }
    }

    /// - Throws: `.truncated` unless the document has ended.
    package mutating func finish() throws(RewriteError) -> JSONMetadataRewriter.Summary {
        guard isWriting, machine.isComplete else { throw .truncated }
        return JSONMetadataRewriter.Summary(
            dataSets: 1, placeholders: machine.placeholders, facts: machine.identity.facts)
    }
}
