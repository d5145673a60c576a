// The arithmetic of an object's file. Knows neither the header's fields nor any descriptor.

/// Where things stand in an object's file: header area, body, trailer.
///
/// The header area is a whole number of pages, so that the body begins on one and `sendfile` copies no partial page. The
/// trailer follows the body at once: the checksum of each block of 1 MiB, 8 bytes each, little endian.
package enum ObjectLayout {
    /// Bytes of body under one checksum; the last block may be shorter.
    package static let blockSize: Int64 = 1 << 20
    /// Bytes per page: the header area's unit and smallest size.
    package static let pageSize = 4096
    /// The largest header area in bytes.
    package static let headerLimit = 64 << 10
    /// The longest body in bytes that a header may announce: no sum of offsets can overflow below it, and its
    /// trailer fits into memory.
    package static let bodyLimit: Int64 = 1 << 40

    /// How many blocks a body of `length` bytes has.
    package static func blockCount(length: Int64) -> Int {
        Int((length + blockSize - 1) / blockSize)
    }

    /// Bytes of checksums behind a body of `length` bytes.
    package static func trailerSize(length: Int64) -> Int { 8 * blockCount(length: length) }

    /// The exact size of the whole file in bytes.
    package static func fileSize(bodyOffset: Int64, length: Int64) -> Int64 {
        bodyOffset + length + Int64(trailerSize(length: length))
    }

    /// What a file of `fileSize` bytes counts for in the accounting: whole pages.
    package static func chargedSize(fileSize: Int64) -> Int64 {
        let page = Int64(pageSize)
        return (max(0, min(fileSize, bodyLimit)) + page - 1) / page * page
    }

    /// The blocks that hold bytes of `range`; what lies outside a body of `length` bytes is ignored.
    package static func blocks(touching range: Range<Int64>, length: Int64) -> Range<Int> {
        let range = range.clamped(to: 0..<max(0, length))
        guard !range.isEmpty else { return 0..<0 }
        return Int(range.lowerBound / blockSize)..<(Int((range.upperBound - 1) / blockSize) + 1)
    }

    /// The bytes of the body under the checksum of `block`.
    package static func range(ofBlock block: Int, length: Int64) -> Range<Int64> {
        let begin = min(Int64(block) * blockSize, length)
        return begin..<min(begin + blockSize, length)
    }

    /// The checksums as they stand in the file.
    package static func trailer(of checksums: [UInt64]) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(8 * checksums.count)
        for checksum in checksums {
            for shift in stride(from: 0, to: 64, by: 8) { bytes.append(UInt8(truncatingIfNeeded: checksum >> shift)) }
        }
        return bytes
    }

    /// Reads checksums back; a rest of fewer than 8 bytes is ignored.
    package static func checksums(of trailer: [UInt8]) -> [UInt64] {
        stride(from: 0, to: trailer.count / 8 * 8, by: 8).map { offset in
            (0..<8).reduce(0) { $0 | UInt64(trailer[offset + $1]) << (8 * UInt64($1)) }
        }
    }
}
