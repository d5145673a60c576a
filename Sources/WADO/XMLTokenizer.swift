// The grammar of XML, as far as metadata needs it, over bytes that arrive in any pieces. Must not know DICOM.

/// Walks over XML text and stops at every run of text and every whole tag.
///
/// No document type, no CDATA, no processing instruction save the declaration, and no entities but the five that every
/// reader knows: nothing in a Native DICOM Model needs them, and each has been used against readers.
struct XMLTokenizer {
    enum Token: Equatable {
        /// Character data up to the present position; references are checked and not resolved.
        case text
        /// A comment's opening, a whole tag, or the declaration; see `markup`.
        case commentBegan, tag, declaration
        /// Octets of a comment up to the present position.
        case comment
    }

    private enum Place {
        case text
        /// Behind "&"; how many octets of the reference were read.
        case reference
        /// Behind "<".
        case markup(quote: UInt8?)
        /// Behind "<!--"; how many of "-->" were read.
        case comment(matched: Int)
    }

    /// The longest tag: a URL and what stands around it.
    private static let markupLimit = ReferenceRewriter.sizeLimit + (4 << 10)

    private var place = Place.text
    private var reference: [UInt8] = []
    /// The present tag or declaration, from "<" to ">".
    private(set) var markup: [UInt8] = []

    /// Whether the last octet belongs to text, so that the document may end here.
    var isBetween: Bool {
        if case .text = place { return true }
        return false
    }

    /// The next token; nil when there are no more octets.
    ///
    /// - Throws: `.malformed` with the offset in `bytes`; `.tooLarge` for a tag beyond any reason.
    mutating func next(in bytes: Span<UInt8>, at position: inout Int) throws(RewriteError) -> Token? {
        guard position < bytes.count else { return nil }
        let start = position
        while position < bytes.count {
            switch place {
            case .text, .reference:
                try skipText(bytes, &position)
                if case .markup = place, position > start { return .text }
            case .markup(let quote):
                if let token = try readMarkup(bytes, &position, quote: quote) { return token }
            case .comment(let matched):
                if skipComment(bytes, &position, matched: matched) { return .comment }
            }
        }
        switch place {
        case .text, .reference: return .text
        case .comment: return .comment
        case .markup: return nil
        }
    }

    static func error(_ offset: Int, _ detail: String) -> RewriteError { .malformed(offset: offset, detail: detail) }

    // MARK: Text

    /// Passes text up to "<", which is then the markup's first octet.
    private mutating func skipText(_ bytes: Span<UInt8>, _ position: inout Int) throws(RewriteError) {
        while position < bytes.count {
            let byte = bytes[position]
            if case .reference = place {
                try readReference(byte, position)
            } else if byte == UInt8(ascii: "<") {
                place = .markup(quote: nil)
                markup.removeAll(keepingCapacity: true)
                return
            } else if byte == UInt8(ascii: "&") {
                place = .reference
                reference.removeAll(keepingCapacity: true)
            } else {
                guard Self.isCharacter(byte) else { throw Self.error(position, "a control character") }
            }
            position += 1
        }
    }

    private mutating func readReference(_ byte: UInt8, _ position: Int) throws(RewriteError) {
        guard byte == UInt8(ascii: ";") else {
            guard reference.count < 10 else { throw Self.error(position, "an unknown reference") }
            reference.append(byte)
            return
        }
        guard XMLText.scalar(reference[...]) != nil else { throw Self.error(position, "an unknown reference") }
        place = .text
    }

    static func isCharacter(_ byte: UInt8) -> Bool { byte >= 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 }

    // MARK: Markup

    private mutating func readMarkup(
        _ bytes: Span<UInt8>, _ position: inout Int, quote: UInt8?
    ) throws(RewriteError) -> Token? {
        var quote = quote
        while position < bytes.count {
            let byte = bytes[position]
            guard Self.isCharacter(byte) else { throw Self.error(position, "a control character") }
            guard markup.count < Self.markupLimit else {
                throw .tooLarge(detail: "A tag of \(Self.markupLimit) octets.")
            }
            guard byte != UInt8(ascii: "<") || markup.isEmpty else { throw Self.error(position, "a bracket in a tag") }
            markup.append(byte)
            position += 1
            if let open = quote {
                if byte == open { quote = nil }
            } else if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") {
                quote = byte
            } else if byte == UInt8(ascii: ">") {
                place = .text
                return markup.starts(with: "<?".utf8) ? .declaration : .tag
            } else if try beginsComment(position) {
                place = .comment(matched: 0)
                return .commentBegan
            }
        }
        place = .markup(quote: quote)
        return nil
    }

    /// Looks at markup that begins with "<!", of which only a comment may come.
    private func beginsComment(_ position: Int) throws(RewriteError) -> Bool {
        guard markup.count >= 2, markup[1] == UInt8(ascii: "!") else { return false }
        guard "<!--".utf8.starts(with: markup) else { throw Self.error(position, "a document type or CDATA section") }
        return markup.count == 4
    }

    /// Whether the comment has ended.
    private mutating func skipComment(_ bytes: Span<UInt8>, _ position: inout Int, matched: Int) -> Bool {
        var matched = matched
        while position < bytes.count {
            let byte = bytes[position]
            position += 1
            if byte == UInt8(ascii: "-") {
                matched = min(matched + 1, 2)
            } else if byte == UInt8(ascii: ">"), matched == 2 {
                place = .text
                return true
            } else {
                matched = 0
            }
        }
        place = .comment(matched: matched)
        return false
    }
}
