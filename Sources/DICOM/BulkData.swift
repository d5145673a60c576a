// The bytes behind a BulkDataURI.

extension DataSetReader.Element {
    /// Gives the value to `sink` in Little Endian, piece by piece, as application/octet-stream has it (PS3.18 §8.7.3).
    ///
    /// Pixel Data of Big Endian objects is ``FrameIndex``'s also, since its samples may be wider than its VR's words.
    /// - Throws: `unsupported` for encapsulated pixel data, `truncated`; what the source and the sink throw.
    package func read(
        from source: any ByteSource, pieceLength: Int = 256 << 10, to sink: ([UInt8]) throws -> Void
    ) throws {
        guard let length else {
            throw DICOMError(kind: .unsupported, offset: Int(valueOffset), detail: "\(tag) is in fragments")
        }
        guard valueOffset + length <= source.length else {
            throw DICOMError(kind: .truncated, offset: Int(source.length), detail: "the file ends inside of \(tag)")
        }
        let pieceLength = (max(pieceLength, 8) + 7) / 8 * 8
        try source.forEachPiece(of: valueOffset..<valueOffset + length, pieceLength) { piece in
            try sink(isBigEndian ? piece.swapped(unit: vr.unitLength) : piece)
        }
    }
}
