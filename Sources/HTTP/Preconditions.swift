// Conditional requests: whether a representation is sent, and whether a range of it may be. Reads no clock and no store.

/// The preconditions of one GET or HEAD (RFC 9110 §13).
package struct Preconditions: Sendable, Hashable {
    package enum Outcome: Sendable, Hashable {
        /// Send the representation; the Range field counts only if `allowsRange`.
        case proceed(allowsRange: Bool)
        /// Answer 304.
        case notModified
        /// Answer 412.
        case failed
    }

    private enum Tags: Sendable, Hashable {
        case any
        case listed([EntityTag])

        init?(_ lines: [String]) {
            guard !lines.isEmpty else { return nil }
            let text = lines.joined(separator: ",")
            let isStar = text.utf8.filter { !FieldSyntax.isBlank($0) }.elementsEqual("*".utf8)
            self = isStar ? .any : .listed(EntityTag.list(text).tags)
        }

        func contains(where matches: (EntityTag) -> Bool) -> Bool {
            switch self {
            case .any: true
            case .listed(let tags): tags.contains(where: matches)
            }
        }
    }

    private var ifMatch: Tags?
    private var ifNoneMatch: Tags?
    private var ifModifiedSince: Int64?
    private var ifUnmodifiedSince: Int64?
    private var ifRange: String?

    package init(_ fields: HTTPFields) {
        ifMatch = Tags(fields.values("If-Match"))
        ifNoneMatch = Tags(fields.values("If-None-Match"))
        ifModifiedSince = fields["If-Modified-Since"].flatMap { HTTPDate.parse($0) }
        ifUnmodifiedSince = fields["If-Unmodified-Since"].flatMap { HTTPDate.parse($0) }
        ifRange = fields["If-Range"]
    }

    /// Decides in the order of RFC 9110 §13.2.2. A condition that the representation can't be held against, for want of
    /// a tag or a date, is ignored, save that If-Match then fails.
    ///
    /// - Parameter lastModified: seconds since 1970.
    package func evaluate(tag: EntityTag?, lastModified: Int64?) -> Outcome {
        if let ifMatch {
            guard ifMatch.contains(where: { tag?.stronglyMatches($0) ?? false }) else { return .failed }
        } else if let ifUnmodifiedSince, let lastModified, lastModified > ifUnmodifiedSince {
            return .failed
        }
        if let ifNoneMatch {
            if ifNoneMatch.contains(where: { tag?.weaklyMatches($0) ?? false }) { return .notModified }
        } else if let ifModifiedSince, let lastModified, lastModified <= ifModifiedSince {
            return .notModified
        }
        return .proceed(allowsRange: rangeIsAllowed(tag: tag, lastModified: lastModified))
    }

    /// If-Range holds a strong tag or a date, and only an exact match lets the Range field count.
    private func rangeIsAllowed(tag: EntityTag?, lastModified: Int64?) -> Bool {
        guard let ifRange else { return true }
        if let wanted = EntityTag(ifRange) { return tag?.stronglyMatches(wanted) ?? false }
        guard let date = HTTPDate.parse(ifRange), let lastModified else { return false }
        return date == lastModified
    }
}
