// The bytes of a header, the other way around than ElementHeader.decode.

extension [UInt8] {
    /// Appends an element's header as the encoding has it (PS3.5 §7.1).
    ///
    /// - Parameter vr: as which the value is to be read; what is too long for a 16-bit length goes as UN (PS3.5 §6.2.2).
    mutating func append(headerOf tag: Tag, _ vr: VR, length: UInt32, _ encoding: ElementEncoding) {
        guard encoding.isExplicit else { return append(headerOf: tag, length: length, encoding) }
        let vr = vr.hasLongHeader || length <= 0xFFFE ? vr : .un
        append(tag.group, bigEndian: encoding.isBigEndian)
        append(tag.element, bigEndian: encoding.isBigEndian)
        append(vr.rawValue, bigEndian: true)
        if vr.hasLongHeader {
            self += [0, 0]
            append(length, bigEndian: encoding.isBigEndian)
        } else {
            append(UInt16(truncatingIfNeeded: length), bigEndian: encoding.isBigEndian)
        }
    }

    /// Appends the header of an item, a delimiter, or anything of Implicit VR.
    mutating func append(headerOf tag: Tag, length: UInt32, _ encoding: ElementEncoding) {
        append(tag.group, bigEndian: encoding.isBigEndian)
        append(tag.element, bigEndian: encoding.isBigEndian)
        append(length, bigEndian: encoding.isBigEndian)
    }
}
