// The bytes behind a BulkDataURI.

extension DataSetReader.Element {
    /// Gives the value to `sink` in Little Endian, piece by piece, as application/octet-stream has it (PS3.18 §8.7.3).
    ///
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
        // Pieces are of whole units, or they could not be turned around.
        let pieceLength = max(pieceLength / swappedUnit, 1) * swappedUnit
        try source.forEachPiece(of: valueOffset..<valueOffset + length, pieceLength) { piece in
            try sink(swappedUnit == 1 ? piece : piece.swapped(unit: swappedUnit))
        }
    }
}
