// The Accept field and its like: media ranges with weights, in order of preference.
// Must not know what a resource can offer; the WADO grammar decides that.

/// What a client accepts, best first: by weight, and among equals in the order written (RFC 9110 §12.5.1).
package struct Accept: Hashable, Sendable {
    package struct Entry: Hashable, Sendable {
        /// Without its `q` parameter.
        package var range: MediaType
        /// Thousandths, 0 to 1000. 0 means: not this.
        package var weight: Int
    }

    package let entries: [Entry]

    /// The most entries that are looked at; a client that sends more gets what its first ones ask for.
    private static let entryLimit = 64

    /// Reads the values of all Accept lines; entries that can't be read are left out. No line, or nothing but blanks,
    /// means `*/*`.
    package init(_ values: [String]) {
        var found: [Entry] = []
        var isBlank = true
        for value in values {
            if value.utf8.contains(where: { $0 != UInt8(ascii: " ") && $0 != UInt8(ascii: "\t") }) { isBlank = false }
            for range in MediaType.list(parsing: value) where found.count < Self.entryLimit {
                found.append(Entry(range))
            }
        }
        if isBlank { found = [Entry(MediaType("*/*"))] }
        entries = found.enumerated()
            .sorted { ($1.element.weight, $0.offset) < ($0.element.weight, $1.offset) }
            .map(\.element)
    }
}

extension Accept.Entry {
    fileprivate init(_ written: MediaType) {
        range = written
        range.parameters.removeAll { $0.name == "q" }
        weight = written[parameter: "q"].flatMap(Self.weight) ?? 1000
    }

    /// "0.8" → 800; nil when it isn't a number from 0 to 1 with at most three digits.
    private static func weight(_ text: String) -> Int? {
        let parts = text.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        guard let whole = parts.first, whole == "0" || whole == "1" || (whole.isEmpty && parts.count == 2) else {
            return nil
        }
        let digits = parts.count == 2 ? parts[1] : ""
        guard digits.utf8.count <= 3, digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        let fraction = Int(digits + String(repeating: "0", count: 3 - digits.utf8.count)) ?? 0
        return min(1000, (whole == "1" ? 1000 : 0) + fraction)
    }
}
