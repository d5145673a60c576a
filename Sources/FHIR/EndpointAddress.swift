// What stands in Endpoint.address → the service's base (PROTOCOL D.3). Decides nothing about which addresses may be contacted.
import DICOM
import HTTP

/// An endpoint's address, normalised for one service and one study.
enum EndpointAddress {
    /// Why an address cannot be used; a sentence for a person.
    struct Fault: Error, Equatable {
        let reason: String
    }

    /// The base of a service: no trailing slash, no `/studies`, nothing that names a study; for WADO-URI its query is kept.
    ///
    /// - Parameter directory: the base of the FHIR server, against which relative addresses resolve.
    /// - Throws: ``Fault``.
    static func base(
        _ address: String, of type: ConnectionType, study: UID, directory: HTTPURL?
    ) throws(Fault) -> HTTPURL {
        let url = try absolute(address, directory: directory)
        var segments = url.path.split(separator: "/", omittingEmptySubsequences: false).dropFirst().map(String.init)
        while segments.last?.isEmpty ?? false { segments.removeLast() }
        try dropResource(&segments, study: study)
        if type != .wadoURI, segments.last == "studies" { segments.removeLast() }
        while segments.last?.isEmpty ?? false { segments.removeLast() }
        let query = type == .wadoURI ? try serviceQuery(url.query, study: study) : nil
        let text = "\(url.origin)/\(segments.joined(separator: "/"))\(query.map { "?\($0)" } ?? "")"
        guard let base = HTTPURL(text) else { throw Fault(reason: "its address is not a usable URL") }
        return base
    }

    private static func absolute(_ address: String, directory: HTTPURL?) throws(Fault) -> HTTPURL {
        var text = address.trimmingSpaces()
        if let fragment = text.firstIndex(of: "#") { text = String(text[..<fragment]) }
        guard !text.isEmpty else { throw Fault(reason: "it has no address") }
        if let url = HTTPURL(text) { return url }
        switch scheme(of: text) {
        case "http", "https": throw Fault(reason: "its address is not a usable URL")
        case .some: throw Fault(reason: "its address is neither http nor https")
        case nil: break
        }
        guard let directory else { throw Fault(reason: "its address is relative, and no FHIR server says to what") }
        // A relative address lies under the server's base, which is a folder whether or not it is written with a slash.
        let folder = HTTPURL("\(directory.withoutTrailingSlash.description)/") ?? directory
        guard let url = folder.resolving(text) else { throw Fault(reason: "its address is not a usable URL") }
        return url
    }

    /// The scheme (RFC 3986 §3.1), lower-case; nil for a relative reference.
    private static func scheme(of text: String) -> String? {
        guard let colon = text.firstIndex(of: ":"), let first = text.first, first.isASCII, first.isLetter else {
            return nil
        }
        let scheme = text[..<colon]
        let isScheme = scheme.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."):
                true
            default: false
            }
        }
        return isScheme ? scheme.lowercased() : nil
    }

    /// Some writers give the whole way to the images: `…/studies/{study}/series/{series}`. What names the study and all
    /// behind it goes; another study's is a mistake that must not be followed.
    private static func dropResource(_ segments: inout [String], study: UID) throws(Fault) {
        let place = segments.indices.dropLast().last { place in
            ["studies", "study"].contains(segments[place].lowercased()) && UID(lenient: segments[place + 1]) != nil
        }
        guard let place, let named = UID(lenient: segments[place + 1]) else { return }
        if named == study {
            segments.removeSubrange(place...)
        } else if named.string.split(separator: ".").count >= 4 {
            throw Fault(reason: "its address names another study")
        }
    }

    /// The query without what a request will set itself.
    private static func serviceQuery(_ query: String?, study: UID) throws(Fault) -> String? {
        guard let query else { return nil }
        let perRequest: Set<String> = ["requesttype", "studyuid", "seriesuid", "objectuid", "contenttype"]
        var kept: [Substring] = []
        for item in query.split(separator: "&") {
            let pair = item.split(separator: "=", maxSplits: 1)
            guard let name = pair.first?.lowercased(), perRequest.contains(name) else {
                kept.append(item)
                continue
            }
            if name == "studyuid", pair.count == 2, let named = UID(lenient: pair[1]), named != study {
                throw Fault(reason: "its address names another study")
            }
        }
        return kept.isEmpty ? nil : kept.joined(separator: "&")
    }
}
