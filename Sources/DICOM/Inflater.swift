// A deflated object as a plain one, piece by piece: what its data set holds is never looked at.

/// Inflates a Deflated Explicit VR Little Endian file into an Explicit VR Little Endian one.
///
/// The data set is that of the source byte by byte (PS3.5 §A.5); file meta names the new transfer syntax. Memory does not grow with
/// the object, so that large ones can be inflated once, into a file, and then be read at any place.
package struct Inflater {
    private let source: any ByteSource
    private var inflate: RawInflate
    private var head: [UInt8]
    private var position: Int64
    private var input: [UInt8] = []
    private var cursor = 0
    private var hasEnded = false

    /// Bytes of a piece, at least, but for the last.
    private static let pieceLength = 128 << 10

    /// Whether an object of this syntax is one.
    package static func supports(_ syntax: TransferSyntax) -> Bool { syntax == .deflated }

    /// - Throws: ``DICOMError`` `unsupported` for another object, or what the source throws.
    package init(_ source: any ByteSource) throws {
        let (meta, syntax, offset) = try Part10File.fileMeta(of: source)
        guard let syntax, Inflater.supports(syntax) else {
            throw DICOMError(kind: .unsupported, offset: 0, detail: "the object is not deflated")
        }
        self.source = source
        inflate = try RawInflate()
        head = Part10Writer.head(meta, .explicitLittle)
        position = offset
    }

    /// The next piece of the file; nil behind the last.
    ///
    /// - Throws: ``DICOMError`` `malformed` when the bytes are no deflate stream, `truncated` when it has no end; what the
    ///   source throws.
    package mutating func next() throws -> [UInt8]? {
        var piece = head
        head = []
        var output: [UInt8] = []
        while !hasEnded, piece.count < Inflater.pieceLength {
            if cursor == input.count { try readOn() }
            switch try inflate.next(in: input, at: &cursor, offset: Int(position) - input.count, into: &output) {
            case .needsInput: break
            case .output: piece += output
            case .ended:
                piece += output
                hasEnded = true
            }
        }
        return piece.isEmpty ? nil : piece
    }

    private mutating func readOn() throws {
        let count = Int(min(Int64(ByteWindow.length), source.length - position))
        guard count > 0 else {
            throw DICOMError(kind: .truncated, offset: Int(source.length), detail: "the deflated data set has no end")
        }
        input = try source.read(at: position, count: count)
        cursor = 0
        position += Int64(count)
    }
}
