// The numbers of JSON, and which text is one.

/// The text of a DS or IS value in the form that JSON has for numbers (RFC 8259 §6).
struct JSONNumber {
    let text: String

    /// Nil for what is no decimal number.
    init?(_ value: Substring) {
        var rest = value.utf8
        let isNegative = rest.first == UInt8(ascii: "-")
        if isNegative || rest.first == UInt8(ascii: "+") { rest.removeFirst() }
        let whole = JSONNumber.digits(&rest)
        var fraction = Substring()
        if rest.first == UInt8(ascii: ".") {
            rest.removeFirst()
            fraction = JSONNumber.digits(&rest)
        }
        guard !(whole.isEmpty && fraction.isEmpty) else { return nil }
        var exponent = ""
        if let mark = rest.first, mark == UInt8(ascii: "e") || mark == UInt8(ascii: "E") {
            rest.removeFirst()
            let sign = rest.first == UInt8(ascii: "-") ? "-" : ""
            if !sign.isEmpty || rest.first == UInt8(ascii: "+") { rest.removeFirst() }
            let digits = JSONNumber.digits(&rest)
            guard (1...3).contains(digits.utf8.count) else { return nil }
            exponent = "e\(sign)\(digits)"
        }
        guard rest.isEmpty else { return nil }
        let significant = whole.drop { $0 == "0" }
        let integer = significant.isEmpty ? "0" : significant
        text = (isNegative ? "-" : "") + integer + (fraction.isEmpty ? "" : ".\(fraction)") + exponent
        // Beyond what a double holds JSON readers fail or say infinity.
        guard let number = Double(text), number.isFinite else { return nil }
    }

    private static func digits(_ rest: inout Substring.UTF8View) -> Substring {
        let digits = rest.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        rest = rest.dropFirst(digits.count)
        return Substring(digits)
    }
}
