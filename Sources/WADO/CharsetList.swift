// The character sets in which a client takes a text, and in which of several places it says so. Must not know which ones
// an archive can write.
internal import HTTP

/// Character sets by name, best first (PS3.18 §8.8).
struct CharsetList: Hashable, Sendable {
    /// Lower-case names, "*" for any; at least one.
    let names: [String]

    /// The most that are passed on.
    private static let limit = 8

    /// Reads names with weights: "utf-8, iso-8859-1;q=0.5".
    ///
    /// Nil when an entry is no name, or none is wanted at all.
    init?(_ text: some StringProtocol) {
        let entries = text.split(separator: ",", omittingEmptySubsequences: false)
            .map { "text/" + $0.trimmingBlanks }
        let ranges = Accept(entries).entries
        guard ranges.count == entries.count, ranges.allSatisfy({ Self.isName($0.range.type.dropFirst(5)) }) else {
            return nil
        }
        self.init(names: ranges.filter { $0.weight > 0 }.map { String($0.range.type.dropFirst(5)) })
    }

    /// The names that can be read; nil when there is none.
    init?(names written: [String]) {
        var names: [String] = []
        for name in written.map({ $0.lowercased() }) where Self.isName(name) {
            let name = name == "utf8" ? "utf-8" : name
            if !names.contains(name) { names.append(name) }
        }
        guard !names.isEmpty else { return nil }
        self.names = Array(names.prefix(Self.limit))
    }

    /// Whether a text in UTF-8, which is what an archive sends that is told nothing, is one of those asked for.
    var allowsUTF8: Bool { names.contains { $0 == "utf-8" || $0 == "*" } }

    /// What IANA's names are made of.
    private static func isName(_ text: some StringProtocol) -> Bool {
        (1...40).contains(text.utf8.count)
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"):
                    true
                default: "-_.+*".utf8.contains(byte)
                }
            }
    }
}

extension StringProtocol {
    /// Without spaces and tabs at both ends.
    fileprivate var trimmingBlanks: String {
        let isBlank: (Character) -> Bool = { $0 == " " || $0 == "\t" }
        var text = drop(while: isBlank)
        while let last = text.last, isBlank(last) { text.removeLast() }
        return String(text)
    }
}

extension QueryItems {
    /// The query parameter `charset`.
    ///
    /// - Throws: 400 for a list that is none.
    func charsets() throws(WADOError) -> CharsetList? {
        guard let text = try value("charset") else { return nil }
        guard let list = CharsetList(text) else {
            throw .parameter("charset", text, mustBe: "a list of character set names")
        }
        return list
    }
}

extension Negotiation {
    /// The character sets that a text is wanted in: those of the media types asked for, else the query's, else those of the
    /// Accept-Charset field, which counts for nothing when it cannot be read (PS3.18 §8.8.1).
    func charsets(query: CharsetList?, fields: [String]) -> [String] {
        let written = CharsetList(names: textCharsets) ?? query ?? CharsetList(fields.joined(separator: ","))
        return written?.names ?? []
    }
}
