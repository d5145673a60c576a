// What can be wrong with FHIR text as a whole. Trouble inside a resource is noted beside the result instead.

/// A document that is not usable FHIR JSON.
package enum FHIRError: Error, Equatable, CustomStringConvertible {
    /// Not JSON (RFC 8259), at this byte.
    case malformed(offset: Int, String)
    /// Larger, deeper or richer than allowed; the text names the limit.
    case tooLarge(String)
    /// JSON, but not a resource; the path leads to the value at fault ("Bundle.entry[3].resource").
    case notAResource(path: String)
    /// The value at that path has a type with which nothing around it can be understood.
    case wrongType(path: String)

    package var description: String {
        switch self {
        case .malformed(let offset, let what): "not JSON: \(what) (at byte \(offset))"
        case .tooLarge(let limit): "too large: \(limit)"
        case .notAResource(let path): "\(path) is not a FHIR resource"
        case .wrongType(let path): "\(path) has the wrong type"
        }
    }
}
