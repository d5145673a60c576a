// The header's bytes, read. They come from a directory that anybody may have damaged: every number is bounded before use.
import DICOM

extension ObjectHeader {
    /// How many bytes the whole header has, told by its first 48.
    ///
    /// - Throws: ``HeaderError`` when these are not the beginning of a header, or it would exceed
    ///   ``ObjectLayout/headerLimit``.
    package static func size(announcedBy prefix: [UInt8]) throws(HeaderError) -> Int {
        guard prefix.count >= prefixSize else { throw .truncated }
        guard prefix[..<magic.count].elementsEqual(magic) else { throw .notAnObject }
        let version = UInt32(truncatingIfNeeded: integer(prefix, at: 8, size: 4))
        guard version == Self.version else { throw .unsupportedVersion(version) }
        let size = Int(integer(prefix, at: 12, size: 4))
        guard (prefixSize...ObjectLayout.headerLimit).contains(size) else { throw .malformed(offset: 12) }
        return size
    }

    /// Reads a header from the beginning of a file; bytes behind it are ignored.
    ///
    /// - Throws: ``HeaderError``; never ``HeaderError/otherKey``.
    package init(decoding file: [UInt8]) throws(HeaderError) {
        let size = try Self.size(announcedBy: file)
        guard file.count >= size else { throw .truncated }
        let header = Array(file[..<size])
        guard Self.integer(header, at: 40, size: 8) == Self.checksum(of: header) else { throw .wrongChecksum }

        let bodyOffset = Self.integer(header, at: 16, size: 4)
        guard bodyOffset >= UInt64(size), bodyOffset <= UInt64(ObjectLayout.headerLimit),
            bodyOffset % UInt64(ObjectLayout.pageSize) == 0
        else { throw .malformed(offset: 16) }
        guard Self.integer(header, at: 20, size: 4) == UInt64(ObjectLayout.blockSize) else {
            throw .malformed(offset: 20)
        }
        let length = Self.integer(header, at: 24, size: 8)
        guard length <= UInt64(ObjectLayout.bodyLimit) else { throw .malformed(offset: 24) }

        let fields = try HeaderFields(header)
        self.init(
            key: try fields.key(), description: try fields.description(), length: Int64(length),
            bodyOffset: Int64(bodyOffset), trailerChecksum: Self.integer(header, at: 32, size: 8),
            run: try fields.run())
    }

    /// Reads a header that must be that of `key`.
    ///
    /// - Throws: ``HeaderError``; ``HeaderError/otherKey`` for a sound header of another object.
    package init(decoding file: [UInt8], of key: ObjectKey) throws(HeaderError) {
        try self.init(decoding: file)
        guard self.key == key else { throw .otherKey }
    }

    /// A little-endian integer; the bytes must be there.
    fileprivate static func integer(_ bytes: [UInt8], at offset: Int, size: Int) -> UInt64 {
        (0..<size).reduce(0) { $0 | UInt64(bytes[offset + $1]) << (8 * UInt64($1)) }
    }
}

/// The tagged fields of a header, found but not yet understood.
private struct HeaderFields {
    private let header: [UInt8]
    private var places: [UInt16: Range<Int>] = [:]

    init(_ header: [UInt8]) throws(HeaderError) {
        self.header = header
        var offset = ObjectHeader.prefixSize
        var previous: UInt16 = 0
        while offset < header.count {
            guard header.count - offset >= 6, places.count < ObjectHeader.fieldLimit else {
                throw .malformed(offset: offset)
            }
            let tag = UInt16(truncatingIfNeeded: ObjectHeader.integer(header, at: offset, size: 2))
            let size = Int(ObjectHeader.integer(header, at: offset + 2, size: 4))
            guard tag > previous, size <= header.count - offset - 6 else { throw .malformed(offset: offset) }
            places[tag] = (offset + 6)..<(offset + 6 + size)
            previous = tag
            offset += 6 + size
        }
    }

