// Values of each VR as JSON (PS3.18 §F.2.3 to §F.2.6).

extension DataSetReader.Element {
    /// Whether every number of an FL or FD value is one that JSON can say.
    func isFinite(_ value: [UInt8]) -> Bool {
        switch vr {
        case .fl:
            numbers(value, 4) { Float(bitPattern: value.uint32(at: $0, bigEndian: isBigEndian)).isFinite }
                .allSatisfy { $0 }
        case .fd:
            numbers(value, 8) { Double(bitPattern: value.uint64(at: $0, bigEndian: isBigEndian)).isFinite }
                .allSatisfy { $0 }
        default: true
        }
    }

    /// One result for each whole number of so many bytes.
    fileprivate func numbers<Result>(_ value: [UInt8], _ width: Int, _ result: (Int) -> Result) -> [Result] {
        stride(from: 0, to: value.count - value.count % width, by: width).map(result)
    }
}

extension JSONOutput {
    /// `,"Value":[…]`, or nothing for a value that is empty but for its padding.
    mutating func value(_ element: DataSetReader.Element, _ value: [UInt8], _ characterSet: SpecificCharacterSet) {
        let big = element.isBigEndian
        switch element.vr {
        case .us: array(element.numbers(value, 2) { "\(value.uint16(at: $0, bigEndian: big))" })
        case .ss: array(element.numbers(value, 2) { "\(Int16(bitPattern: value.uint16(at: $0, bigEndian: big)))" })
        case .ul: array(element.numbers(value, 4) { "\(value.uint32(at: $0, bigEndian: big))" })
        case .sl: array(element.numbers(value, 4) { "\(Int32(bitPattern: value.uint32(at: $0, bigEndian: big)))" })
        case .uv: array(element.numbers(value, 8) { JSONOutput.exact(value.uint64(at: $0, bigEndian: big)) })
        case .sv:
            array(
                element.numbers(value, 8) { JSONOutput.exact(Int64(bitPattern: value.uint64(at: $0, bigEndian: big))) })
        case .fl:
            array(element.numbers(value, 4) { "\(Double(Float(bitPattern: value.uint32(at: $0, bigEndian: big))))" })
        case .fd: array(element.numbers(value, 8) { "\(Double(bitPattern: value.uint64(at: $0, bigEndian: big)))" })
        case .at:
            array(
                element.numbers(value, 4) {
                    "\"\(Tag(value.uint16(at: $0, bigEndian: big), value.uint16(at: $0 + 2, bigEndian: big)).hex)\""
                })
        case .pn: personNames(characterSet.string(value, delimiters: .names))
        case .ds, .is: numbersOfText(characterSet.string(value))
        case .lt, .st, .ut: strings([characterSet.string(value, delimiters: .lines)[...]])
        case .ur: strings([SpecificCharacterSet.ascii.string(value)[...]])
        case .lo, .sh, .uc: strings(JSONOutput.values(characterSet.string(value)))
        default: strings(JSONOutput.values(SpecificCharacterSet.ascii.string(value)))
        }
    }

    private mutating func array(_ texts: [String]) {
        guard !texts.isEmpty else { return }
        raw(",\"Value\":[" + texts.joined(separator: ",") + "]")
    }

    /// As a number where every reader of JSON keeps it, else as a string.
    private static func exact<Number: FixedWidthInteger>(_ number: Number) -> String {
        number.magnitude <= 1 << 53 ? "\(number)" : "\"\(number)\""
    }

    private static func values(_ text: String) -> [Substring] {
        text.utf8.split(separator: UInt8(ascii: "\\"), omittingEmptySubsequences: false).map { Substring($0) }
    }

    /// Without trailing spaces and NULs, which are padding (PS3.5 §6.2).
    private static func trimmed(_ text: Substring) -> Substring {
        var rest = text.utf8
        while let last = rest.last, last == 0 || last == UInt8(ascii: " ") { rest.removeLast() }
        return Substring(rest)
    }

    private mutating func strings(_ values: [Substring]) {
        list(values.map(JSONOutput.trimmed)) { $0.string($1) }
    }

    /// DS and IS: the digits as they stand, so that no precision is lost; what is no number stays a string.
    private mutating func numbersOfText(_ text: String) {
        list(JSONOutput.values(text).map { Substring(JSONOutput.trimmed($0).utf8.drop { $0 == UInt8(ascii: " ") }) }) {
            if let number = JSONNumber($1) { $0.raw(number.text) } else { $0.string($1) }
        }
    }

    /// PN: up to three groups of characters, of which those that are empty are left out.
    private mutating func personNames(_ text: String) {
        list(JSONOutput.values(text).map(JSONOutput.trimmed)) { output, name in
            let groups = name.utf8.split(separator: UInt8(ascii: "="), maxSplits: 2, omittingEmptySubsequences: false)
            var separator = "{"
            for (key, group) in zip(["Alphabetic", "Ideographic", "Phonetic"], groups) {
                let group = JSONOutput.trimmed(Substring(group))
                guard !group.isEmpty else { continue }
                output.raw("\(separator)\"\(key)\":")
                output.string(group)
                separator = ","
            }
            output.raw(separator == "{" ? "{}" : "}")
        }
    }

    /// Values with `null` for those that are empty; nothing if there is but an empty one.
    private mutating func list(_ values: [Substring], _ write: (inout JSONOutput, Substring) -> Void) {
        guard values.count > 1 || values.first?.isEmpty == false else { return }
        raw(",\"Value\":[")
        for (index, value) in values.enumerated() {
            if index > 0 { raw(",") }
            if value.isEmpty { raw("null") } else { write(&self, value) }
        }
        raw("]")
    }
}

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
