// What the first bytes of a file tell of how to read it.

/// How a file begins: by a preamble, by file meta, or at once by a data set.
enum Part10Opening: Equatable {
    /// File meta, which is always Explicit VR Little Endian, begins at this byte.
    case fileMeta(Int)
    /// There is neither preamble nor file meta.
    case dataSet(ElementEncoding)

    /// Bytes that are looked at: the preamble, and `DICM`.
    static let length = 132
    private static let preambleLength = 128
    private static let prefix = Array("DICM".utf8)

    /// - Parameter bytes: the first 132, or all that there are.
    /// - Throws: `truncated` when there are too few to tell, `notDICOM`.
    init(_ bytes: [UInt8]) throws(DICOMError) {
        if bytes.count >= Part10Opening.length,
            bytes[Part10Opening.preambleLength..<Part10Opening.length].elementsEqual(Part10Opening.prefix)
        {
            self = .fileMeta(Part10Opening.length)
            return
        }
        guard bytes.count >= ElementHeader.shortLength else {
            throw DICOMError(kind: .truncated, offset: bytes.count, detail: "\(bytes.count) bytes are no DICOM file")
        }
        guard let encoding = Part10Opening.likelyEncoding(bytes) else {
            throw DICOMError(kind: .notDICOM, offset: 0, detail: "this begins neither as Part 10 nor as a data set")
        }
        let isMeta = encoding == .explicitLittle && bytes.uint16(at: 0, bigEndian: false) == 0x0002
        self = isMeta ? .fileMeta(0) : .dataSet(encoding)
    }

    /// The encoding of a data set that begins with `bytes`; nil when they look like no data set.
    ///
    /// Data sets begin with group 0008, or a length of it, which leaves little to mistake.
    static func likelyEncoding(_ bytes: [UInt8]) -> ElementEncoding? {
        guard bytes.count >= ElementHeader.shortLength else { return nil }
        let hasVR = VR(bytes[4], bytes[5]) != nil
        switch (bytes.uint16(at: 0, bigEndian: false), hasVR) {
        case (0x0002...0x0020, true): return .explicitLittle
        case (0x0002...0x0020, false): return .implicitLittle
        case (0x0200, true), (0x0800, true): return .explicitBig
        default: return nil
        }
    }
}
