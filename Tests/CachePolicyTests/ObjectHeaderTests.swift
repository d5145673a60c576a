import CachePolicy
import DICOM
import Testing

@Suite struct ObjectHeaderTests {
    private func header(_ object: ObjectClass = .frame(3, syntax: "stored"), facts: Bool = true) throws -> ObjectHeader
    {
        let key = try key(object)
        let description = ObjectDescription(
            mediaType: "application/octet-stream", transferSyntax: "1.2.840.10008.1.2.4.90", placeholders: 7,
            backend: "pacs", storedAt: 1_790_000_000, epoch: 1_790_000_000_123, expires: 1_790_000_600,
            validator: BackendValidator(etag: "W/\"7\"", lastModified: "Tue, 24 Nov 2026 08:00:00 GMT"),
            recordVersion: "3",
            facts: facts
                ? InstanceFacts(
                    study: key.study, series: key.series, instance: try uid("1.2.840.3"), sopClass: try uid("1.2.3"),
                    transferSyntax: nil, rows: 512, columns: 256, numberOfFrames: 12) : nil)
        return ObjectHeader(
            key: key, description: description, length: 5_000_000, bodyOffset: 4096, trailerChecksum: 0x1234_5678_9abc,
            run: 1_790_000_007)
    }

    @Test(arguments: everyClass) func everyClassComesBackAsItWas(object: ObjectClass) throws {
        var header = try header(object)
        header.bodyOffset = try #require(ObjectHeader.bodyOffset(for: header.key, header.description))
        #expect(try ObjectHeader(decoding: header.encoded()) == header)
    }

    @Test func whatIsAbsentComesBackAbsent() throws {
        var header = try header(facts: false)
        header.description.transferSyntax = nil
        header.description.epoch = 0
        header.description.expires = nil
        header.description.validator = nil
        header.description.recordVersion = nil
        #expect(try ObjectHeader(decoding: header.encoded()) == header)
    }

    @Test(arguments: [ObjectClass.members, .metadata(.json)])
    func objectsOfASeriesNameNoInstance(object: ObjectClass) throws {
        var header = try header(facts: false)
        header.key = ObjectKey(study: header.key.study, series: header.key.series, instance: nil, object: object)
        #expect(try ObjectHeader(decoding: header.encoded()) == header)
    }

    @Test(arguments: [
        (ObjectClass.members, Optional("1.2.3")), (.instance(syntax: "stored"), nil),
        (.frame(1, syntax: "stored"), nil),
    ])
    func aClassInTheWrongPlaceIsMalformed(object: ObjectClass, instance: String?) throws {
        var header = try header(facts: false)
        let instance = try instance.map { try uid($0) }
        header.key = ObjectKey(study: header.key.study, series: header.key.series, instance: instance, object: object)
        #expect(throws: HeaderError.self) { try ObjectHeader(decoding: header.encoded()) }
    }

    @Test func bytesBehindTheHeaderAreIgnored() throws {
        let header = try header()
        #expect(try ObjectHeader(decoding: header.encoded() + [1, 2, 3]) == header)
    }

    @Test func everyTruncationIsSeen() throws {
        let bytes = try header().encoded()
        for count in 0..<bytes.count {
            #expect(throws: HeaderError.truncated) { try ObjectHeader(decoding: Array(bytes[..<count])) }
        }
    }

    @Test func everyFlippedBitIsSeen() throws {
        let bytes = try header().encoded()
        for offset in bytes.indices {
            for bit in 0..<8 {
                var damaged = bytes
                damaged[offset] ^= 1 << UInt8(bit)
                #expect(throws: HeaderError.self) { try ObjectHeader(decoding: damaged) }
            }
        }
    }

    /// Whoever can write into the folder can also compute checksums.
    @Test func mutationsWithARightChecksumNeverTrap() throws {
        var random = SplitMix(state: 42)
        let bytes = try header().encoded()
        for _ in 0..<4_000 {
            var damaged = bytes
            for _ in 0...(random.next() % 4) {
                damaged[Int(random.next() % UInt64(damaged.count))] = UInt8(truncatingIfNeeded: random.next())
            }
            if random.next() % 4 == 0 { damaged.removeLast(Int(random.next() % UInt64(damaged.count - 48))) }
            sign(&damaged)
            guard let header = try? ObjectHeader(decoding: damaged) else { continue }
            #expect((0...ObjectLayout.bodyLimit).contains(header.length))
            #expect((4096...65_536).contains(header.bodyOffset))
        }
    }

