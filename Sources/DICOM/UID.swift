// DICOM unique identifiers, checked once so that everything behind may put them into paths and URLs.

/// A DICOM UID: 1 to 64 characters, digits and dots, no empty component (PS3.5 §9.1).
///
/// Leading zeros in a component are accepted, since real archives hold such UIDs. A value of this type is safe as a file
/// name and as a URL path segment.
package struct UID: Hashable, Sendable, Comparable, CustomStringConvertible {
    package let string: String

    /// Nil unless the text is a UID exactly: no padding, no `urn:oid:`.
    package init?(_ text: some StringProtocol) { self.init(String(text)) }

    /// The same for the type that most callers have: this one is compiled for it, wherever they stand.
    package init?(_ text: String) {
        let bytes = text.utf8
        guard (1...64).contains(bytes.count) else { return nil }
        var previousIsDot = true
        for byte in bytes {
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): previousIsDot = false
            case UInt8(ascii: ".") where !previousIsDot: previousIsDot = true
            default: return nil
            }
        }
        guard !previousIsDot else { return nil }
        string = text
    }

    /// Reads a UID as FHIR resources and sloppy archives write it: spaces and NULs around it and `urn:oid:` before it go.
    package init?(lenient text: some StringProtocol) {
        var text = Substring(text)
        while let last = text.unicodeScalars.last, last == " " || last == "\0" { text.unicodeScalars.removeLast() }
        while let first = text.unicodeScalars.first, first == " " || first == "\0" { text.unicodeScalars.removeFirst() }
        if text.lowercased().hasPrefix("urn:oid:") { text = text.dropFirst(8) }
        self.init(String(text))
    }

    /// Reads a UID that stands in our own source, so anything but a UID is our bug.
    package init(literal text: StaticString, _ suffix: StaticString = "") {
        guard let uid = UID("\(text)\(suffix)") else { preconditionFailure("\(text)\(suffix) is no UID") }
        self = uid
    }

    /// Reads the value of a UI element: padding by NUL or space is tolerated on both sides, and nothing else.
    package init?(elementValue bytes: [UInt8]) {
        let isPadding: (UInt8) -> Bool = { $0 == 0 || $0 == UInt8(ascii: " ") }
        var text = bytes[...].drop(while: isPadding)
        while let last = text.last, isPadding(last) { text.removeLast() }
        self.init(String(decoding: text, as: UTF8.self))
    }

    package var description: String { string }

    package static func < (left: UID, right: UID) -> Bool { left.string < right.string }
}
