// The header's bytes, written. Knows no file.
import DICOM

extension ObjectHeader {
    /// The header's bytes; its own checksum is computed here. The same value gives the same bytes.
    package func encoded() -> [UInt8] {
        var bytes = HeaderBytes()
        encodePrefix(into: &bytes)
        encodeKey(into: &bytes)
        encodeDescription(into: &bytes)
        bytes.patch(UInt32(clamping: bytes.all.count), at: 12)
        bytes.patch(Self.checksum(of: bytes.all), at: 40)
        return bytes.all
    }

    /// Over everything but the checksum's own 8 bytes. At least the prefix must be there.
    static func checksum(of header: [UInt8]) -> UInt64 {
        ContentHash.checksum(Array(header[..<40] + header[48...]))
    }

    private func encodePrefix(into bytes: inout HeaderBytes) {
        bytes.all += Self.magic
        bytes.append(Self.version)
        bytes.append(0 as UInt32)
        bytes.append(UInt32(clamping: bodyOffset))
        bytes.append(UInt32(ObjectLayout.blockSize))
        bytes.append(UInt64(clamping: length))
        bytes.append(trailerChecksum)
        bytes.append(0 as UInt64)
    }

    private func encodeKey(into bytes: inout HeaderBytes) {
        bytes.field(.tenant, key.tenant)
        bytes.field(.study, key.study.string)
        bytes.field(.series, key.series.string)
        bytes.field(.instance, key.instance?.string)
        bytes.field(.objectClass, key.object.word)
        switch key.object {
        case .instance(let syntax):
            bytes.field(.syntax, syntax)
        case .frame(let number, let syntax):
            bytes.field(.frame, Int64(number))
            bytes.field(.syntax, syntax)
        case .bulk(let tail):
            bytes.field(.tail, tail)
        case .metadata(let format):
            bytes.field(.format, format.rawValue)
        case .frameIndex, .members: break
        case .rendered(let frame, let parameters, let type), .thumbnail(let frame, let parameters, let type):
            bytes.field(.frame, frame.map { Int64($0) })
            bytes.field(.parameters, parameters)
            bytes.field(.type, type)
        }
    }

    private func encodeDescription(into bytes: inout HeaderBytes) {
        bytes.field(.mediaType, description.mediaType)
        bytes.field(.transferSyntax, description.transferSyntax)
        bytes.field(.placeholders, Int64(description.placeholders))
        bytes.field(.backend, description.backend)
        bytes.field(.storedAt, description.storedAt)
        bytes.field(.etag, description.etag)
        bytes.field(.epoch, description.epoch)
        bytes.field(.expires, description.expires)
        bytes.field(.backendETag, description.validator?.etag)
        bytes.field(.backendModified, description.validator?.lastModified)
        bytes.field(.recordVersion, description.recordVersion)
        bytes.field(.run, run)
        guard let facts = description.facts else { return }
        bytes.field(.factsStudy, facts.study.string)
        bytes.field(.factsSeries, facts.series.string)
        bytes.field(.factsInstance, facts.instance.string)
        bytes.field(.factsSOPClass, facts.sopClass?.string)
        bytes.field(.factsTransferSyntax, facts.transferSyntax?.string)
        bytes.field(.factsRows, facts.rows.map { Int64($0) })
        bytes.field(.factsColumns, facts.columns.map { Int64($0) })
        bytes.field(.factsFrames, Int64(facts.numberOfFrames))
    }
}

/// Little-endian integers and tagged fields, appended.
private struct HeaderBytes {
    var all: [UInt8] = []

    mutating func append<Value: FixedWidthInteger & UnsignedInteger>(_ value: Value) {
        for shift in stride(from: 0, to: Value.bitWidth, by: 8) {
            all.append(UInt8(truncatingIfNeeded: value >> shift))
        }
    }

    mutating func patch<Value: FixedWidthInteger & UnsignedInteger>(_ value: Value, at offset: Int) {
        for index in 0..<(Value.bitWidth / 8) {
            all[offset + index] = UInt8(truncatingIfNeeded: value >> (8 * index))
        }
    }

    mutating func field(_ tag: ObjectHeader.Tag, _ text: String?) {
        guard let text else { return }
        append(tag.rawValue)
        append(UInt32(clamping: text.utf8.count))
        all += text.utf8
    }

    mutating func field(_ tag: ObjectHeader.Tag, _ number: Int64?) {
        guard let number else { return }
        append(tag.rawValue)
        append(8 as UInt32)
        append(UInt64(bitPattern: number))
    }
}
