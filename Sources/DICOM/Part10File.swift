// A stored object as a whole: where its data set lies, and in which encoding. Reads no element of it.

/// A Part 10 file, opened: file meta is read, and the data set lies open for ``DataSetReader``.
package struct Part10File {
    /// The file, or the inflated data set in memory with the file's head left out.
    package let source: any ByteSource
    /// Nil when there is no file meta to tell.
    package let syntaxUID: UID?
    package let encoding: ElementEncoding
    /// Of the data set's first byte in `source`.
    package let dataSetOffset: Int64
    /// What group 0002 says, but for its length and what is longer than any known element of it.
    package let fileMeta: DataSet
    /// What says how pixels are stored; Explicit Little Endian's rules where the UID is unknown.
    package let syntax: TransferSyntax

    /// Reads the head of a file.
    ///
    /// - Parameter inflateLimit: bytes to which a deflated data set may grow in memory.
    /// - Throws: ``DICOMError``, or what the source throws.
    package init(_ source: any ByteSource, inflateLimit: Int = 64 << 20) throws {
        let opening = try source.read(at: 0, count: Int(min(Int64(Part10Opening.length), source.length)))
        switch try Part10Opening(opening) {
        case .dataSet(let encoding):
            self.source = source
            self.encoding = encoding
            syntaxUID = nil
            fileMeta = DataSet()
            dataSetOffset = 0
            syntax =
                encoding == .implicitLittle ? .implicitLittle : encoding.isBigEndian ? .explicitBig : .explicitLittle
        case .fileMeta(let start):
            var window = ByteWindow(source)
            let meta = try FileMeta(&window, at: Int64(start))
            let known = meta.syntaxUID.map { TransferSyntax($0) ?? TransferSyntax(unknown: $0) }
            syntaxUID = meta.syntaxUID
            fileMeta = meta.elements
            syntax = known ?? .implicitLittle
            if syntax.isDeflated {
                let inflated = try Part10File.inflated(source, from: meta.end, limit: inflateLimit)
                self.source = BytesSource(inflated)
                dataSetOffset = 0
                encoding = syntax.encoding
            } else {
                self.source = source
                dataSetOffset = meta.end
                let head = try Array(window.peek(at: meta.end, count: ElementHeader.longLength))
                encoding = known?.encoding ?? Part10Opening.likelyEncoding(head) ?? .implicitLittle
            }
        }
    }

    /// The file meta alone, its transfer syntax, and where the data set begins; nothing where there is no file meta.
    ///
    /// - Throws: ``DICOMError``, or what the source throws.
    static func fileMeta(of source: any ByteSource) throws -> (DataSet, TransferSyntax?, Int64) {
        let opening = try source.read(at: 0, count: Int(min(Int64(Part10Opening.length), source.length)))
        guard case .fileMeta(let start) = try Part10Opening(opening) else { return (DataSet(), nil, 0) }
        var window = ByteWindow(source)
        let meta = try FileMeta(&window, at: Int64(start))
        return (meta.elements, meta.syntaxUID.flatMap { TransferSyntax($0) }, meta.end)
    }

    /// All of a deflated data set, which must be a small one; large ones are for ``Inflater``.
    private static func inflated(_ source: any ByteSource, from start: Int64, limit: Int) throws -> [UInt8] {
        var inflate = try RawInflate()
        var result: [UInt8] = []
        var output: [UInt8] = []
        var position = start
        while position < source.length {
            let count = Int(min(Int64(ByteWindow.length), source.length - position))
            let input = try source.read(at: position, count: count)
            var cursor = 0
            reading: while true {
                switch try inflate.next(in: input, at: &cursor, offset: Int(position), into: &output) {
                case .needsInput: break reading
                case .output: result += output
                case .ended: return result + output
                }
                guard result.count <= limit else {
                    throw DICOMError(
                        kind: .tooLarge, offset: Int(position) + cursor,
                        detail: "the deflated data set has more than \(limit) bytes")
                }
            }
            position += Int64(count)
        }
        throw DICOMError(kind: .truncated, offset: Int(source.length), detail: "the deflated data set has no end")
    }
}

/// The elements of group 0002, and where the group ends.
private struct FileMeta {
    var elements = DataSet()
    var syntaxUID: UID?
    var end: Int64
    private var declaredEnd: Int64?

    /// Longest group 0002 that is believed; the longest known hold private information of some KiB.
    private static let limit: Int64 = 16 << 20
    /// Elements that are kept, and bytes of each: the standard knows nineteen, and private information without bound.
    private static let elementLimit = 64
    private static let valueLimit: Int64 = 1024

    init(_ window: inout ByteWindow, at start: Int64) throws {
        end = start
        while let header = try FileMeta.header(&window, at: end) {
            guard header.tag.group == Tag.transferSyntaxUID.group, !isDeflatedNext else { return }
            let valueOffset = end + Int64(header.headerLength)
            let next = valueOffset + Int64(header.length)
            guard !header.hasUndefinedLength, next - start <= FileMeta.limit, next <= window.source.length else {
                throw DICOMError(
                    kind: .malformed, offset: Int(end), detail: "\(header.tag) of file meta has no sound length")
            }
            if Int64(header.length) <= FileMeta.valueLimit {
                let value = try Array(window.bytes(at: valueOffset, count: Int(header.length)))
                take(header, value, next)
            }
            end = next
        }
    }

    private mutating func take(_ header: ElementHeader, _ value: [UInt8], _ next: Int64) {
        if header.tag == .fileMetaGroupLength {
            if value.count == 4 { declaredEnd = next + Int64(value.uint32(at: 0, bigEndian: false)) }
            return
        }
        if header.tag == .transferSyntaxUID { syntaxUID = UID(elementValue: value) }
        if elements.elements.count < FileMeta.elementLimit { elements.set(header.tag, header.vr ?? .un, bytes: value) }
    }

    private var isDeflatedNext: Bool {
        declaredEnd == end && syntaxUID.flatMap { TransferSyntax($0) }?.isDeflated == true
    }

    private static func header(_ window: inout ByteWindow, at offset: Int64) throws -> ElementHeader? {
        let bytes = try window.peek(at: offset, count: ElementHeader.longLength)
        guard bytes.count >= ElementHeader.shortLength else { return nil }
        return ElementHeader.decode(bytes, .explicitLittle)
    }
}
