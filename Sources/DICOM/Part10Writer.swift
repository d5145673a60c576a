// Writes Part 10 files in memory: what the synthetic studies and the tests are made of. Knows no files.

/// Writes a ``DataSet`` in a transfer syntax, and a whole file around it.
///
/// Sequences and items are written with defined or undefined lengths, as asked; both are legal (PS3.5 §7.5).
package struct Part10Writer: Sendable {
    package var syntax: TransferSyntax
    package var usesUndefinedLengths: Bool

    package init(_ syntax: TransferSyntax = .explicitLittle, usesUndefinedLengths: Bool = false) {
        self.syntax = syntax
        self.usesUndefinedLengths = usesUndefinedLengths
    }

    /// Of this software, under the root that is derived from a UUID (PS3.5 §B.2).
    package static let implementationClassUID = UID(literal: "2.25.145307269387302712871023910376325870977")

    /// A whole file: preamble, file meta from the data set's own SOP Class and Instance UID, and the data set.
    ///
    /// - Throws: `tooLarge` when there is no memory to deflate.
    package func file(_ dataSet: DataSet) throws(DICOMError) -> [UInt8] {
        let body = self.dataSet(dataSet)
        var meta = DataSet()
        for (from, to) in [
            (Tag.sopClassUID, Tag.mediaStorageSOPClassUID), (.sopInstanceUID, .mediaStorageSOPInstanceUID),
        ] {
            if let element = dataSet[from] { meta.set(to, .ui, element.value) }
        }
        let head = Part10Writer.head(meta, syntax)
        guard syntax.isDeflated else { return head + body }
        let deflated = try rawDeflate(body)
        return head + deflated + (deflated.count % 2 == 0 ? [] : [0])
    }

    /// What stands before a data set in this syntax: preamble, and file meta that names us as its writer.
    ///
    /// - Parameter meta: further elements of group 0002.
    static func head(_ meta: DataSet, _ syntax: TransferSyntax) -> [UInt8] {
        var meta = meta
        meta.set(.fileMetaVersion, .ob, bytes: [0, 1])
        meta.set(.transferSyntaxUID, syntax.uid)
        meta.set(.implementationClassUID, Part10Writer.implementationClassUID)
        meta.set(.implementationVersionName, .sh, "WADOGATE")
        let group = Part10Writer(.explicitLittle).dataSet(meta)
        var length = DataSet()
        length.set(.fileMetaGroupLength, .ul, numbers: [UInt32(group.count)])
        return [UInt8](repeating: 0, count: 128) + Array("DICM".utf8) + Part10Writer().dataSet(length) + group
    }

    /// The data set alone, not deflated.
    package func dataSet(_ dataSet: DataSet) -> [UInt8] {
        var output: [UInt8] = []
        append(dataSet, to: &output)
        return output
    }

    private func append(_ dataSet: DataSet, to output: inout [UInt8]) {
        for element in dataSet.elements {
            switch element.value {
            case .bytes(let bytes):
                output.append(headerOf: element.tag, element.vr, length: UInt32(bytes.count), syntax.encoding)
                append(bytes, unit: syntax.encoding.isBigEndian ? element.vr.unitLength : 1, to: &output)
            case .items(let items):
                append(element.tag, items, to: &output)
            case .fragments(let offsets, let fragments):
                output.append(
                    headerOf: element.tag, element.vr, length: ElementHeader.undefinedLength, syntax.encoding)
                output.append(headerOf: .item, length: UInt32(4 * offsets.count), syntax.encoding)
                for offset in offsets { output.append(offset, bigEndian: syntax.encoding.isBigEndian) }
                for fragment in fragments {
                    output.append(headerOf: .item, length: UInt32(fragment.count), syntax.encoding)
                    output += fragment
                }
                output.append(headerOf: .sequenceDelimitation, length: 0, syntax.encoding)
            }
        }
    }

    private func append(_ tag: Tag, _ items: [DataSet], to output: inout [UInt8]) {
        var content: [UInt8] = []
        for item in items {
            var elements: [UInt8] = []
            append(item, to: &elements)
            let length = usesUndefinedLengths ? ElementHeader.undefinedLength : UInt32(elements.count)
            content.append(headerOf: .item, length: length, syntax.encoding)
            content += elements
            if usesUndefinedLengths { content.append(headerOf: .itemDelimitation, length: 0, syntax.encoding) }
        }
        let length = usesUndefinedLengths ? ElementHeader.undefinedLength : UInt32(content.count)
        output.append(headerOf: tag, .sq, length: length, syntax.encoding)
        output += content
        if usesUndefinedLengths { output.append(headerOf: .sequenceDelimitation, length: 0, syntax.encoding) }
    }

    /// Bytes with each unit of them turned around.
    private func append(_ bytes: [UInt8], unit: Int, to output: inout [UInt8]) {
        guard unit > 1 else {
            output += bytes
            return
        }
        for start in stride(from: 0, to: bytes.count, by: unit) {
            output += bytes[start..<min(start + unit, bytes.count)].reversed()
        }
    }
}
