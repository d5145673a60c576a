// Knows where in a Native DICOM Model document one is (PS3.19 §A.1): which texts are URLs to rewrite, which values tell
// whose data set it is. Works on pieces of any size. Must not know what a URL becomes.
internal import DICOM

/// Reads a Native DICOM Model piece by piece, and writes it again with its URLs replaced.
///
/// It is a value: a fresh one reads the same octets a second time, when more is known.
struct XMLDocumentMachine {
    private enum Role {
        /// The root or an item: what holds attributes.
        case attributes(isTop: Bool)
        case attribute(tag: UInt32, isTop: Bool)
        case value(tag: UInt32, isTop: Bool)
        case bulkData
        case opaque
    }

    private struct Element {
        var name: [UInt8]
        var role: Role
    }

    private enum Disposition: Equatable {
        case write
        /// A URL in a value, until its end.
        case swallowText
        /// A whole element: what is this many elements deep and deeper.
        case swallowElement(depth: Int)
    }

    private static let retrieveURL: UInt32 = 0x0008_1190
    private static let depthLimit = 256

    private var rewriter: ReferenceRewriter
    private var isWriting = false
    private(set) var identity = DataSetIdentity()
    private(set) var placeholders = 0

    private var tokenizer = XMLTokenizer()
    private var elements: [Element] = []
    private var hasRoot = false
    private var disposition = Disposition.write
    /// The text of the value that is being read; nil when nobody wants it.
    private var captured: [UInt8]?
    /// Octets passed before the present piece.
    private var offset = 0

    init(rewriter: ReferenceRewriter) {
        self.rewriter = rewriter
    }

    /// Whether the root element has ended.
    var isComplete: Bool { hasRoot && elements.isEmpty && tokenizer.isBetween }

    mutating func beginWriting(_ facts: InstanceFacts) {
        rewriter.begin(facts)
        isWriting = true
    }

    /// Reads all the octets; when looking for the UIDs, stops behind the tag that completes them.
    ///
    /// - Parameter output: gets the rewritten octets, once ``beginWriting(_:)`` was called.
    /// - Returns: whether it stopped.
    mutating func advance(_ bytes: [UInt8], into output: inout [UInt8]) throws(RewriteError) -> Bool {
        var position = 0
        do throws(RewriteError) {
            var before = 0
            while let token = try tokenizer.next(in: bytes.span, at: &position) {
                switch token {
                case .text: try takeText(bytes[before..<position], before, &output)
                case .comment: write(bytes[before..<position], &output)
                case .commentBegan: try takeComment(position, &output)
                case .declaration: try takeDeclaration(position, &output)
                case .tag: try takeTag(position, &output)
                }
                before = position
                if !isWriting, identity.isKnown { return true }
            }
        } catch {
            guard case .malformed(let place, let detail) = error else { throw error }
            throw .malformed(offset: offset + place, detail: detail)
        }
        offset += bytes.count
        return false
    }

    private func write(_ bytes: ArraySlice<UInt8>, _ output: inout [UInt8]) {
        if isWriting, disposition == .write { output.append(contentsOf: bytes) }
    }

    // MARK: Between tags

    private mutating func takeText(
        _ text: ArraySlice<UInt8>, _ position: Int, _ output: inout [UInt8]
    ) throws(RewriteError) {
        guard !elements.isEmpty else {
            // A byte order mark may come before everything.
            let place = offset + position
            let mark: [UInt8] = [0xEF, 0xBB, 0xBF]
            for (index, byte) in text.enumerated() where !XMLText.isSpace(byte) {
                guard place + index < 3, byte == mark[place + index] else {
                    throw XMLTokenizer.error(position + index, "text outside the document's element")
                }
            }
            write(text, &output)
            return
        }
        write(text, &output)
        guard captured != nil else { return }
        captured?.append(contentsOf: text)
        guard captured?.count ?? 0 <= ReferenceRewriter.sizeLimit else {
            throw .tooLarge(detail: "A UID or URL of \(ReferenceRewriter.sizeLimit) octets.")
        }
    }

    private mutating func takeComment(_ position: Int, _ output: inout [UInt8]) throws(RewriteError) {
        guard captured == nil else { throw XMLTokenizer.error(position, "a comment in a value") }
        write(tokenizer.markup[...], &output)
    }

    /// Only as the first thing, and only for encodings that spell ASCII as ASCII.
    private mutating func takeDeclaration(_ position: Int, _ output: inout [UInt8]) throws(RewriteError) {
        let text = String(decoding: tokenizer.markup, as: UTF8.self).lowercased()
        guard !hasRoot, text.hasPrefix("<?xml "), text.hasSuffix("?>"), Self.isASCIIBased(text.filter { $0 != " " })
        else {
            throw XMLTokenizer.error(position, "an unknown declaration, encoding or processing instruction")
        }
        write(tokenizer.markup[...], &output)
    }

