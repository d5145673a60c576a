// An object in another transfer syntax, where no pixel codec is needed. Reads the object piece by piece and holds one
// piece; what each element becomes is ElementRewriter's.

/// Re-encodes an uncompressed object: Implicit, Explicit, Big Endian, Deflated or Encapsulated Uncompressed come out as
/// Explicit or Implicit VR Little Endian, a whole file with its file meta rewritten.
///
/// Sequences and items get undefined lengths, group lengths are left out, values are padded to even length. What has no
/// known VR becomes UN, and so does what is too long for a 16-bit length. The data set is that of the source otherwise,
/// element by element.
/// Spec: PS3.5 §6.2.2, §7, §A.1–A.5; PS3.10 §7.1
package struct Reencoder {
    /// Bytes of the whole output.
    package let outputLength: Int64

    private var rewriter: ElementRewriter
    /// What is already decided and not yet given out: at first the file's head.
    private var output: [UInt8]
    /// The value that stands behind `output`.
    private var copy: ElementRewriter.ValueCopy?

    /// Bytes of a piece, but for a header that may stand behind them.
    package static let pieceLength = 256 << 10

    /// Whether objects of a syntax can be given in another without a codec.
    package static func supports(_ source: TransferSyntax, to target: TransferSyntax) -> Bool {
        (target == .explicitLittle || target == .implicitLittle) && source.codec == .uncompressed
            && source.pixels != .elsewhere
    }

    /// Walks over the object once, without reading values, so that an object that cannot be re-encoded is known before
    /// a byte of it is sent.
    ///
    /// - Throws: ``DICOMError`` `unsupported` where a codec is needed or for another target, `truncated` for an object
    ///   that ends too early, `tooLarge` for pixels that have no place in one value; as ``DataSetReader/next()``.
    package init(_ file: Part10File, to target: TransferSyntax = .explicitLittle) throws {
        guard Reencoder.supports(file.syntax, to: target) else {
            throw DICOMError(
                kind: .unsupported, offset: 0, detail: "\(file.syntax.name) becomes \(target.name) by a codec only")
        }
        let rewriter = try ElementRewriter(file, to: target.encoding)
        var survey = rewriter
        var length: Int64 = 0
        while let piece = try survey.next() {
            length += Int64(piece.bytes.count) + (piece.copy?.length ?? 0)
        }
        var meta = file.fileMeta
        for (from, to) in [
            (Tag.sopClassUID, Tag.mediaStorageSOPClassUID), (.sopInstanceUID, .mediaStorageSOPInstanceUID),
        ] where meta[to] == nil {
            if let element = survey.identity[from] { meta.set(to, .ui, element.value) }
        }
        output = Part10Writer.head(meta, target)
        outputLength = length + Int64(output.count)
        self.rewriter = rewriter
    }

    /// The next piece of the file, of about ``pieceLength`` bytes; nil behind the last.
    ///
    /// - Throws: what the source throws; ``DICOMError`` only if the source has changed since.
    package mutating func next() throws -> [UInt8]? {
        while output.count < Reencoder.pieceLength {
            if copy != nil {
                guard try copyOn() else { break }
            } else if let piece = try rewriter.next() {
                output += piece.bytes
                copy = piece.copy
            } else {
                break
            }
        }
        defer { output = [] }
        return output.isEmpty ? nil : output
    }

    /// Copies what has room of the value at hand; false if that is nothing.
    private mutating func copyOn() throws -> Bool {
        guard var copy else { return false }
        let room = Reencoder.pieceLength - output.count
        var count = min(copy.place.count, room)
        // Units are turned around as a whole.
        if count < copy.place.count { count -= count % copy.unit }
        let part = copy.place.lowerBound..<copy.place.lowerBound + Int64(count)
        copy.place = part.upperBound..<copy.place.upperBound
        let bytes = try rewriter.bytes(part)
        output += copy.unit == 1 ? bytes : Array(bytes).swapped(unit: copy.unit)[...]
        if copy.place.isEmpty {
            if let padding = copy.padding { output.append(padding) }
            self.copy = nil
        } else {
            self.copy = copy
        }
        return count > 0 || self.copy == nil
    }
}
