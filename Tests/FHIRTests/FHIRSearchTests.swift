import FHIR
import HTTP
import Testing

@Suite struct FHIRSearchTests {
    @Test(arguments: [
        (FHIRSearch.Form.identifier, true, "identifier=urn:dicom:uid%7Curn:oid:1.2.3&_include=ImagingStudy:endpoint"),
        (.identifier, false, "identifier=urn:dicom:uid%7Curn:oid:1.2.3"),
        (.identifierValue, true, "identifier=urn:oid:1.2.3&_include=ImagingStudy:endpoint"),
        (.bareUID, true, "identifier=1.2.3&_include=ImagingStudy:endpoint"),
        (.study, true, "study=urn:oid:1.2.3&_include=ImagingStudy:endpoint"),
    ])
    func asksForAStudy(form: FHIRSearch.Form, includesEndpoints: Bool, query: String) throws {
        for base in ["http://127.0.0.1:8090/fhir", "http://127.0.0.1:8090/fhir/"] {
            let search = FHIRSearch(base: try url(base))
            let asked = search.studyURL(try uid("1.2.3"), form: form, includesEndpoints: includesEndpoints)
            #expect(asked.description == "http://127.0.0.1:8090/fhir/ImagingStudy?\(query)")
        }
    }

    @Test(arguments: [
        ("Endpoint/a-1.b", "https://fhir.example/r4/Endpoint/a-1.b"),
        ("https://x.example/Endpoint/1", "https://x.example/Endpoint/1"),
        ("Endpoint/..", nil), ("Endpoint/a/b", nil), ("Endpoint/a?x=1", nil), ("../Endpoint/a", nil),
        ("Endpoint/", nil),
        ("Endpoint", nil), ("urn:uuid:1", nil), ("Endpoint/a%2fb", nil), ("1/2", nil),
    ])
    func readsByReferenceOnlyWhatIsOne(reference: String, expected: String?) throws {
        #expect(FHIRSearch(base: try url(server)).readURL(reference)?.description == expected)
    }

    @Test(arguments: [
        ("https://fhir.example/r4?page=2", "https://fhir.example/r4?page=2"),
        ("https://fhir.example/r4/ImagingStudy?x=%7C", "https://fhir.example/r4/ImagingStudy?x=%7C"),
        ("ImagingStudy?page=2", "https://fhir.example/r4/ImagingStudy?page=2"),
        ("/r4/next", "https://fhir.example/r4/next"),
    ])
    func followsPagesUnderTheBase(next: String, expected: String) throws {
        var paging = try paging()
        let decision = paging.decide(after: try page(next), requested: try url("\(server)/ImagingStudy?a"), size: 10)
        #expect(decision == .follow(try url(expected)))
    }

    @Test(arguments: [
        "https://evil.example/r4?page=2", "http://fhir.example/r4?page=2", "https://fhir.example:444/r4",
        "https://fhir.example/other",
        "https://fhir.example/r4/../admin", "//evil.example/r4", "https://fhir.example/r4x", "ftp://fhir.example/r4",
        "https://u:p@fhir.example/r4",
    ])
    func refusesPagesElsewhere(next: String) throws {
        var paging = try paging()
        let decision = paging.decide(after: try page(next), requested: try url("\(server)/ImagingStudy?a"), size: 10)
        guard case .refuse = decision else {
            Issue.record("\(decision)")
            return
        }
    }

    @Test func followsTheServersOwnNameBackToTheConfiguredOne() throws {
        var paging = try paging()
        let page = try document(
            """
            {"resourceType":"Bundle","link":[
              {"relation":"self","url":"http://inside:8080/fhir/ImagingStudy?a"},
              {"relation":"next","url":"http://inside:8080/fhir/ImagingStudy?a&page=2"}]}
            """)
        let decision = paging.decide(after: page, requested: try url("\(server)/ImagingStudy?a"), size: 10)
        #expect(decision == .follow(try url("\(server)/ImagingStudy?a&page=2")))
    }

    @Test func endsWhenThereIsNoNextPage() throws {
        var paging = try paging()
        #expect(paging.decide(after: try document(searchset([])), requested: try url(server), size: 1) == .done)
    }

    @Test func refusesCirclesTooManyPagesAndTooManyBytes() throws {
        let first = try url("\(server)/ImagingStudy?a")
        var circle = try paging()
        #expect(
            circle.decide(after: try page(first.description), requested: first, size: 1)
                == .refuse("its pages lead in a circle"))

        var long = try paging()
        for number in 2...50 {
            let next = "\(server)?page=\(number)"
            #expect(long.decide(after: try page(next), requested: first, size: 1) == .follow(try url(next)))
        }
        #expect(
            long.decide(after: try page("\(server)?page=51"), requested: first, size: 1)
                == .refuse("it has more than 50 pages"))

        var large = try paging()
        #expect(
            large.decide(after: try page("\(server)?page=2"), requested: first, size: 20 << 20)
                == .follow(try url("\(server)?page=2")))
        #expect(large.bytesLeft == 12 << 20)
        #expect(
            large.decide(after: try page("\(server)?page=3"), requested: first, size: 12 << 20)
                == .refuse("its pages hold more than 33554432 bytes"))
        #expect(large.bytesLeft == 0)
    }

    @Test(arguments: [
        (200, true, ServerVerdict.content), (304, false, .notModified), (404, false, .absent), (410, false, .absent),
        (400, true, .refusesForm), (422, true, .refusesForm), (501, true, .refusesForm), (405, true, .refusesForm),
        (504, true, .failing(timedOut: true, "HTTP 504")), (500, true, .failing(timedOut: false, "HTTP 500")),
        (503, true, .failing(timedOut: false, "HTTP 503")), (429, true, .failing(timedOut: false, "HTTP 429")),
        (401, true, .failing(timedOut: false, "it refuses the gateway's credentials (HTTP 401)")),
        (404, true, .failing(timedOut: false, "it has no ImagingStudy search at the configured URL (HTTP 404)")),
        (204, true, .failing(timedOut: false, "HTTP 204")),
    ])
    func judgesByStatus(status: Int, isSearch: Bool, expected: ServerVerdict) {
        #expect(ServerVerdict(status: status, isSearch: isSearch) == expected)
    }

    @Test(arguments: [
        ("warning", "not-found", nil), ("information", "exception", nil), ("error", "not-found", ServerVerdict.absent),
        ("error", "deleted", .absent), ("fatal", "timeout", .failing(timedOut: true, "OperationOutcome timeout")),
        ("error", "not-supported", .refusesForm),
        ("error", "throttled", .failing(timedOut: false, "OperationOutcome throttled")),
    ])
    func judgesByOperationOutcome(severity: String, code: String, expected: ServerVerdict?) throws {
        let parsed = try document(
            #"{"resourceType":"OperationOutcome","issue":[{"severity":"\#(severity)","code":"\#(code)","diagnostics":"x"}]}"#
        )
        #expect(ServerVerdict(issues: parsed.issues) == expected)
    }

    private func paging() throws -> SearchPaging {
        SearchPaging(base: try url(server), first: try url("\(server)/ImagingStudy?a"))
    }

    private func page(_ next: String) throws -> FHIRDocument { try document(searchset([r4()], next: next)) }
}
