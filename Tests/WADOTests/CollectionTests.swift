import DICOM
import FHIR
import HTTP
import Testing
import WADO

/// What a study is put together from: plans, lists, and the instance that stands for the whole.
@Suite struct CollectionTests {
    private func endpoint(_ id: String, _ types: ConnectionType...) -> Endpoint {
        Endpoint(id: id, connectionTypes: types, address: "https://\(id).example/dw")
    }

    private func series(_ uid: String, _ instances: Int, _ endpoints: Endpoint...) -> StudyRecord.Series {
        StudyRecord.Series(
            uid: makeUID(uid), instances: (0..<instances).map { .init(uid: makeUID("\(uid).\($0 + 1)")) },
            endpoints: endpoints)
    }

    /// The plan's lines, or the status of its refusal.
    private func lines(
        _ series: [StudyRecord.Series], _ endpoints: [Endpoint] = [], of asked: String? = nil,
        way: CollectionPlan.Way = .byEachArchive
    ) -> [String] {
        let record = StudyRecord(study: makeUID("1.2"), series: series, endpoints: endpoints)
        do throws(WADOError) {
            return try CollectionPlan(record: record, series: asked.map { makeUID($0) }, way: way) { series in
                EndpointChoice(record: record, series: series, now: "2026-11-24T13:00:00Z", fallback: nil)
            }.sources.map { "\($0)" }
        } catch {
            return ["\(error.status)"]
        }
    }

    private static let both = "one by one, 4 at a time"

    @Test func asksOneArchiveOnceForTheWholeStudy() {
        let rs = endpoint("rs", .wadoRS)
        let whole = ["the whole study: one request to rs (dicom-wado-rs)"]
        #expect(lines([series("1.3", 2), series("1.4", 1)], [rs]) == whole)
        #expect(lines([series("1.3", 2), series("1.4", 1)], [rs], way: .byOneArchive) == whole)
        #expect(lines([], [rs]) == whole)
    }

