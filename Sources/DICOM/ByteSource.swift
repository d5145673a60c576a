// Bytes that lie somewhere and can be read at any place. The caller says where: a file, a cache object, memory.

/// Random access to the bytes of one object.
package protocol ByteSource {
    var length: Int64 { get }
    /// Exactly `count` bytes from `offset` on; the caller asks for none outside of `length`.
    func read(at offset: Int64, count: Int) throws -> [UInt8]
}

/// Bytes in memory.
package struct BytesSource: ByteSource, Sendable {
    package let bytes: [UInt8]

    package init(_ bytes: [UInt8]) { self.bytes = bytes }

    package var length: Int64 { Int64(bytes.count) }

    package func read(at offset: Int64, count: Int) throws -> [UInt8] {
        Array(bytes[Int(offset)..<Int(offset) + count])
    }
}

/// A window over a source, so that headers that lie close together cost one read.
struct ByteWindow {
    let source: any ByteSource
    private var start: Int64 = 0
    private var bytes: [UInt8] = []

    /// Bytes that are read at once; also what an object of many small elements costs in memory.
    static let length = 64 << 10

    init(_ source: any ByteSource) { self.source = source }

    /// The bytes at a place, or fewer if the source ends.
    ///
    /// - Parameter reach: bytes that are read if they are not at hand; few where what follows is stepped over.
    mutating func peek(at offset: Int64, count: Int, reach: Int = length) throws -> ArraySlice<UInt8> {
        let count = Int(max(min(Int64(count), source.length - offset), 0))
        guard count <= ByteWindow.length else { return try source.read(at: offset, count: count)[...] }
        if offset < start || offset + Int64(count) > start + Int64(bytes.count) {
            start = offset
            bytes = try source.read(at: offset, count: Int(min(Int64(max(count, reach)), source.length - offset)))
        }
        let index = Int(offset - start)
        return bytes[index..<index + count]
    }

    /// The bytes at a place.
    ///
    /// - Throws: `truncated` if the source ends before; what the source throws.
    mutating func bytes(at offset: Int64, count: Int, reach: Int = length) throws -> ArraySlice<UInt8> {
        let found = try peek(at: offset, count: count, reach: reach)
        guard found.count == count else {
            throw DICOMError(
                kind: .truncated, offset: Int(source.length),
                detail: "\(count) bytes are expected from byte \(offset) on, and \(found.count) are there")
        }
        return found
    }
}
