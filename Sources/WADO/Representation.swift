// How a client wants what it asks for. A value: Negotiation makes it.

/// How the client wants it, as decided from Accept, `accept`, contentType and transferSyntax alone (PS3.18 §8.7.5–8.7.8).
package enum Representation: Sendable, Hashable {
    package enum Envelope: Sendable, Hashable {
        case multipart, single
        /// The client takes either: single when the resource is by nature one item, else multipart.
        case either
    }

    /// `syntaxes` in order of preference: "*" (as stored) or transfer syntax UIDs.
    case dataSets(syntaxes: [String], envelope: Envelope)
    /// Frames, bulk data, pixel data: acceptable (type, syntax) pairs in order of preference; type may be "*/*" or
    /// "image/*"; syntax "*" or a UID.
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
