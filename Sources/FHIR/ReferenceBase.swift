// References in one canonical spelling, so that "Endpoint/1", its absolute URL and a versioned one are the same thing.
package import HTTP

/// Against what the references of one document resolve. Spec: FHIR R4 §2.3.0 "Resource References", §3.2.5 "fullUrl".
///
/// A canonical reference is "Endpoint/1" for a resource of the asked server, the whole URL for one elsewhere, and
/// "urn:uuid:…" as it stands.
package struct ReferenceBase: Sendable {
    /// The server's base as configured; nil for documents that came from no server.
    package let server: HTTPURL?
    /// The server's base in its own words, when it lies behind a proxy that renames it (from `Bundle.link[self]`).
    package let ownName: HTTPURL?

    package init(server: HTTPURL?, ownName: HTTPURL? = nil) {
        self.server = server
        self.ownName = ownName
    }

    /// A reference as the resource with that `fullUrl` means it.
    package func canonical(_ reference: String, in fullURL: String? = nil) -> String {
        let text = Self.withoutVersion(reference)
        if text.hasPrefix("urn:") { return text }
        if let url = HTTPURL(text) { return canonical(url) }
        let relative = text.hasPrefix("/") ? String(text.dropFirst()) : text
        guard let home = fullURL.flatMap({ HTTPURL(Self.withoutVersion($0)) }).flatMap(Self.base(ofResource:)) else {
            return relative
        }
        if isOwn(home) { return relative }
        return "\(home.description)/\(relative)"
    }

    /// The URL under the configured base for a URL that the server wrote with its own name; other URLs unchanged.
    package func rebased(_ url: HTTPURL) -> HTTPURL {
        guard let server, !server.contains(url), let path = ownName?.pathBelow(url) else { return url }
        return server.appending(path: path, query: url.query)
    }

    private func isOwn(_ base: HTTPURL) -> Bool {
        [server, ownName].contains { $0.map { $0.contains(base) && base.contains($0) } ?? false }
    }

    private func canonical(_ url: HTTPURL) -> String {
        for own in [server, ownName] {
            if let rest = own?.pathBelow(url)?.drop(while: { $0 == "/" }), !rest.isEmpty { return String(rest) }
        }
        return url.description
    }

    /// "Type/id/_history/n" → "Type/id".
    private static func withoutVersion(_ reference: String) -> String {
        let text = reference.trimmingSpaces()
        guard let history = text.range(ofText: "/_history/") else { return text }
        return String(text[..<history.lowerBound])
    }

    /// "http://a/fhir/ImagingStudy/1" → "http://a/fhir"; nil for a URL that is too short to be a resource's.
    static func base(ofResource url: HTTPURL) -> HTTPURL? {
        var segments = url.path.split(separator: "/")
        guard segments.count >= 2 else { return nil }
        segments.removeLast(2)
        return HTTPURL("\(url.origin)/\(segments.joined(separator: "/"))")?.withoutTrailingSlash
    }

    /// The server's base from the address of a search: "http://a/fhir/ImagingStudy?identifier=…" → "http://a/fhir".
    static func base(ofSearch url: HTTPURL) -> HTTPURL? {
        var segments = url.path.split(separator: "/")
        if segments.last == "_search" { segments.removeLast() }
        guard segments.last == "ImagingStudy" || segments.last == "Endpoint" else { return nil }
        segments.removeLast()
        return HTTPURL("\(url.origin)/\(segments.joined(separator: "/"))")?.withoutTrailingSlash
    }
}

extension HTTPURL {
    /// The same URL whose path does not end in "/"; the root keeps its slash.
    package var withoutTrailingSlash: HTTPURL {
        guard path.count > 1, path.last == "/" else { return self }
        var path = path
        while path.count > 1, path.last == "/" { path.removeLast() }
        return HTTPURL("\(origin)\(path)\(query.map { "?\($0)" } ?? "")") ?? self
    }
}

extension String {
    func trimmingSpaces() -> String {
        var text = Substring(self)
        while let last = text.unicodeScalars.last, last.value <= 0x20 { text.unicodeScalars.removeLast() }
        while let first = text.unicodeScalars.first, first.value <= 0x20 { text.unicodeScalars.removeFirst() }
        return String(text)
    }

    /// The first place of a text of ASCII characters.
    func range(ofText text: String) -> Range<String.Index>? {
        let wanted = Array(text.utf8)
        let bytes = utf8
        var start = bytes.startIndex
        while let end = bytes.index(start, offsetBy: wanted.count, limitedBy: bytes.endIndex) {
            if bytes[start..<end].elementsEqual(wanted) { return start..<end }
            start = bytes.index(after: start)
        }
        return nil
    }
}