    private static func isASCIIBased(_ declaration: String) -> Bool {
        guard let found = declaration.firstRange(of: "encoding=") else { return true }
        let encoding = declaration[found.upperBound...].dropFirst()
        return ["utf-8", "us-ascii", "iso-8859-", "windows-125"].contains { encoding.hasPrefix($0) }
    }

    // MARK: Tags

    private mutating func takeTag(_ position: Int, _ output: inout [UInt8]) throws(RewriteError) {
        let markup = tokenizer.markup
        guard let tag = XMLTag(markup) else { throw XMLTokenizer.error(position, "a broken tag") }
        guard tag.kind == .end else {
            try open(tag, markup, position, &output)
            if tag.kind == .empty { try close(tag, [], position, &output) }
            return
        }
        try close(tag, markup[...], position, &output)
    }

    private mutating func open(
        _ tag: XMLTag, _ markup: [UInt8], _ position: Int, _ output: inout [UInt8]
    ) throws(RewriteError) {
        guard captured == nil else { throw XMLTokenizer.error(position, "an element in a value") }
        guard !elements.isEmpty || !hasRoot else { throw XMLTokenizer.error(position, "a second document element") }
        guard elements.count < Self.depthLimit else {
            throw .tooLarge(detail: "More than \(Self.depthLimit) elements within each other.")
        }
        let role = role(of: tag, markup)
        if !hasRoot, case .attributes = role { hasRoot = true }
        guard hasRoot else { throw XMLTokenizer.error(position, "a document that is no NativeDicomModel") }
        elements.append(Element(name: tag.name, role: role))
        switch role {
        case .bulkData: openBulkData(tag, markup, &output)
        case .value(let tagValue, let isTop):
            write(markup[...], &output)
            let isURL = tagValue == Self.retrieveURL
            if isURL || (isTop && DataSetIdentity.Attribute(rawValue: tagValue) != nil) { captured = [] }
            if isURL, disposition == .write { disposition = .swallowText }
        default: write(markup[...], &output)
        }
    }

    private func role(of tag: XMLTag, _ markup: [UInt8]) -> Role {
        let name = String(decoding: tag.localName, as: UTF8.self)
        switch (elements.last?.role, name) {
        case (nil, "NativeDicomModel"): return .attributes(isTop: true)
        case (.attributes(let isTop)?, "DicomAttribute"):
            guard let number = tag.value(of: "tag").flatMap({ XMLText.unescaped(markup[$0]) }),
                case .tag(let value) = JSONMemberKey(name: number[...])
            else { return .opaque }
            return .attribute(tag: value, isTop: isTop)
        case (.attribute(let number, let isTop)?, "Value"): return .value(tag: number, isTop: isTop)
        case (.attribute?, "Item"): return .attributes(isTop: false)
        case (.attribute?, "BulkData"): return .bulkData
        default: return .opaque
        }
    }

    /// Writes the tag with its URL replaced, or begins to leave the whole element out.
    private mutating func openBulkData(_ tag: XMLTag, _ markup: [UInt8], _ output: inout [UInt8]) {
        // PS3.19 §A.1 names the attribute "uri"; Orthanc writes it in capitals.
        guard let range = tag.value(of: "uri") ?? tag.value(of: "URI") else {
            write(markup[...], &output)
            return
        }
        guard isWriting, disposition == .write else { return }
        guard let path = XMLText.unescaped(markup[range]).flatMap({ rewriter.path(for: $0[...], kind: .bulkData) })
        else {
            disposition = .swallowElement(depth: elements.count)
            return
        }
        write(markup[..<range.lowerBound], &output)
        writePlaceholder(path, &output)
        write(markup[range.upperBound...], &output)
    }

    private mutating func writePlaceholder(_ path: [UInt8], _ output: inout [UInt8]) {
        placeholders += 1
        output.append(baseURLPlaceholder)
        output.append(contentsOf: path)
    }

    private mutating func close(
        _ tag: XMLTag, _ markup: ArraySlice<UInt8>, _ position: Int, _ output: inout [UInt8]
    ) throws(RewriteError) {
        guard let element = elements.last, element.name == tag.name else {
            throw XMLTokenizer.error(position, "an end tag that ends nothing")
        }
        if case .value(let number, _) = element.role, let raw = captured {
            captured = nil
            try endValue(number, raw, &output)
        }
        write(markup, &output)
        if disposition == .swallowElement(depth: elements.count) { disposition = .write }
        elements.removeLast()
    }

    private mutating func endValue(_ tag: UInt32, _ raw: [UInt8], _ output: inout [UInt8]) throws(RewriteError) {
        let text = XMLText.unescaped(raw[...])
        if let attribute = DataSetIdentity.Attribute(rawValue: tag) {
            try identity.note(attribute, text?[...] ?? [])
            return
        }
        guard disposition == .swallowText else { return }
        disposition = .write
        guard isWriting, let path = text.flatMap({ rewriter.path(for: $0[...], kind: .retrieve) }) else { return }
        writePlaceholder(path, &output)
    }
}
