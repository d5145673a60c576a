// The way through a data set that its JSON and its XML have in common: what is left out, what stands inline, which
// creator a private element has. Holds one value at a time, and never pixel data; knows no syntax of a document.

/// The syntax of a document, told element by element what stands in it.
protocol ModelOutput {
    /// What is written and not yet taken.
    var bytes: [UInt8] { get set }

    mutating func beginDocument()
    mutating func endDocument()
    /// - Parameter creator: of a private element whose block is reserved.
    mutating func beginElement(_ tag: Tag, _ vr: VR, creator: String?)
    mutating func endElement()
    mutating func content(_ content: ElementContent)
    /// A value that the document names by a URL instead of holding it.
    ///
    /// - Parameter url: written as it is.
    mutating func bulkData(_ url: String, of element: DataSetReader.Element, at path: ElementPath)
    /// The items of a sequence, whose element has begun.
    mutating func beginItems()
    mutating func endItems()
    mutating func beginItem(_ number: Int)
    mutating func endItem()
}

extension ModelOutput {
    mutating func raw(_ text: String) { bytes += text.utf8 }

    mutating func flush(to sink: ([UInt8]) throws -> Void, above length: Int) throws {
        guard bytes.count > length else { return }
        let piece = bytes
        bytes = []
        try sink(piece)
    }
}

/// Writes one data set into an output.
struct ModelWriter<Output: ModelOutput> {
    /// What is remembered of the data set or item that the reader stands in.
    private struct Level {
        /// A data set that has a tag twice would make an ambiguous document: the first counts.
        var last: Tag?
        /// By group and block, as in `GGGGBB`; they reserve nothing in items (PS3.5 §7.8.1).
        var creators: [UInt32: String] = [:]
    }

    private let rules: BulkDataRules
    private var reader: DataSetReader
    private(set) var output: Output
    private var path = ElementPath()
    private var levels = [Level()]

    private static var pieceLength: Int { 64 << 10 }

    init(_ file: Part10File, _ rules: BulkDataRules, _ output: Output) {
        self.rules = rules
        self.output = output
        reader = DataSetReader(file)
    }

    mutating func write(to sink: ([UInt8]) throws -> Void) throws {
        output.beginDocument()
        while let event = try reader.next() {
            try write(event)
            try output.flush(to: sink, above: Self.pieceLength)
        }
        output.endDocument()
        try output.flush(to: sink, above: 0)
    }

    private mutating func write(_ event: DataSetReader.Event) throws {
        switch event {
        case .element(let element):
            guard !element.tag.isGroupLength, begin(element.tag, element.vr) else { return }
            try write(element)
            output.endElement()
        case .beginSequence(let tag):
            guard begin(tag, .sq) else { return try reader.skipSequence() }
            path.enter(tag)
            output.beginItems()
        case .beginItem(let number):
            path.item = number
            levels.append(Level())
            output.beginItem(number)
        case .endItem:
            levels.removeLast()
            output.endItem()
        case .endSequence:
            path.leave()
            output.endItems()
            output.endElement()
        }
    }

    /// False for a tag that has just been written.
    private mutating func begin(_ tag: Tag, _ vr: VR) -> Bool {
        guard levels[levels.count - 1].last != tag else { return false }
        levels[levels.count - 1].last = tag
        let isOwned = tag.isPrivate && tag.element >= 0x1000
        output.beginElement(tag, vr, creator: isOwned ? levels[levels.count - 1].creators[tag.rawValue >> 8] : nil)
        return true
    }

    private mutating func write(_ element: DataSetReader.Element) throws {
        if element.length == 0 { return }
        guard try rules.isInline(element) else { return writeBulkData(element) }
        if element.tag == .specificCharacterSet { return output.content(.texts(["ISO_IR 192"])) }
        let value = try reader.value(of: element, limit: BulkDataRules.textLimit)
        guard let content = ElementContent(element, value, reader.characterSet) else { return writeBulkData(element) }
        if element.tag.isPrivateCreator, case .texts(let texts) = content, let creator = texts.first {
            let block = UInt32(element.tag.group) << 8 | UInt32(element.tag.element)
            levels[levels.count - 1].creators[block] = String(creator)
        }
        output.content(content)
    }

    private mutating func writeBulkData(_ element: DataSetReader.Element) {
        let path = path.appending(element.tag)
        output.bulkData(rules.url(path), of: element, at: path)
    }
}
