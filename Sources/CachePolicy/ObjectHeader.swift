// What stands at the beginning of an object's file. Pure: bytes in, a value out; files are DiskCache's.

/// The header of an object's file: its whole key, its description, its lengths and the checksum of its trailer.
///
/// Byte layout, little endian:
///
///     0   8  "WADOGATE"
///     8   4  version, 1
///     12  4  length of the header in bytes, this prefix included
///     16  4  where the body begins: whole pages, at least the header's length, at most 64 KiB
///     20  4  bytes per checksummed block, 1 MiB
///     24  8  length of the body in bytes
///     32  8  XXH3-64 of the trailer
///     40  8  XXH3-64 of bytes 0..<40 and 48..<length
///     48  …  fields: tag (2), length (4), value; tags ascend, unknown ones are skipped
package struct ObjectHeader: Hashable, Sendable {
    package var key: ObjectKey
    package var description: ObjectDescription
    /// Bytes of body.
    package var length: Int64
    /// Where the body begins in the file.
    package var bodyOffset: Int64
    /// XXH3-64 of the trailer's bytes.
    package var trailerChecksum: UInt64
    /// The run of the process that stored it; see ``RunLedger``. 0: from before runs were numbered.
    package var run: Int64

    package init(
        key: ObjectKey, description: ObjectDescription, length: Int64 = 0, bodyOffset: Int64 = 0,
        trailerChecksum: UInt64 = 0, run: Int64 = 0
    ) {
        self.key = key
        self.description = description
        self.length = length
        self.bodyOffset = bodyOffset
        self.trailerChecksum = trailerChecksum
        self.run = run
    }

    /// Where the body of an object with this key and description begins, whatever its length, placeholders, run and time of
    /// storing become; nil when the header would exceed ``ObjectLayout/headerLimit``: such an object can't be stored.
    package static func bodyOffset(for key: ObjectKey, _ description: ObjectDescription) -> Int64? {
        // A metadata document tells the facts only at its end, when the body has its place already.
        let reserve = description.facts == nil ? factsSize : 0
        let size = ObjectHeader(key: key, description: description).encoded().count + reserve
        guard size <= ObjectLayout.headerLimit else { return nil }
        return Int64((size + ObjectLayout.pageSize - 1) / ObjectLayout.pageSize * ObjectLayout.pageSize)
    }

    static let magic = Array("WADOGATE".utf8)
    static let version: UInt32 = 1
    static let prefixSize = 48
    static let fieldLimit = 64
    /// Eight tagged fields, none longer than a UID.
    static let factsSize = 8 * (6 + 64)
}

/// Why the bytes at the beginning of a file are no header, or not the one that was asked for.
package enum HeaderError: Error, Equatable, Sendable {
    /// The bytes end before the header does.
    case truncated
    case notAnObject
    case unsupportedVersion(UInt32)
    case wrongChecksum
    /// A length, an offset or a field that can't be; `offset` in bytes from the beginning of the file.
    case malformed(offset: Int)
    /// A sound header of another object.
    case otherKey
}

extension ObjectHeader {
    /// The field tags. Numbers bind, since they stand in files; a new meaning gets a new number.
    enum Tag: UInt16, CaseIterable {
        case tenant = 1, study, series, instance, objectClass, frame, syntax, tail, format, parameters, type
        case mediaType = 32, transferSyntax, placeholders, backend, storedAt, etag, epoch, expires
        case backendETag, backendModified, recordVersion
        case run = 48
        case factsStudy = 64, factsSeries, factsInstance, factsSOPClass, factsTransferSyntax, factsRows
        case factsColumns, factsFrames
    }
}
