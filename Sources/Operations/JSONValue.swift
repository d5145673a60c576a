// JSON as the gateway's own reports need it: written, never read. Knows nothing of what it reports.

/// A JSON value to be written. Members keep their order.
package indirect enum JSONValue: Sendable {
    case null
    case flag(Bool)
    case integer(Int64)
    /// Written in milliseconds with three decimals.
    case milliseconds(Duration)
    case text(String)
    case array([JSONValue])
    case object([(String, JSONValue)])

    /// Null for nil.
    package static func optional(_ text: String?) -> JSONValue { text.map { .text($0) } ?? .null }

    /// On one line, without blanks.
    package var line: String {
        var text = ""
        write(to: &text, indent: nil)
        return text
    }

    /// For people: a member or element a line, two blanks a level, and a line feed at the end.
    package var page: String {
        var text = ""
        write(to: &text, indent: 0)
        return text + "\n"
    }

    private func write(to text: inout String, indent: Int?) {
        switch self {
        case .null: text += "null"
        case .flag(let flag): text += flag ? "true" : "false"
        case .integer(let number): text += "\(number)"
        case .milliseconds(let duration): text += Self.milliseconds(duration)
        case .text(let string): Self.quote(string, into: &text)
        case .array(let items):
            Self.enclose("[", "]", items, into: &text, indent) { item, text, indent in
                item.write(to: &text, indent: indent)
            }
        case .object(let members):
            Self.enclose("{", "}", members, into: &text, indent) { member, text, indent in
                Self.quote(member.0, into: &text)
                text += indent == nil ? ":" : ": "
                member.1.write(to: &text, indent: indent)
            }
        }
    }

    private static func enclose<Item>(
        _ open: String, _ close: String, _ items: [Item], into text: inout String, _ indent: Int?,
        _ write: (Item, inout String, Int?) -> Void
    ) {
        text += open
        let inner = indent.map { $0 + 2 }
        for (index, item) in items.enumerated() {
            if index > 0 { text += "," }
            if let inner { text += "\n" + String(repeating: " ", count: inner) }
            write(item, &text, inner)
        }
        if let indent, !items.isEmpty { text += "\n" + String(repeating: " ", count: indent) }
        text += close
    }

    /// Escapes what JSON demands (RFC 8259 §7), and what could forge a line or turn a terminal's writing around.
    private static func quote(_ string: String, into text: inout String) {
        text += "\""
        for scalar in string.unicodeScalars {
            switch scalar {
            case "\"": text += "\\\""
            case "\\": text += "\\\\"
            case "\n": text += "\\n"
            case "\r": text += "\\r"
            case "\t": text += "\\t"
            case _ where scalar.mustBeEscaped:
                let digits = String(scalar.value, radix: 16)
                text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: text.unicodeScalars.append(scalar)
            }
        }
        text += "\""
    }

    static func milliseconds(_ duration: Duration) -> String {
        let (seconds, attoseconds) = duration.components
        let micros = seconds * 1_000_000 + attoseconds / 1_000_000_000_000
        let fraction = String(abs(micros % 1000))
        return "\(micros / 1000)." + String(repeating: "0", count: 3 - fraction.count) + fraction
    }
}

extension Unicode.Scalar {
    /// Control characters, line separators and the marks that turn the direction of writing; all in the basic plane.
    var mustBeEscaped: Bool {
        switch value {
        case 0..<0x20, 0x7F...0x9F, 0x200E, 0x200F, 0x2028...0x202E, 0x2066...0x2069, 0xFEFF: true
        default: false
        }
    }
}
