// Media types: read leniently, as backends and viewers write them, written exactly.
// Must not know which types DICOM uses; Accept.swift builds lists of them.

/// A media type with parameters: lower-case type, parameter names lower-case, values unquoted.
package struct MediaType: Hashable, Sendable, CustomStringConvertible {
    /// "application/dicom+json"
    package var type: String
    /// In the order written, doubled ones too.
    package var parameters: [Parameter]

    package struct Parameter: Hashable, Sendable {
        package var name: String
        package var value: String
        package init(name: String, value: String) {
            self.name = name
            self.value = value
        }
    }

    package init(_ type: String, _ parameters: [(String, String)] = []) {
        self.type = type
        self.parameters = parameters.map { Parameter(name: $0.0, value: $0.1) }
    }

    /// Lenient, for what backends and clients send: values with "/" but without quotes, in single quotes, spaces around
    /// "=" and ";", any case, empty parameters. Nil when there is no "type/subtype" at its beginning.
    ///
    /// Spec: RFC 9110 §8.3.1.
    package init?(parsing text: some StringProtocol) {
        var reader = MediaTypeReader(text)
        guard let value = reader.mediaType(), reader.isAtEnd else { return nil }
        self = value
    }

    /// Every media type of a comma-separated list; entries that can't be read are left out.
    package static func list(parsing text: some StringProtocol) -> [MediaType] {
        var reader = MediaTypeReader(text)
        var result: [MediaType] = []
        while !reader.isAtEnd {
            if let value = reader.mediaType() { result.append(value) }
            reader.skipToNextEntry()
        }
        return result
    }

    /// The first value of that parameter.
    package subscript(parameter name: String) -> String? {
        parameters.first { $0.name == name }?.value
    }

    /// Every value of that parameter.
    package func values(ofParameter name: String) -> [String] {
        parameters.filter { $0.name == name }.map(\.value)
    }

    /// Written with quotes where RFC 9110 demands them.
    package var description: String {
        parameters.reduce(into: type) { text, parameter in
            text += "; \(parameter.name)=\(Self.written(parameter.value))"
        }
    }

    private static func written(_ value: String) -> String {
        if !value.isEmpty, value.utf8.allSatisfy(FieldSyntax.isToken) { return value }
        var quoted = "\""
        for character in value.unicodeScalars {
            if character == "\"" || character == "\\" { quoted.unicodeScalars.append("\\") }
            quoted.unicodeScalars.append(character)
        }
        return quoted + "\""
    }
}

/// Walks over the octets of a media type or of a list of them.
private struct MediaTypeReader {
    private let bytes: [UInt8]
    private var position = 0

    init(_ text: some StringProtocol) {
        bytes = Array(text.utf8)
        skipSpace()
    }

    var isAtEnd: Bool { position >= bytes.count }

    private var next: UInt8? { position < bytes.count ? bytes[position] : nil }

    private mutating func skipSpace() {
        while let byte = next, byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") { position += 1 }
    }

    /// Up to "," or the end; what stands in double quotes is skipped whole.
    mutating func skipToNextEntry() {
        while let byte = next, byte != UInt8(ascii: ",") {
            if byte == UInt8(ascii: "\"") { _ = quoted(by: byte) } else { position += 1 }
        }
        position += 1
        skipSpace()
    }

    /// Leaves the position at "," or the end; else the text was not a media type.
    mutating func mediaType() -> MediaType? {
        let main = text(while: FieldSyntax.isToken)
        guard !main.isEmpty, next == UInt8(ascii: "/") else { return nil }
        position += 1
        let sub = text(while: FieldSyntax.isToken)
        guard !sub.isEmpty else { return nil }
        var result = MediaType("\(main)/\(sub)".lowercased())
        skipSpace()
        while next == UInt8(ascii: ";") {
            position += 1
            skipSpace()
            let name = text(while: FieldSyntax.isToken).lowercased()
            skipSpace()
            guard next == UInt8(ascii: "=") else {
                // A lone word or nothing at all: says nothing.
                continue
            }
            position += 1
            skipSpace()
            let value = value()
            if !name.isEmpty { result.parameters.append(MediaType.Parameter(name: name, value: value)) }
            skipSpace()
        }
        return isAtEnd || next == UInt8(ascii: ",") ? result : nil
    }

    private mutating func value() -> String {
        switch next {
        case UInt8(ascii: "\""): return quoted(by: UInt8(ascii: "\""))
        case UInt8(ascii: "'"):
            let start = position
            let value = quoted(by: UInt8(ascii: "'"))
            let isClosed = position <= bytes.count
            skipSpace()
            // An apostrophe is also a token's octet: only a pair of them around the whole value are quotes.
            if isClosed, isAtEnd || next == UInt8(ascii: ";") || next == UInt8(ascii: ",") { return value }
            position = start
        default: break
        }
        return text { $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: ";") && $0 != UInt8(ascii: ",") }
    }

    /// Reads over the closing quote, or to the end when there is none.
    private mutating func quoted(by quote: UInt8) -> String {
        var value: [UInt8] = []
        position += 1
        while let byte = next, byte != quote {
            if byte == UInt8(ascii: "\\"), position + 1 < bytes.count { position += 1 }
            value.append(bytes[position])
            position += 1
        }
        position += 1
        return String(decoding: value, as: UTF8.self)
    }

    private mutating func text(while belongs: (UInt8) -> Bool) -> String {
        let start = position
        while let byte = next, belongs(byte) { position += 1 }
        return String(decoding: bytes[start..<position], as: UTF8.self)
    }
}
