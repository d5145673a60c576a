import DICOM
import FHIR
import Testing

@Suite struct StudyMergeTests {
    private func series(_ uid: String, instances: [String] = [], endpoint: String? = nil) -> String {
        let items = instances.map { #"{"uid":"\#($0)"}"# }.joined(separator: ",")
        let reference = endpoint.map { #","endpoint":[{"reference":"\#($0)"}]"# } ?? ""
        return #"{"uid":"\#(uid)","numberOfInstances":\#(instances.count),"instance":[\#(items)]\#(reference)}"#
    }

    @Test func mergesResourcesOfOneStudyAndSubject() throws {
        let older = r4(
            id: "a", meta: #"{"versionId":"1","lastUpdated":"2026-01-01T00:00:00Z"}"#,
            more: """
                "description":"older","started":"2025-05-05","endpoint":[{"reference":"Endpoint/1"},{"reference":"Endpoint/2"}],
                "series":[\(series("1.1", instances: ["1.1.1", "1.1.2"])),\(series("1.2", endpoint: "Endpoint/4"))]
                """)
        let newer = r4(
            id: "b", meta: #"{"versionId":"7","lastUpdated":"2026-01-01T01:30:00+01:00"}"#,
            more: """
                "description":"newer","endpoint":[{"reference":"Endpoint/2"},{"reference":"Endpoint/3"}],
                "series":[\(series("1.1", instances: ["1.1.2", "1.1.3"])),\(series("1.3"))]
                """)
        for order in [[older, newer], [newer, older]] {
            let merged = try record(searchset(order))
            #expect(merged.summary == "newer")
            #expect(merged.started == "2025-05-05")
            #expect(merged.endpoints.map(\.id) == ["Endpoint/2", "Endpoint/3", "Endpoint/1"])
            #expect(merged.series.map(\.uid.string) == ["1.1", "1.3", "1.2"])
            #expect(merged.series.first?.instances.map(\.uid.string) == ["1.1.2", "1.1.3", "1.1.1"])
            #expect(merged.series.first?.numberOfInstances == 3)
            #expect(merged.series.last?.endpoints.map(\.id) == ["Endpoint/4"])
            #expect(
                merged.version == "ImagingStudy/a@1@2026-01-01T00:00:00Z,ImagingStudy/b@7@2026-01-01T01:30:00+01:00")
        }
    }

    @Test(arguments: [
        (#"{"reference":"Patient/7"}"#, #"{"reference":"Patient/8"}"#),
        (#"{"reference":"Patient/7"}"#, #"{"reference":"https://other.example/r4/Patient/7"}"#),
        (
            #"{"reference":"Patient/7","identifier":{"value":"1"}}"#,
            #"{"reference":"Patient/8","identifier":{"value":"1"}}"#
        ),
        (#"{"identifier":{"system":"a","value":"1"}}"#, #"{"identifier":{"system":"b","value":"1"}}"#),
        (#"{"reference":"Patient/7"}"#, "{}"), (##"{"reference":"#p"}"##, ##"{"reference":"#p"}"##),
        (#"{"reference":"Patient/7"}"#, #"{"identifier":{"value":"1"}}"#),
    ])
    func refusesDifferentSubjects(one: String, other: String) throws {
        let resources = [r4(id: "a", subject: one), r4(id: "b", subject: other)]
        #expect(throws: SubjectConflict(resources: ["ImagingStudy/a", "ImagingStudy/b"])) {
            try record(searchset(resources))
        }
    }

    @Test(arguments: [
        (#"{"reference":"Patient/7"}"#, #"{"reference":"https://fhir.example/r4/Patient/7/_history/1"}"#),
        (#"{"reference":"Patient/7","identifier":{"value":"1"}}"#, #"{"identifier":{"value":"1"}}"#), ("{}", "{}"),
    ])
    func acceptsOneSubjectInTwoSpellings(one: String, other: String) throws {
        let merged = try record(searchset([r4(id: "a", subject: one), r4(id: "b", subject: other)]))
        #expect(merged.version == "ImagingStudy/a@1@,ImagingStudy/b@1@")
    }

    /// Two references never agree by way of a third resource that has only an identifier.
    @Test func holdsEverySubjectAgainstAReference() throws {
        let identifier = #""identifier":{"value":"1"}"#
        let subjects = [
            "{\(identifier)}", #"{"reference":"Patient/7",\#(identifier)}"#,
            #"{"reference":"Patient/8",\#(identifier)}"#,
        ]
        let resources = zip(["a", "b", "c"], subjects).map { r4(id: $0, subject: $1) }
        #expect(throws: SubjectConflict.self) { try record(searchset(resources)) }
    }

    @Test(arguments: ["entered-in-error", "cancelled"])
    func letsWithdrawnResourcesGiveWay(status: String) throws {
        let wrong = r4(
            id: "a", status: status, subject: #"{"reference":"Patient/8"}"#,
            meta: #"{"lastUpdated":"2026-09-09T00:00:00Z"}"#,
            more: #""endpoint":[{"reference":"Endpoint/wrong"}]"#)
        let merged = try record(searchset([wrong, r4(id: "b")]))
        #expect(merged.status == .available)
        #expect(merged.subject == "Patient/7")
        #expect(merged.endpoints.isEmpty)
        #expect(merged.version == "ImagingStudy/b@1@")
        #expect(try record(searchset([wrong])).status.rawValue == status)
    }

    @Test func prefersAvailableToRegistered() throws {
        let merged = try record(
            searchset([r4(id: "a", status: "registered"), r4(id: "b"), r4(id: "c", status: "unknown")]))
        #expect(merged.status == .available)
    }

    @Test func takesOnlyTheStudyThatWasAskedFor() throws {
        let bundle = searchset([r4(id: "a", uid: "1.2.3"), r4(id: "b")])
        #expect(try record(bundle).version == "ImagingStudy/b@1@")
        let parsed = try document(bundle)
        let none = try StudyMerge.relevant(parsed.studies, for: try uid("1.2.4"))
        #expect(none.isEmpty)
        #expect(StudyMerge.record(of: try uid("1.2.4"), from: none, endpoints: EndpointTable()) == nil)
    }

    @Test func countsAResourceThatCameTwiceOnce() throws {
        #expect(try record(searchset([r4(), r4()])).version == "ImagingStudy/s@1@")
    }

    /// Each of these once took time that grew with the square of its length: minutes, at these.
    @Test(.timeLimit(.minutes(1)), arguments: ["series", "resources", "endpoints", "types"])
    func mergesManyPartsInLinearTime(_ part: String) throws {
        func many(_ count: Int, _ text: (Int) -> String) -> String { (0..<count).map(text).joined(separator: ",") }
        let json =
            switch part {
            case "series":
                r4(more: #""series":[\#(many(20_000) { #"{"uid":"1.2.3","instance":[{"uid":"1.2.3.\#($0)"}]}"# })]"#)
            case "resources": searchset((0..<10_000).map { r4(id: "\($0)", more: #""series":[{"uid":"1.2.\#($0)"}]"#) })
            case "endpoints": r4(more: #""endpoint":[\#(many(20_000) { #"{"reference":"Endpoint/\#($0)"}"# })]"#)
            default:
                searchset([
                    r4(more: #""endpoint":[{"reference":"Endpoint/e"}]"#),
                    #"{"resourceType":"Endpoint","id":"e","connectionType":[\#(many(40_000) { #"{"code":"\#($0)"}"# })]}"#,
                ])
            }
        let record = try record(json)
        let choice = EndpointChoice(record: record, series: nil, now: "2026-11-24T13:00:00Z", fallback: nil)
        switch part {
        case "series": #expect(record.series.map(\.instances.count) == [20_000])
        case "resources": #expect(record.series.count == 10_000)
        case "endpoints": #expect(choice.rejections.count == 20_000)
        default: #expect(record.endpoints.map(\.connectionTypes.count) == [40_000])
        }
    }
}
