// Values of each VR as JSON (PS3.18 §F.2.3 to §F.2.6).

extension JSONOutput {
    /// `,"Value":[…]` or `,"InlineBinary":"…"`, or nothing where there are no values.
    mutating func content(_ content: ElementContent) {
        switch content {
        case .numbers(let numbers): list(numbers) { $0.raw($1) }
        case .longIntegers(let integers): list(integers) { $0.raw(JSONOutput.exact($1)) }
        case .tags(let tags): list(tags) { $0.string($1.hex) }
        case .texts(let texts): values(texts) { $0.string($1) }
        case .decimals(let decimals):
            // The digits as they stand, so that no precision is lost; what is no number stays a string.
            values(decimals) {
                if let number = JSONNumber($1) { $0.raw(number.text) } else { $0.string($1) }
            }
        case .names(let names): list(names) { $0.name($1) }
        case .binary(let binary):
            raw(",\"InlineBinary\":\"")
            bytes.append(base64: binary)
            raw("\"")
        }
    }

    /// As a number where every reader of JSON keeps it, else as a string.
    private static func exact(_ number: String) -> String {
        guard let magnitude = UInt64(number.drop { $0 == "-" }), magnitude <= 1 << 53 else { return "\"\(number)\"" }
        return number
    }

    /// Texts, with `null` for those that are empty.
    private mutating func values(_ texts: [Substring], _ write: (inout JSONOutput, Substring) -> Void) {
        list(texts) { output, text in
            if text.isEmpty { output.raw("null") } else { write(&output, text) }
        }
    }

    private mutating func list<Value>(_ values: [Value], _ write: (inout JSONOutput, Value) -> Void) {
        guard !values.isEmpty else { return }
        raw(",\"Value\":[")
        for (index, value) in values.enumerated() {
            if index > 0 { raw(",") }
            write(&self, value)
        }
        raw("]")
    }

    /// Up to three groups of characters, of which those that are empty are left out; `null` for no name at all.
    private mutating func name(_ groups: [Substring]) {
        guard groups.count > 1 || groups.first?.isEmpty == false else { return raw("null") }
        var separator = "{"
        for (key, group) in zip(["Alphabetic", "Ideographic", "Phonetic"], groups) where !group.isEmpty {
            raw("\(separator)\"\(key)\":")
            string(group)
            separator = ","
        }
        raw(separator == "{" ? "{}" : "}")
    }
}
