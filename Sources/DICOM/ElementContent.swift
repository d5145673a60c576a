// What an element's bytes say, before anybody writes it down: text decoded, values told apart, padding gone.

/// The values of one element that is no sequence. There are none in a value that is empty but for its padding.
enum ElementContent {
    /// In decimal digits, each exactly what the bytes say.
    case numbers([String])
    /// Of 64 bits, which not every reader of a document keeps.
    case longIntegers([String])
    /// DS and IS as they are written.
    case decimals([Substring])
    case tags([Tag])
    case texts([Substring])
    /// PN: of each name its groups, alphabetic, ideographic and phonetic.
    case names([[Substring]])
    /// Little-endian.
    case binary([UInt8])

    /// Nil for numbers without digits: infinities and what is not a number.
    init?(_ element: DataSetReader.Element, _ value: [UInt8], _ characterSet: SpecificCharacterSet) {
        switch element.vr {
        case .ob, .od, .of, .ol, .ov, .ow, .un, .sq:
            self = .binary(element.swappedUnit == 1 ? value : value.swapped(unit: element.swappedUnit))
        case .us, .ss, .ul, .sl, .uv, .sv, .fl, .fd, .at:
            self.init(number: element.vr, Numbers(bytes: value, isBigEndian: element.isBigEndian))
        case .pn:
            self = .names(
                ElementContent.values(characterSet.string(value, delimiters: .names)).map(ElementContent.groups))
        case .ds, .is:
            self = .decimals(
                ElementContent.values(characterSet.string(value)).map {
                    Substring($0.utf8.drop { $0 == UInt8(ascii: " ") })
                })
        case .lt, .st, .ut:
            self = .texts(ElementContent.single(characterSet.string(value, delimiters: .lines)))
        case .ur: self = .texts(ElementContent.single(SpecificCharacterSet.ascii.string(value)))
        case .lo, .sh, .uc: self = .texts(ElementContent.values(characterSet.string(value)))
        default: self = .texts(ElementContent.values(SpecificCharacterSet.ascii.string(value)))
        }
    }

    private init?(number vr: VR, _ numbers: Numbers) {
        switch vr {
        case .us: self = .numbers(numbers.map(2) { "\(numbers.uint16($0))" })
        case .ss: self = .numbers(numbers.map(2) { "\(Int16(bitPattern: numbers.uint16($0)))" })
        case .ul: self = .numbers(numbers.map(4) { "\(numbers.uint32($0))" })
        case .sl: self = .numbers(numbers.map(4) { "\(Int32(bitPattern: numbers.uint32($0)))" })
        case .uv: self = .longIntegers(numbers.map(8) { "\(numbers.uint64($0))" })
        case .sv: self = .longIntegers(numbers.map(8) { "\(Int64(bitPattern: numbers.uint64($0)))" })
        case .at: self = .tags(numbers.map(4) { Tag(numbers.uint16($0), numbers.uint16($0 + 2)) })
        case .fl: self.init(numbers.map(4) { Double(Float(bitPattern: numbers.uint32($0))) })
        default: self.init(numbers.map(8) { Double(bitPattern: numbers.uint64($0)) })
        }
    }

    private init?(_ numbers: [Double]) {
        guard numbers.allSatisfy(\.isFinite) else { return nil }
        self = .numbers(numbers.map { "\($0)" })
    }

    private static func values(_ text: String) -> [Substring] {
        let values = text.utf8.split(separator: UInt8(ascii: "\\"), omittingEmptySubsequences: false)
            .map { trimmed(Substring($0)) }
        return values.count == 1 && values[0].isEmpty ? [] : values
    }

    private static func single(_ text: String) -> [Substring] {
        let value = trimmed(text[...])
        return value.isEmpty ? [] : [value]
    }

    private static func groups(_ name: Substring) -> [Substring] {
        name.utf8.split(separator: UInt8(ascii: "="), maxSplits: 2, omittingEmptySubsequences: false)
            .map { trimmed(Substring($0)) }
    }

    /// Without trailing spaces and NULs, which are padding (PS3.5 §6.2).
    private static func trimmed(_ text: Substring) -> Substring {
        var rest = text.utf8
        while let last = rest.last, last == 0 || last == UInt8(ascii: " ") { rest.removeLast() }
        return Substring(rest)
    }
}

/// Binary numbers of one value.
private struct Numbers {
    let bytes: [UInt8]
    let isBigEndian: Bool

    /// One result for each whole number of so many bytes.
    func map<Result>(_ width: Int, _ result: (Int) -> Result) -> [Result] {
        stride(from: 0, to: bytes.count - bytes.count % width, by: width).map(result)
    }

    func uint16(_ index: Int) -> UInt16 { bytes.uint16(at: index, bigEndian: isBigEndian) }
    func uint32(_ index: Int) -> UInt32 { bytes.uint32(at: index, bigEndian: isBigEndian) }
    func uint64(_ index: Int) -> UInt64 { bytes.uint64(at: index, bigEndian: isBigEndian) }
}

extension [UInt8] {
    private static let base64Digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    /// Appends a value in base64, padded (RFC 4648 §4).
    mutating func append(base64 value: [UInt8]) {
        for start in stride(from: 0, to: value.count, by: 3) {
            let count = Swift.min(3, value.count - start)
            var group = UInt32(value[start]) << 16
            if count > 1 { group |= UInt32(value[start + 1]) << 8 }
            if count > 2 { group |= UInt32(value[start + 2]) }
            for digit in 0..<4 {
                let isPadding = digit > count
                let index = Int(group >> UInt32(18 - 6 * digit) & 63)
                append(isPadding ? UInt8(ascii: "=") : [UInt8].base64Digits[index])
            }
        }
    }
}
