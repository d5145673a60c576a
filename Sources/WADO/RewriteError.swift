// What a backend's metadata can be rejected for. Holds no patient data: details name attributes and places, never values.

/// Why a metadata document was not let through.
package enum RewriteError: Error, Sendable, Equatable {
    /// Not the format that it should be; `offset` in octets from the document's beginning.
    case malformed(offset: Int, detail: String)
    case truncated
    /// A data set of another study, series or instance, or one that doesn't say which it is of.
    case wrongInstance(detail: String)
    case tooLarge(detail: String)
}
