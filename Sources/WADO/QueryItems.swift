// The query of a request's target, taken apart once. Must not know what any parameter means.
private import HTTP

/// Query items by name. Names are case-sensitive; a plus sign is a plus sign ("application/dicom+json").
struct QueryItems {
    /// Nil: the value could not be decoded.
    private var values: [String: [String?]] = [:]

    private static let itemLimit = 128

    /// - Throws: 400 for more items than any client sends.
    init(_ query: Substring?) throws(WADOError) {
        guard let query, !query.isEmpty else { return }
        let items = query.split(separator: "&")
        guard items.count <= Self.itemLimit else {
            throw WADOError(
                status: 400, message: "The query has \(items.count) items; at most \(Self.itemLimit) are read.")
        }
        for item in items {
            let equals = item.firstIndex(of: "=") ?? item.endIndex
            guard let name = PercentCoding.decode(item[..<equals]) else { continue }
            values[name, default: []].append(PercentCoding.decode(item[equals...].dropFirst()))
        }
    }

    /// The one value of a parameter; nil when it is absent.
    ///
    /// - Throws: 400 when it is given twice or can't be decoded.
    func value(_ name: String) throws(WADOError) -> String? {
        guard let found = values[name] else { return nil }
        guard found.count == 1 else { throw .parameters("The parameter \"\(name)\" is given \(found.count) times.") }
        guard let value = found[0] else {
            throw .parameters("The parameter \"\(name)\" holds a broken percent escape or a control character.")
        }
        return value
    }

    /// Every value of a parameter that may be repeated; undecodable ones are left out.
    func all(_ name: String) -> [String] { (values[name] ?? []).compactMap { $0 } }
}

extension QueryItems {
    /// A whole number written with digits alone.
    ///
    /// - Throws: 400 naming the parameter and its range.
    func number(_ name: String, in range: ClosedRange<Int>) throws(WADOError) -> Int? {
        guard let text = try value(name) else { return nil }
        guard (1...9).contains(text.utf8.count), text.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
            let number = Int(text), range.contains(number)
        else { throw .parameter(name, text, mustBe: "an integer from \(range.lowerBound) to \(range.upperBound)") }
        return number
    }

    /// One word of a fixed set.
    func word(_ name: String, of words: [String]) throws(WADOError) -> String? {
        guard let text = try value(name) else { return nil }
        guard words.contains(text) else {
            throw .parameter(
                name, text, mustBe: words.count == 1 ? words[0] : "one of " + words.joined(separator: ", "))
        }
        return text
    }
}