    func key() throws(HeaderError) -> ObjectKey {
        let key = ObjectKey(
            tenant: try text(.tenant), study: try uid(.study), series: try uid(.series),
            instance: try optional(.instance, uid), object: try objectClass())
        guard key.object.belongs(toSeries: key.instance == nil) else { throw malformed(.instance) }
        return key
    }

    private func objectClass() throws(HeaderError) -> ObjectClass {
        switch try text(.objectClass) {
        case "instance": return .instance(syntax: try text(.syntax))
        case "frame": return .frame(try integer(.frame), syntax: try text(.syntax))
        case "frame-index": return .frameIndex
        case "members": return .members
        case "bulk": return .bulk(tail: try text(.tail))
        case "metadata":
            guard let format = ObjectClass.Format(rawValue: try text(.format)) else { throw malformed(.format) }
            return .metadata(format)
        case "rendered":
            return .rendered(
                frame: try optional(.frame, integer), parameters: try text(.parameters), type: try text(.type))
        case "thumbnail":
            return .thumbnail(
                frame: try optional(.frame, integer), parameters: try text(.parameters), type: try text(.type))
        default: throw malformed(.objectClass)
        }
    }

    func description() throws(HeaderError) -> ObjectDescription {
        let placeholders = try integer(.placeholders)
        guard (0...Int(ObjectLayout.bodyLimit)).contains(placeholders) else { throw malformed(.placeholders) }
        return ObjectDescription(
            mediaType: try text(.mediaType), transferSyntax: try optional(.transferSyntax, text),
            placeholders: placeholders, backend: try text(.backend), etag: try text(.etag),
            storedAt: try time(.storedAt), epoch: try optional(.epoch, time) ?? 0,
            expires: try optional(.expires, time),
            validator: BackendValidator(
                etag: try optional(.backendETag, text), lastModified: try optional(.backendModified, text)),
            recordVersion: try optional(.recordVersion, text), facts: try facts())
    }

    private func facts() throws(HeaderError) -> InstanceFacts? {
        guard places[ObjectHeader.Tag.factsStudy.rawValue] != nil else { return nil }
        return InstanceFacts(
            study: try uid(.factsStudy), series: try uid(.factsSeries), instance: try uid(.factsInstance),
            sopClass: try optional(.factsSOPClass, uid), transferSyntax: try optional(.factsTransferSyntax, uid),
            rows: try optional(.factsRows, integer), columns: try optional(.factsColumns, integer),
            numberOfFrames: try integer(.factsFrames))
    }

    func run() throws(HeaderError) -> Int64 { Int64(try optional(.run, integer) ?? 0) }

    // MARK: Single fields

    private func text(_ tag: ObjectHeader.Tag) throws(HeaderError) -> String {
        guard let place = places[tag.rawValue], let text = String(validating: header[place], as: UTF8.self) else {
            throw malformed(tag)
        }
        return text
    }

    private func uid(_ tag: ObjectHeader.Tag) throws(HeaderError) -> UID {
        guard let uid = UID(try text(tag)) else { throw malformed(tag) }
        return uid
    }

    private func integer(_ tag: ObjectHeader.Tag) throws(HeaderError) -> Int {
        guard let place = places[tag.rawValue], place.count == 8 else { throw malformed(tag) }
        return Int(truncatingIfNeeded: ObjectHeader.integer(header, at: place.lowerBound, size: 8))
    }

    /// A time that sums and differences can be made of: seconds or milliseconds of the next ten thousand years.
    private func time(_ tag: ObjectHeader.Tag) throws(HeaderError) -> Int64 {
        let time = Int64(try integer(tag))
        guard (0...253_402_300_799_999).contains(time) else { throw malformed(tag) }
        return time
    }

    private func optional<Value>(
        _ tag: ObjectHeader.Tag, _ read: (ObjectHeader.Tag) throws(HeaderError) -> Value
    ) throws(HeaderError) -> Value? {
        places[tag.rawValue] == nil ? nil : try read(tag)
    }

    private func malformed(_ tag: ObjectHeader.Tag) -> HeaderError {
        .malformed(offset: places[tag.rawValue]?.lowerBound ?? ObjectHeader.prefixSize)
    }
}
