// CONTRACT: replaced by its owner (WADO). Signatures bind, bodies do not; add what is needed.
package import DICOM
package import HTTP

/// A request that cannot be served as asked, with the status and the sentence for the client.
package struct WADOError: Error, Sendable, Equatable {
    package let status: Int
    /// What was wrong, naming the parameter or segment, and what to do. Holds no patient data; may quote short bad input.
    package let message: String
    /// For 405: the Allow field.
    package var allow: String?
    package init(status: Int, message: String, allow: String? = nil) {
        self.status = status
        self.message = message
        self.allow = allow
    }
}

/// What a client asks for: the one type that both front doors parse into (PROTOCOL A, B).
package struct RetrieveRequest: Sendable, Hashable {
    package enum FrontDoor: Sendable, Hashable { case wadoRS, wadoURI }
    package enum Resource: Sendable, Hashable {
        /// Part 10 instances of the target.
        case dataSets
        case metadata
        /// I/frames/{list}, in requested order.
        case frames([Int])
        /// Nil frames: the target itself.
        case rendered(frames: [Int]?)
        case thumbnail(frame: Int?)
        /// Any path below an instance that is a BulkDataURI of ours: "bulkdata/…", "bulk/…", "bulkdata/~token". Decoded once,
        /// re-encoded, no dot segments.
        case bulk(tail: String)
        case pixelData
        /// S|E|I/bulkdata, the collection.
        case bulkData
    }
    package var frontDoor: FrontDoor
    /// Nil only for a sloppy WADO-URI caller that names the instance alone.
    package var study: UID?
    package var series: UID?
    package var instance: UID?
    package var resource: Resource
    package var representation: Representation
    package var rendering: RenderingParameters
    package var wantsAnonymized: Bool
    /// Warnings to send along (unknown annotation values): complete `Warning` field values.
    package var warnings: [String]
}

/// How the client wants it, as decided from Accept, `accept`, contentType and transferSyntax alone (PROTOCOL A.2–A.4).
package enum Representation: Sendable, Hashable {
    package enum Envelope: Sendable, Hashable {
        case multipart, single
        /// The client takes either: single when the resource is by nature one item, else multipart.
        case either
    }
    /// `syntaxes` in order of preference: "*" (as stored) or transfer syntax UIDs.
    case dataSets(syntaxes: [String], envelope: Envelope)
    /// Frames, bulk data, pixel data: acceptable (type, syntax) pairs in order of preference; type may be "*/*" or "image/*";
    /// syntax "*" or a UID.
    case bulk(types: [BulkType], envelope: Envelope)
    case json(contentType: String)
    case xml
    /// Rendered media types in order of preference; "*/*" stands for the category's default.
    case rendered(types: [String], envelope: Envelope)

    package struct BulkType: Sendable, Hashable {
        package var type: String
        package var syntax: String
        package init(type: String, syntax: String) {
            self.type = type
            self.syntax = syntax
        }
    }
}

/// Rendering parameters of both protocols in one value (PROTOCOL A.5, B, C.2).
package struct RenderingParameters: Sendable, Hashable {
    package struct Window: Sendable, Hashable {
        package enum Function: String, Sendable { case linear, sigmoid, linearExact = "linear-exact" }
        /// As written by the client, checked to be decimals; kept as text so that nothing is rounded.
        package var center: String
        package var width: String
        package var function: Function
    }
    package enum Area: Sendable, Hashable {
        /// viewport's sx,sy,sw,sh in source pixels; nil = default.
        case pixels(x: Double?, y: Double?, width: Double?, height: Double?)
        /// WADO-URI region: fractions.
        case fractions(Double, Double, Double, Double)
    }
    package var annotation: [String] = []
    package var quality: Int?
    /// viewport vw / WADO-URI columns; vh / rows.
    package var columns: Int?
    package var rows: Int?
    package var area: Area?
    package var window: Window?
    package var iccProfile: String?
    /// presentationSeriesUID and presentationUID.
    package var presentation: Presentation?
    package struct Presentation: Sendable, Hashable {
        package var series: UID
        package var instance: UID
    }
    package init() {}
    /// No parameter at all.
    package var isDefault: Bool { self == RenderingParameters() }
    /// One spelling for equal pictures: the part of a cache key. Empty when default.
    package var normalForm: String { fatalError() }
    /// Whether the WADO-RS query cannot be written without the image's Rows and Columns (PROTOCOL C.2).
    package var needsDimensions: Bool { fatalError() }
    /// The query for a WADO-RS rendered or thumbnail resource ("viewport=…&window=…"), nil when empty.
    package func wadoRSQuery(rows: Int?, columns: Int?) throws(WADOError) -> String? { fatalError() }
    /// The query items for a WADO-URI backend, and which abilities the backend must have for them.
    package func wadoURIQuery(rows: Int?, columns: Int?) throws(WADOError) -> (query: String, needs: Set<RenderingAbility>) {
        fatalError()
    }
}

/// Parameters that a WADO-URI backend may ignore silently, so that each must be known to work before it is sent.
package enum RenderingAbility: String, Sendable, Hashable, CaseIterable {
    case viewport, region, window, quality, annotation, presentation
    case frameNumber = "frame_number"
}

/// The grammar of both front doors; pure.
package struct WADOGrammar: Sendable {
    /// "/dicom-web" and "/wado".
    package init(dicomWebRoot: String, wadoURIPath: String) { fatalError() }
    /// Nil when the path belongs to neither front door.
    package func parse(_ head: RequestHead) throws(WADOError) -> RetrieveRequest? { fatalError() }
}

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