    @Test func lengthsOutOfBoundsAreRefused() throws {
        for (offset, bytes) in [
            (12, [0xff, 0xff, 0xff, 0xff]), (12, [47, 0, 0, 0]), (16, [0, 0, 0, 0]), (16, [1, 16, 0, 0]),
            (16, [0, 0, 2, 0]), (20, [0, 0, 0, 0]), (24, [0, 0, 0, 0, 0, 0, 0, 0x80]), (24, [1, 0, 0, 0, 0, 1, 0, 0]),
            (50, [0xff, 0xff, 0xff, 0xff]),
        ] as [(Int, [UInt8])] {
            var damaged = try header().encoded()
            damaged.replaceSubrange(offset..<(offset + bytes.count), with: bytes)
            sign(&damaged)
            #expect(throws: HeaderError.malformed(offset: offset == 50 ? 48 : offset)) {
                try ObjectHeader(decoding: damaged)
            }
        }
    }

    @Test func anotherKeysHeaderIsRefused() throws {
        let bytes = try header(.frame(3, syntax: "stored")).encoded()
        let other = try key(.frame(4, syntax: "stored"))
        #expect(throws: HeaderError.otherKey) { try ObjectHeader(decoding: bytes, of: other) }
        #expect(throws: Never.self) { try ObjectHeader(decoding: bytes, of: try key(.frame(3, syntax: "stored"))) }
    }

    @Test func aNewerVersionAndAForeignFileAreToldApart() throws {
        var newer = try header().encoded()
        newer[8] = 2
        #expect(throws: HeaderError.unsupportedVersion(2)) { try ObjectHeader(decoding: newer) }
        let foreign = [UInt8](repeating: 0x20, count: 4096)
        #expect(throws: HeaderError.notAnObject) { try ObjectHeader(decoding: foreign) }
    }

    /// A later version may say more: what this one does not know it passes over.
    @Test func unknownFieldsAreSkipped() throws {
        let header = try header()
        var bytes = header.encoded() + [0x00, 0x10, 3, 0, 0, 0, 1, 2, 3]
        bytes[12] += 9
        sign(&bytes)
        #expect(try ObjectHeader(decoding: bytes) == header)
    }

    @Test func theBodysPlaceHoldsWhateverIsFilledInLater() throws {
        var header = try header()
        let offset = try #require(ObjectHeader.bodyOffset(for: header.key, header.description))
        header.description.storedAt = .max
        header.description.placeholders = .max
        header.length = ObjectLayout.bodyLimit
        header.trailerChecksum = .max
        header.run = .max
        header.bodyOffset = offset
        #expect(header.encoded().count <= Int(offset))
    }

    @Test func whatIsTooLongForAHeaderIsSaid() throws {
        let description = try header().description
        #expect(ObjectHeader.bodyOffset(for: try key(.bulk(tail: "a")), description) == 4096)
        let long = try key(.bulk(tail: String(repeating: "a", count: 10_000)))
        #expect(ObjectHeader.bodyOffset(for: long, description) == 12_288)
        let tooLong = try key(.bulk(tail: String(repeating: "a", count: 70_000)))
        #expect(ObjectHeader.bodyOffset(for: tooLong, description) == nil)
    }

    private func sign(_ header: inout [UInt8]) {
        guard header.count >= 48 else { return }
        let announced = header[12..<16].reversed().reduce(0) { $0 << 8 | Int($1) }
        let size = (48...header.count).contains(announced) ? announced : header.count
        let checksum = ContentHash.checksum(Array(header[..<40] + header[48..<size]))
        for index in 0..<8 { header[40 + index] = UInt8(truncatingIfNeeded: checksum >> (8 * UInt64(index))) }
    }
}

/// A small generator with a seed, so that a failure can be seen again.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var value = (state ^ (state >> 30)) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ (value >> 27)) &* 0x94d0_49bb_1331_11eb
        return value ^ (value >> 31)
    }
}
