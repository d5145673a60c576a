// A data set as DICOM JSON, written as it is read (PS3.18 annex F). Holds one value at a time, and never pixel data.

/// Writes the DICOM JSON object of one instance.
///
/// Group lengths are left out. Text comes out as UTF-8, so (0008,0005), where it is, says `ISO_IR 192`. What is too long
/// stands as BulkDataURI under the instance's own path: `{base}/{tag}`, and `{base}/{tag}/{item}/{tag}` within sequences,
/// items counted from 1; ``DataSetReader/find(_:in:)`` finds it again.
package struct JSONModel: Sendable {
    /// What a BulkDataURI begins with, up to `/bulkdata`; may be a placeholder.
    package var bulkDataBase: String
    /// Bytes of OB, OW and their like that stand in the document.
    package var inlineLimit = 1024
    /// Bytes of numbers and long text that stand in the document.
    package var valueLimit = 64 << 10
    /// Bytes of a value whose VR allows no BulkDataURI; more is refused.
    package static let textLimit = 1 << 20

    package init(bulkDataBase: String) { self.bulkDataBase = bulkDataBase }

    /// Writes one object, `{` to `}`; an array of them is the caller's.
    ///
    /// - Parameter sink: takes pieces of about 64 KiB.
    /// - Throws: ``DICOMError`` as ``DataSetReader/next()``, or `tooLarge` for a value that can stand nowhere; what the
    ///   source and the sink throw.
    package func write(_ file: Part10File, to sink: ([UInt8]) throws -> Void) throws {
        var reader = DataSetReader(file)
        var output = JSONOutput()
        var path = ElementPath()
        output.begin("{")
        while let event = try reader.next() {
            switch event {
            case .element(let element):
                guard !element.tag.isGroupLength, output.isNew(element.tag) else { continue }
                try write(element, at: path, &reader, &output)
            case .beginSequence(let tag):
                guard output.isNew(tag) else {
                    try reader.skipSequence()
                    continue
                }
                path.enter(tag)
                output.key(tag)
                output.raw("{\"vr\":\"SQ\"")
                output.beginItems()
            case .beginItem(let number):
                path.item = number
                output.beginItem()
            case .endItem: output.end("}")
            case .endSequence:
                path.leave()
                output.endItems()
            }
            try output.flush(to: sink, above: JSONOutput.pieceLength)
        }
        output.end("}")
        try output.flush(to: sink, above: 0)
    }

    private func write(
        _ element: DataSetReader.Element, at path: ElementPath, _ reader: inout DataSetReader,
        _ output: inout JSONOutput
    ) throws {
        output.key(element.tag)
        output.raw("{\"vr\":\"\(element.vr)\"")
        defer { output.raw("}") }
        if element.length == 0 { return }
        guard try isInline(element) else { return writeBulkDataURI(element.tag, path, &output) }
        let value = try reader.value(of: element, limit: JSONModel.textLimit)
        if element.tag == .specificCharacterSet {
            return output.raw(",\"Value\":[\"ISO_IR 192\"]")
        }
        switch element.vr {
        case .ob, .od, .of, .ol, .ov, .ow, .un, .sq:
            output.raw(",\"InlineBinary\":\"")
            output.base64(element.isBigEndian ? value.swapped(unit: element.vr.unitLength) : value)
            output.raw("\"")
        case .fl where !element.isFinite(value), .fd where !element.isFinite(value):
            writeBulkDataURI(element.tag, path, &output)
        default:
            output.value(element, value, reader.characterSet)
        }
    }

    /// Whether a value stands in the document.
    private func isInline(_ element: DataSetReader.Element) throws -> Bool {
        guard let length = element.length, element.tag != .pixelData else { return false }
        switch element.vr {
        case .ob, .od, .of, .ol, .ov, .ow, .un, .sq:
            return length <= inlineLimit
        case .ds, .fl, .fd, .is, .lt, .sl, .ss, .st, .sv, .uc, .ul, .us, .ut, .uv:
            return length <= valueLimit
        default:
            guard length <= JSONModel.textLimit else {
                throw DICOMError(
                    kind: .tooLarge, offset: Int(element.valueOffset),
                    detail: "\(element.tag) of VR \(element.vr) has \(length) bytes and can stand nowhere")
            }
            return true
        }
    }

    private func writeBulkDataURI(_ tag: Tag, _ path: ElementPath, _ output: inout JSONOutput) {
        output.raw(",\"BulkDataURI\":")
        output.string("\(bulkDataBase)/\(path.appending(tag))")
    }
}

/// Where an element stands: the sequences and items that lead to it, and its tag.
package struct ElementPath: Hashable, Sendable, CustomStringConvertible {
    package struct Step: Hashable, Sendable {
        package let tag: Tag
        /// From 1; 0 before the first.
        package var item = 0
    }

    package private(set) var steps: [Step] = []
    /// The element itself; nil for a path that still leads on.
    package private(set) var tag: Tag?

    package init() {}

    /// From tags and item numbers in turn, as they stand in a bulk data URL; nil for anything else, and for more
    /// than there is depth.
    package init?(_ components: some Sequence<some StringProtocol>) {
        var expectsTag = true
        for component in components {
            if expectsTag {
                guard tag == nil, let next = Tag(hex: component) else { return nil }
                tag = next
            } else {
                guard let last = tag, let item = Int(component), item > 0, component.utf8.first != UInt8(ascii: "+"),
                    steps.count < DataSetReader.depthLimit
                else { return nil }
                steps.append(Step(tag: last, item: item))
                tag = nil
            }
            expectsTag.toggle()
        }
        guard tag != nil else { return nil }
    }

    var item: Int {
        get { steps.last?.item ?? 0 }
        set { if !steps.isEmpty { steps[steps.count - 1].item = newValue } }
    }

    mutating func enter(_ tag: Tag) { steps.append(Step(tag: tag)) }
    mutating func leave() { steps.removeLast() }

    func appending(_ tag: Tag) -> ElementPath {
        var path = self
        path.tag = tag
        return path
    }

    /// As it stands in a URL: `00081140/1/00081155`.
    package var description: String {
        steps.map { "\($0.tag.hex)/\($0.item)/" }.joined() + (tag?.hex ?? "")
    }
}

extension DataSetReader {
    /// The element at a path; nil when there is none, or a sequence stands there. O(n) in what stands before it.
    ///
    /// - Throws: as ``next()``.
    package static func find(_ path: ElementPath, in file: Part10File) throws -> Element? {
        var reader = DataSetReader(file)
        var here = ElementPath()
        while let event = try reader.next() {
            switch event {
            case .element(let element):
                if element.tag == path.tag, here.steps == path.steps { return element }
                if here.steps.isEmpty, let target = path.steps.first?.tag ?? path.tag, element.tag > target {
                    return nil
                }
            case .beginSequence(let tag): here.enter(tag)
            case .beginItem(let number): here.item = number
            case .endItem: break
            case .endSequence: here.leave()
            }
        }
        return nil
    }
}
