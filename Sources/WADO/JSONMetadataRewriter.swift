// Rewrites DICOM JSON metadata as a stream. Owns the order of things: look whose data set it is, then let it through.
package import DICOM
package import HTTP

/// The byte that stands for the gateway's own DICOMweb root in a stored document. A control character cannot occur raw
/// in JSON or XML, so no backend can plant one.
package let baseURLPlaceholder: UInt8 = 0x1A

/// Rewrites DICOM JSON metadata as a stream: checks each data set's UIDs before a byte of it is let through, and brings
/// every BulkDataURI and RetrieveURL (0008,1190) under the gateway's root (as the placeholder byte).
///
/// A data set is held until its three UIDs are known, which in ascending order of tags is early; what comes after them
/// passes through. A document is an array of data sets, one bare data set, or empty.
///
/// Spec: PS3.18 Annex F.
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

    package struct Summary: Sendable {
        package var dataSets: Int
        package var placeholders: Int
        /// Of the last data set; of the only one for an instance's metadata.
        package var facts: InstanceFacts?
    }

    /// One data set of what was written.
    package struct Part: Sendable, Equatable {
        package var facts: InstanceFacts
        /// Its octets among all that ``feed(_:)`` has given.
        package var range: Range<Int64>
        /// How many of them stand for the base URL.
        package var placeholders: Int
    }

    private enum Phase {
        case between
        /// Looking for the UIDs; the machine as it was behind the data set's opening brace.
        case identifying(JSONDataSetMachine)
        case writing
    }

    /// What a data set may hold before its UIDs, in octets.
    private static let identifyingLimit = 8 << 20

    private let expectation: Expectation
    private var machine: JSONDataSetMachine
    private var phase = Phase.between
    /// What earlier pieces held of a data set whose UIDs are not known yet, from behind its opening brace.
    private var pending: [UInt8] = []
    private var summary = Summary(dataSets: 0, placeholders: 0)
    /// The octets of a byte order mark that may come first.
    private var mark: [UInt8]? = []
    /// Octets that were given before the present piece.
    private var given: Int64 = 0
    private var partStart: (octet: Int64, placeholders: Int) = (0, 0)
    private var parts: [Part] = []

    /// - Parameters:
    ///   - base: the chosen backend's DICOMweb root; a URL under it keeps its DICOM path under ours.
    ///   - document: the URL that was fetched, for relative references.
    ///   - token: makes the path tail for any other URL ("bulkdata/~…"), nil when it may not be served: then the
    ///     element's BulkDataURI is dropped, and a RetrieveURL becomes null.
    package init(
        expecting: Expectation, base: HTTPURL, document: HTTPURL, token: @escaping (HTTPURL, InstanceFacts) -> String?
    ) {
        expectation = expecting
        machine = JSONDataSetMachine(rewriter: ReferenceRewriter(base: base, document: document, token: token))
    }

    /// The rewritten data sets so far, joined by commas, without the array's brackets.
    ///
    /// - Throws: ``RewriteError``; what was answered before must then not be used as a whole document.
    package mutating func feed(_ bytes: [UInt8]) throws(RewriteError) -> [UInt8] {
        var input = withoutByteOrderMark(bytes)
        var output: [UInt8] = []
        output.reserveCapacity(input.count + 64)
        var position = 0
        /// Where in the input the data set begins that is being identified; nil when it began in an earlier piece.
        var beginning: Int?
        while let event = try machine.advance(input, at: &position, into: &output) {
            switch (phase, event) {
            case (.between, .dataSetBegan):
                phase = .identifying(machine)
                beginning = position
            case (.identifying(let start), .identified):
                try begin(from: start, &output)
                if beginning == nil {
                    input = pending + input
                    pending = []
                }
                position = beginning ?? 0
            case (.identifying, _):
                throw .wrongInstance(detail: "A data set without \(machine.identity.missing).")
            case (_, .dataSetEnded):
                phase = .between
                summary.dataSets += 1
                summary.facts = machine.identity.facts
                endPart(at: given + Int64(output.count))
            default: break
            }
        }
        if case .identifying = phase { pending += input[(beginning ?? 0)...] }
        guard pending.count <= Self.identifyingLimit else {
            throw .tooLarge(detail: "The UIDs of a data set did not come within \(Self.identifyingLimit) octets.")
        }
        given += Int64(output.count)
        return output
    }

    /// The data sets that have ended since this was last asked.
    package mutating func takeParts() -> [Part] {
        defer { parts = [] }
        return parts
    }

    private mutating func endPart(at end: Int64) {
        guard let facts = machine.identity.facts else { return }
        parts.append(
            Part(
                facts: facts, range: partStart.octet..<end, placeholders: machine.placeholders - partStart.placeholders)
        )
    }

    /// Goes back to a data set's beginning, now that it is known whose it is.
    private mutating func begin(from start: JSONDataSetMachine, _ output: inout [UInt8]) throws(RewriteError) {
        guard let facts = machine.identity.facts else { return }
        try expectation.check(facts)
        machine = start
        machine.beginWriting(facts)
        phase = .writing
        if summary.dataSets > 0 { output.append(UInt8(ascii: ",")) }
        partStart = (given + Int64(output.count), machine.placeholders)
        output.append(UInt8(ascii: "{"))
    }

    /// - Throws: `.truncated` unless the document has ended.
    package mutating func finish() throws(RewriteError) -> Summary {
        if let mark, !mark.isEmpty { throw .truncated }
        guard machine.isComplete || !machine.hasBegun else { throw .truncated }
        summary.placeholders = machine.placeholders
        return summary
    }

    /// Some servers begin with EF BB BF, which RFC 8259 lets a reader ignore.
    private mutating func withoutByteOrderMark(_ bytes: [UInt8]) -> [UInt8] {
        guard var seen = mark else { return bytes }
        seen += bytes
        let whole: [UInt8] = [0xEF, 0xBB, 0xBF]
        if seen.count < 3, whole.starts(with: seen) {
            mark = seen
            return []
        }
        mark = nil
        return seen.starts(with: whole) ? Array(seen.dropFirst(3)) : seen
    }
}
