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
        meta.set(.fileMetaVersion, .ob, bytes: [0, 1])
        for (from, to) in [
            (Tag.sopClassUID, Tag.mediaStorageSOPClassUID), (.sopInstanceUID, .mediaStorageSOPInstanceUID),
        ] {
            if let element = dataSet[from] { meta.set(to, .ui, element.value) }
        }
        meta.set(.transferSyntaxUID, syntax.uid)
        meta.set(.implementationClassUID, Part10Writer.implementationClassUID)
        meta.set(.implementationVersionName, .sh, "WADOGATE")
        let group = Part10Writer(.explicitLittle).dataSet(meta)
        var length = DataSet()
        length.set(.fileMetaGroupLength, .ul, numbers: [UInt32(group.count)])
        let head = [UInt8](repeating: 0, count: 128) + Array("DICM".utf8) + Part10Writer().dataSet(length) + group
        guard syntax.isDeflated else { return head + body }
        let deflated = try rawDeflate(body)
        return head + deflated + (deflated.count % 2 == 0 ? [] : [0])
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
                append(element.tag, element.vr, length: UInt32(bytes.count), to: &output)
                append(bytes, unit: syntax.encoding.isBigEndian ? element.vr.unitLength : 1, to: &output)
            case .items(let items):
                append(element.tag, items, to: &output)
            case .fragments(let offsets, let fragments):
                append(element.tag, element.vr, length: ElementHeader.undefinedLength, to: &output)
                appendHeader(.item, length: UInt32(4 * offsets.count), to: &output)
                for offset in offsets { output.append(offset, bigEndian: syntax.encoding.isBigEndian) }
                for fragment in fragments {
                    appendHeader(.item, length: UInt32(fragment.count), to: &output)
                    output += fragment
                }
                appendHeader(.sequenceDelimitation, length: 0, to: &output)
            }
        }
    }

    private func append(_ tag: Tag, _ items: [DataSet], to output: inout [UInt8]) {
        var content: [UInt8] = []
        for item in items {
            var elements: [UInt8] = []
            append(item, to: &elements)
            let length = usesUndefinedLengths ? ElementHeader.undefinedLength : UInt32(elements.count)
            appendHeader(.item, length: length, to: &content)
            content += elements
            if usesUndefinedLengths { appendHeader(.itemDelimitation, length: 0, to: &content) }
        }
        let length = usesUndefinedLengths ? ElementHeader.undefinedLength : UInt32(content.count)
        append(tag, .sq, length: length, to: &output)
        output += content
        if usesUndefinedLengths { appendHeader(.sequenceDelimitation, length: 0, to: &output) }
    }

    /// A header with what the encoding puts between tag and length.
    private func append(_ tag: Tag, _ vr: VR, length: UInt32, to output: inout [UInt8]) {
        guard syntax.encoding.isExplicit else { return appendHeader(tag, length: length, to: &output) }
        let big = syntax.encoding.isBigEndian
        // A value too long for a 16-bit length goes as UN (PS3.5 §6.2.2).
        let vr = !vr.hasLongHeader && length > 0xFFFE ? .un : vr
        output.append(tag.group, bigEndian: big)
        output.append(tag.element, bigEndian: big)
        output.append(vr.rawValue, bigEndian: true)
        if vr.hasLongHeader {
            output += [0, 0]
            output.append(length, bigEndian: big)
        } else {
            output.append(UInt16(truncatingIfNeeded: length), bigEndian: big)
        }
    }

    /// The header of items, delimiters and all of Implicit VR.
    private func appendHeader(_ tag: Tag, length: UInt32, to output: inout [UInt8]) {
        let big = syntax.encoding.isBigEndian
        output.append(tag.group, bigEndian: big)
        output.append(tag.element, bigEndian: big)
        output.append(length, bigEndian: big)
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
