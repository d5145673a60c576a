// Decimal numbers as they stand in query parameters: read strictly, written without exponent. Knows no parameter.

/// A decimal number's text, checked and in one spelling: "+040.50" is "40.5".
struct Decimal: Hashable, Sendable {
    let text: String

    /// The longest number that is read.
    private static let lengthLimit = 32

    /// Nil unless the text is an optional sign, digits, and perhaps a point with digits: no exponent, no blanks.
    init?(_ written: some StringProtocol) {
        guard (1...Self.lengthLimit).contains(written.utf8.count) else { return nil }
        var rest = Array(written.utf8)[...]
        let isNegative = rest.first == UInt8(ascii: "-")
        if isNegative || rest.first == UInt8(ascii: "+") { rest.removeFirst() }
        let whole = rest.prefix(while: Self.isDigit)
        rest = rest[whole.endIndex...]
        var fraction: ArraySlice<UInt8> = []
        if rest.first == UInt8(ascii: ".") {
            fraction = rest.dropFirst().prefix(while: Self.isDigit)
            rest = rest[fraction.endIndex...]
        }
        guard rest.isEmpty, !whole.isEmpty || !fraction.isEmpty else { return nil }
        let significant = whole.drop { $0 == UInt8(ascii: "0") }
        while fraction.last == UInt8(ascii: "0") { fraction.removeLast() }
        var spelled = significant.isEmpty ? "0" : String(decoding: significant, as: UTF8.self)
        if !fraction.isEmpty { spelled += "." + String(decoding: fraction, as: UTF8.self) }
        text = isNegative && spelled != "0" ? "-" + spelled : spelled
    }

    /// The nearest text with at most eight decimals.
    ///
    /// - Parameter value: finite and below 10^9 in magnitude; others become 0.
    init(_ value: Double) {
        guard value.isFinite, value.magnitude < 1e9 else {
            text = "0"
            return
        }
        let scaled = Int64((value.magnitude * 1e8).rounded())
        let digits = String(scaled % 100_000_000)
        let written =
            "\(value < 0 ? "-" : "")\(scaled / 100_000_000)."
            + String(repeating: "0", count: 8 - digits.utf8.count) + digits
        text = Decimal(written)?.text ?? "0"
    }

    var value: Double { Double(text) ?? 0 }

    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
}