    @Test func goesOneByOneWhereAnArchiveKnowsNoSeries() {
        let (rs, uri) = (endpoint("rs", .wadoRS), endpoint("uri", .wadoURI))
        let split = [series("1.3", 2, rs), series("1.4", 3, uri)]
        #expect(
            lines(split) == [
                "series 1.3: one request to rs (dicom-wado-rs)",
                "series 1.4: 3 instances from uri (dicom-wado-uri), \(Self.both)",
            ])
        #expect(
            lines(split, way: .byOneArchive) == [
                "series 1.3: 2 instances from rs (dicom-wado-rs), \(Self.both)",
                "series 1.4: 3 instances from uri (dicom-wado-uri), \(Self.both)",
            ])
        #expect(lines(split, of: "1.3", way: .byOneArchive) == ["series 1.3: one request to rs (dicom-wado-rs)"])
    }

    @Test func makesBulkDataAndPicturesFromInstancesEverywhere() {
        #expect(
            lines([series("1.3", 2)], [endpoint("rs", .wadoRS)], way: .byInstances) == [
                "series 1.3: 2 instances from rs (dicom-wado-rs), \(Self.both)"
            ])
    }

    @Test func aSeriesUnknownToTheRecordHasNoThumbnailOfItsArchives() {
        #expect(
            lines([series("1.3", 2)], [endpoint("rs", .wadoRS)], of: "1.9", way: .byOneArchive) == [
                "series 1.9: its instances, listed by rs (dicom-wado-rs), from rs (dicom-wado-rs), \(Self.both)"
            ])
    }

    @Test func listsByQIDOBeforeMetadata() {
        let endpoints = [endpoint("uri", .wadoURI), endpoint("search", .qidoRS)]
        #expect(
            lines([series("1.3", 0)], endpoints) == [
                "series 1.3: its instances, listed by search (dicom-qido-rs), from uri (dicom-wado-uri), \(Self.both)"
            ])
        #expect(
            lines([], endpoints) == [
                "the study's series, listed by search (dicom-qido-rs): their instances from uri (dicom-wado-uri), "
                    + Self.both
            ])
        #expect(
            lines([], [endpoint("rs", .wadoRS), endpoint("search", .qidoRS)], way: .byInstances)[0].contains(
                "by search"))
    }

    @Test func refusesWhatNobodyCanList() {
        #expect(lines([series("1.3", 0)], [endpoint("uri", .wadoURI)]) == ["501"])
        #expect(lines([], [endpoint("uri", .wadoURI)]) == ["501"])
        #expect(lines([series("1.3", 1)], [endpoint("search", .qidoRS)]) == ["404"])
        var suspended = endpoint("rs", .wadoRS)
        suspended.status = .suspended
        #expect(lines([series("1.3", 1, suspended)]) == ["503"])
    }

    // MARK: Lists

    private func listed(_ json: String, series: String? = "1.3", pieceLength: Int = 7) throws -> CollectionLister {
        var lister = CollectionLister(study: makeUID("1.2"), series: series.map { makeUID($0) })
        let bytes = Array(json.utf8)
        for start in stride(from: 0, to: bytes.count, by: pieceLength) {
            try lister.feed(Array(bytes[start..<min(start + pieceLength, bytes.count)]))
        }
        try lister.finish()
        return lister
    }

    private func dataSet(_ values: [String: String]) -> String {
        let members = values.map { "\"\($0.key)\":{\"vr\":\"UI\",\"Value\":[\"\($0.value)\"]}" }
        return "{\(members.sorted().joined(separator: ","))}"
    }

    @Test func readsInstancesWithTheirClassAndNumber() throws {
        let first = dataSet(["00080016": "1.2.840.10008.5.1.4.1.1.2", "00080018": "1.3.1", "00200013": "12"])
        let second = dataSet(["00080018": "1.3.2", "0020000D": "1.2", "0020000E": "1.3"])
        let series = try listed("[\(first),\(second),\(first)]").series
        #expect(series.map(\.uid.string) == ["1.3"])
        #expect(series[0].instances.map(\.uid.string) == ["1.3.1", "1.3.2"])
        #expect(series[0].instances[0].sopClass?.string == "1.2.840.10008.5.1.4.1.1.2")
        #expect(series[0].instances.map(\.number) == [12, nil])
    }

    @Test func readsSeriesWithTheirModality() throws {
        let json = "[\(dataSet(["0020000E": "1.3", "00080060": "CT"])),\(dataSet(["0020000E": "1.4"]))]"
        let series = try listed(json, series: nil).series
        #expect(series.map(\.uid.string) == ["1.3", "1.4"])
        #expect(series.map(\.modality) == ["CT", nil])
    }

    @Test func readsPageAfterPage() throws {
        var lister = try listed("[\(dataSet(["00080018": "1.3.1"]))]")
        try lister.feed(Array("[\(dataSet(["00080018": "1.3.2"]))]".utf8))
        try lister.finish()
        #expect(lister.count == 2)
    }

    @Test(arguments: [
        ["00080018": "1.3.1", "0020000D": "1.9"], ["00080018": "1.3.1", "0020000E": "1.9"], ["00080018": "../etc"],
    ])
    func refusesWhatWasNotAskedFor(_ values: [String: String]) {
        #expect(throws: RewriteError.self) { try listed("[\(dataSet(values))]") }
    }

    @Test func refusesAListThatEndsEarly() {
        #expect(throws: RewriteError.truncated) { try listed("[\(dataSet(["00080018": "1.3.1"]))") }
        #expect(throws: RewriteError.self) { try listed("[\(dataSet(["00080018": "1.3.1"]))]", series: nil) }
    }

    @Test func completesOnlyWhatTheRecordDoesNotList() {
        let record = StudyRecord(study: makeUID("1.2"), series: [series("1.3", 2), series("1.4", 0)])
        let completed = record.completed(with: [series("1.3", 5), series("1.4", 3), series("1.5", 1)])
        #expect(completed.series.map(\.uid.string) == ["1.3", "1.4", "1.5"])
        #expect(completed.series.map(\.instances.count) == [2, 3, 1])
    }

    // MARK: The representative

    private static let ct = "2"
    private static let pr = "11.1"
    private static let ko = "88.59"

    private func middle(_ classes: [String?], numbers: [Int]? = nil) -> String? {
        let instances = classes.enumerated().map { index, tail in
            StudyRecord.Instance(
                uid: makeUID("1.\(index + 1)"),
                sopClass: tail.map { makeUID("1.2.840.10008.5.1.4.1.1.\($0)") }, number: numbers?[index])
        }
        return StudyRecord.Series(uid: makeUID("1.3"), instances: instances).representative?.uid.string
    }

    @Test func theMiddleImageStandsForASeries() {
        #expect(middle([Self.ct]) == "1.1")
        #expect(middle([Self.ct, Self.ct, Self.ct]) == "1.2")
        #expect(middle([Self.ct, Self.ct, Self.ct, Self.ct]) == "1.2")
        #expect(middle([nil, nil, nil]) == "1.2")
        #expect(middle([Self.ct, Self.ct, Self.ct], numbers: [3, 1, 2]) == "1.3")
        #expect(middle([Self.pr, Self.ko, Self.ct]) == "1.3")
        #expect(middle([Self.pr, Self.ko]) == nil)
        #expect(middle([]) == nil)
    }

    @Test(arguments: [
        ("CT", true), ("US", true), (nil, true), ("OT", true), ("PR", false), ("KO", false), ("SR", false),
        ("SEG", false), ("RTSTRUCT", false), ("RTIMAGE", true),
    ])
    func tellsImageSeriesByModality(_ modality: String?, _ mayHoldImages: Bool) {
        #expect(StudyRecord.Series(uid: makeUID("1.3"), modality: modality).mayHoldImages == mayHoldImages)
    }

    @Test(arguments: [
        ("2", SOPClassKind.image), ("77.1.6", .image), ("128", .image), ("481.1", .image), ("481.23", .image),
        ("12.1", .image), ("20", .image), ("999.1", .image), ("66.4", .pixelsOnly), ("481.2", .pixelsOnly),
        ("30", .pixelsOnly), ("66", .withoutPixels), ("66.1", .withoutPixels), ("11.1", .withoutPixels),
        ("11.12", .withoutPixels), ("88.59", .withoutPixels), ("88.11", .withoutPixels), ("104.1", .withoutPixels),
        ("9.1.1", .withoutPixels), ("4.2", .withoutPixels), ("481.3", .withoutPixels), ("481.25", .withoutPixels),
    ])
    func tellsSOPClasses(_ tail: String, _ kind: SOPClassKind) {
        #expect(SOPClassKind(makeUID("1.2.840.10008.5.1.4.1.1.\(tail)")) == kind)
    }

    @Test func unknownClassesMayBeImages() {
        #expect(SOPClassKind(nil) == .image)
        #expect(SOPClassKind(makeUID("1.2.826.0.1.1")) == .image)
        #expect(SOPClassKind(makeUID("1.2.840.10008.5.1.4.38.1")) == .withoutPixels)
    }
}

private func makeUID(_ text: String) -> UID { UID(text)! }
