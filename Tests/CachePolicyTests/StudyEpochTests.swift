import CachePolicy
import DICOM
import FHIR
import Testing

@Suite struct StudyEpochTests {
    static let reasons: [(String, StudyEpoch.Reason?, @Sendable (inout StudyRecord) throws -> Void)] = [
        ("nothing", nil, { _ in }),
        ("subject", .subject, { $0.subject = "Patient/8" }),
        ("no subject", .subject, { $0.subject = nil }),
        ("subject and version", .subject, { ($0.subject, $0.version) = ("Patient/8", "2") }),
        ("status", .status, { $0.status = .inactive }),
        ("a version whose change cannot be seen", .version, { $0.version = "2" }),
        ("a version with another description", .version, { ($0.summary, $0.version) = ("MR", "2") }),
        (
            "a version that only adds a series", nil,
            { record in
                record.version = "2"
                record.series.append(.init(uid: try uid("1.2.840.9")))
            }
        ),
        (
            "a version that takes a series away", .version,
            { record in
                record.version = "2"
                record.series = []
            }
        ),
    ]

    @Test(arguments: reasons.indices)
    func theEpochIsRaisedForWhatMayHaveChangedHeaders(index: Int) throws {
        let (name, reason, change) = Self.reasons[index]
        let first = try document()
        var record = try #require(first.record)
        try change(&record)
        let next = first.following(record, from: "fhir b", confirmedAt: 2000, at: 2_000_000)
        #expect((next.epoch != first.epoch) == (reason != nil), "\(name)")
        if let reason { #expect(next.epoch == StudyEpoch(number: 2_000_000, reason: reason), "\(name)") }
        #expect(next.mark == RecordMark(record) && next.record == record && next.confirmedAt == 2000)
        // What is fetched from now on agrees; what was there is as old as it was.
        #expect(next.recheckedAt == (reason == nil ? 1000 : 2000))
    }

    @Test func growthCountsOnlyBesideTheRecordThatItIsHeldAgainst() throws {
        var first = try document()
        var record = try #require(first.record)
        record.version = "2"
        record.series.append(.init(uid: try uid("1.2.840.9")))
        first.record = nil
        #expect(first.following(record, from: "", confirmedAt: 0, at: 2_000_000).epoch.reason == .version)
    }

    @Test(arguments: [(5, 6), (-1, 6), (0, 6), (6, 6), (7, 7), (Int64.max, Int64.max)] as [(Int64, Int64)])
    func anEpochNeverComesAgain(now: Int64, number: Int64) {
        #expect(StudyEpoch(number: 5, reason: .unknown).raised(for: .metadata, at: now).number == number)
    }

    @Test func theFirstEpochIsNoneOfBefore() {
        #expect(StudyEpoch.first(at: 1_000_000).number == 1_000_000)
        #expect(StudyEpoch.first(at: -3).number == 1)
    }

    // MARK: The document

    @Test func aDocumentComesBackFromItsText() throws {
        var document = try document()
        #expect(StudyDocument(decoding: document.encoded(), of: document.study) == document)
        document.record = nil
        document.source = "files /a b\n%c"
        document.mark.subject = nil
        document = document.raised(for: .metadata, at: 9)
        #expect(StudyDocument(decoding: document.encoded(), of: document.study) == document)
        #expect(StudyDocument(decoding: document.encoded(), of: try uid("1.2.840.2")) == nil)
    }

    @Test func everyDamageIsFound() throws {
        let document = try document()
        let bytes = document.encoded()
        for index in bytes.indices {
            var damaged = bytes
            damaged[index] ^= 0x04
            #expect(StudyDocument(decoding: damaged, of: document.study) == nil, "byte \(index)")
            #expect(StudyDocument(decoding: Array(bytes[..<index]), of: document.study) == nil, "length \(index)")
        }
        #expect(StudyDocument(decoding: bytes + [0x0a], of: document.study) == nil)
    }

    @Test func aLargeRecordIsLeftOut() throws {
        var document = try document()
        document.record?.summary = String(repeating: "x", count: StudyDocument.sizeLimit)
        let read = try #require(StudyDocument(decoding: document.encoded(), of: document.study))
        #expect(read.record == nil && read.mark == document.mark && read.epoch == document.epoch)
    }

    private func document() throws -> StudyDocument {
        let record = StudyRecord(
            study: try uid("1.2.840.1"), subject: "Patient/7", summary: "CT",
            series: [.init(uid: try uid("1.2.840.2"), instances: [.init(uid: try uid("1.2.840.3"))])], version: "1")
        return StudyDocument(first: record, from: "fhir a", confirmedAt: 1000, at: 1_000_000)
    }
}
