// The bytes of a Native DICOM Model document as they grow: elements, attributes, escapes. Knows no data set.

/// A buffer that XML is appended to.
struct XMLOutput: ModelOutput {
    var bytes: [UInt8] = []

    private static let replacement = Array("\u{FFFD}".utf8)

    /// Spaces count in values, so none stand elsewhere.
    mutating func beginDocument() {
        raw("<?xml version=\"1.0\" encoding=\"UTF-8\"?><NativeDicomModel")
        attribute("xmlns", "http://dicom.nema.org/PS3.19/models/NativeDICOM")
        attribute("xml:space", "preserve")
        raw(">")
    }

    mutating func endDocument() { raw("</NativeDicomModel>") }

    mutating func beginElement(_ tag: Tag, _ vr: VR, creator: String?) {
        raw("<DicomAttribute")
        // A creator stands for the block that it reserves, which is cleared (PS3.19 table A.1.5-2).
        attribute("tag", (creator == nil ? tag : Tag(tag.group, tag.element & 0xFF)).hex)
        attribute("vr", vr.description)
        if let keyword = DataDictionary.keyword(of: tag) { attribute("keyword", keyword) }
        if let creator { attribute("privateCreator", creator) }
        raw(">")
    }

    mutating func endElement() { raw("</DicomAttribute>") }

    mutating func bulkData(_ url: String, of element: DataSetReader.Element, at path: ElementPath) {
        raw("<BulkData uri=\"\(url)\"/>")
    }

    mutating func beginItems() {}
    mutating func endItems() {}

    mutating func beginItem(_ number: Int) { raw("<Item number=\"\(number)\">") }
    mutating func endItem() { raw("</Item>") }

    mutating func content(_ content: ElementContent) {
        switch content {
        case .numbers(let numbers), .longIntegers(let numbers): values(numbers)
        case .decimals(let texts), .texts(let texts): values(texts)
        case .tags(let tags): values(tags.map(\.hex))
        case .names(let names):
            for (index, name) in names.enumerated() {
                raw("<PersonName number=\"\(index + 1)\">")
                self.name(name)
                raw("</PersonName>")
            }
        case .binary(let binary):
            raw("<InlineBinary>")
            bytes.append(base64: binary)
            raw("</InlineBinary>")
        }
    }

    private mutating func values(_ texts: [some StringProtocol]) {
        for (index, text) in texts.enumerated() {
            raw("<Value number=\"\(index + 1)\">")
            escaped(text)
            raw("</Value>")
        }
    }

    /// Up to three groups of up to five components, of which those that are empty are left out.
    private mutating func name(_ groups: [Substring]) {
        for (element, group) in zip(["Alphabetic", "Ideographic", "Phonetic"], groups) where !group.isEmpty {
            raw("<\(element)>")
            let components = group.utf8.split(
                separator: UInt8(ascii: "^"), maxSplits: 4, omittingEmptySubsequences: false)
            let names = ["FamilyName", "GivenName", "MiddleName", "NamePrefix", "NameSuffix"]
            for (name, component) in zip(names, components) where !component.isEmpty {
                raw("<\(name)>")
                escaped(Substring(component))
                raw("</\(name)>")
            }
            raw("</\(element)>")
        }
    }

    private mutating func attribute(_ name: String, _ value: String) {
        raw(" \(name)=\"")
        escaped(value)
        raw("\"")
    }

    /// Text as it may stand between tags and in attributes (XML 1.0 §2.2, §2.4).
    ///
    /// White space goes as references, or a reader would change line ends, and tabs in attributes.
    private mutating func escaped(_ text: some StringProtocol) {
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": raw("&amp;")
            case "<": raw("&lt;")
            case ">": raw("&gt;")
            case "\"": raw("&quot;")
            case "\t", "\n", "\r": raw("&#\(scalar.value);")
            case "\0"..<" ", "\u{FFFE}", "\u{FFFF}": bytes += XMLOutput.replacement
            default: bytes += UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter
            }
        }
    }
}
