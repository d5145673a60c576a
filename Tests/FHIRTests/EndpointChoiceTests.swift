import DICOM
import FHIR
import HTTP
import Testing

@Suite struct EndpointChoiceTests {
    private static let now = "2026-11-24T13:00:00Z"

    private func endpoint(
        _ id: String, _ types: ConnectionType..., status: Endpoint.Status = .active, address: String? = nil,
        start: String? = nil, end: String? = nil
    ) -> Endpoint {
        Endpoint(
            id: id, connectionTypes: types, status: status, address: address ?? "https://\(id).example/dw",
            periodStart: start,
            periodEnd: end)
    }

    private func choice(
        study: [Endpoint], series: [Endpoint]? = nil, asking: String? = "1.1", fallback: Endpoint? = nil
    ) throws -> EndpointChoice {
        let all = series.map { [StudyRecord.Series(uid: UID("1.1")!, endpoints: $0)] } ?? []
        return EndpointChoice(
            record: StudyRecord(study: try uid(studyUID), series: all, endpoints: study),
            series: asking.flatMap { UID($0) },
            now: Self.now, fallback: fallback, directoryBase: try url("https://fhir.example/r4"))
    }

    /// "id:type" of each candidate.
    private func names(_ choice: EndpointChoice) -> [String] {
        choice.candidates.map { "\($0.endpoint.id):\($0.type.code)" }
    }

    private func reasons(_ choice: EndpointChoice) -> [String] {
        choice.rejections.map { "\($0.endpoint.id): \($0.reason)" }
    }

    @Test func overridesTheStudysEndpointOfTheSameTypeOnly() throws {
        let choice = try choice(
            study: [endpoint("a", .wadoURI), endpoint("b", .wadoRS)], series: [endpoint("c", .wadoURI)])
        #expect(names(choice) == ["b:dicom-wado-rs", "c:dicom-wado-uri"])
        #expect(reasons(choice) == ["a: overridden by the series' own dicom-wado-uri endpoint"])
    }

    @Test func overridesEachTypeOfAnEndpointByItself() throws {
        let choice = try choice(study: [endpoint("a", .wadoURI, .wadoRS, .qidoRS)], series: [endpoint("c", .wadoRS)])
        #expect(names(choice) == ["c:dicom-wado-rs", "a:dicom-wado-uri"])
        #expect(reasons(choice) == ["a: overridden by the series' own dicom-wado-rs endpoint"])
    }

    @Test func givesAnUnknownSeriesTheStudysEndpoints() throws {
        let choice = try choice(study: [endpoint("a", .wadoRS)], series: [endpoint("c", .wadoRS)], asking: "9.9")
        #expect(names(choice) == ["a:dicom-wado-rs"])
    }

    @Test func ordersByTypeAndThenByRecord() throws {
        let archive = Endpoint(id: "disk", connectionTypes: [.archive], address: "disk")
        let choice = try choice(
            study: [
                endpoint("a", .wadoURI), endpoint("b", .wadoRS), endpoint("c", .wadoRS), endpoint("d", .wadoURI),
                archive,
            ])
        #expect(
            names(choice) == [
                "disk:archive", "b:dicom-wado-rs", "c:dicom-wado-rs", "a:dicom-wado-uri", "d:dicom-wado-uri",
            ])
        #expect(choice.candidates.first?.base == nil)
    }

    @Test(arguments: [Endpoint.Status.off, .enteredInError, .test])
    func treatsADeadEndpointAsAbsent(status: Endpoint.Status) throws {
        let choice = try choice(study: [endpoint("a", .wadoRS)], series: [endpoint("c", .wadoRS, status: status)])
        #expect(names(choice) == ["a:dicom-wado-rs"])
        #expect(reasons(choice) == ["c: its status is \(status.code)"])
        let alone = try self.choice(study: [endpoint("c", .wadoRS, status: status)])
        #expect(alone.candidates.isEmpty)
        #expect(!alone.isSuspended)
    }

    @Test(arguments: [Endpoint.Status.suspended, .error, .other("paused")])
    func keepsASuspendedEndpointsPlace(status: Endpoint.Status) throws {
        let only = try choice(study: [endpoint("a", .wadoRS)], series: [endpoint("c", .wadoRS, status: status)])
        #expect(only.candidates.isEmpty)
        #expect(only.isSuspended)
        #expect(
            reasons(only) == [
                "c: its status is \(status.code)", "a: overridden by the series' own dicom-wado-rs endpoint",
            ])
        let other = try choice(study: [endpoint("a", .wadoURI)], series: [endpoint("c", .wadoRS, status: status)])
        #expect(names(other) == ["a:dicom-wado-uri"])
        #expect(!other.isSuspended)
    }

    @Test(
        arguments: [
            ("2026-11-24T13:00:00Z", nil, true), ("2026-11-24T13:00:01Z", nil, false), ("2026-11-24", nil, true),
            ("2026-11-25", nil, false), ("2026-12", nil, false), ("2027", nil, false), ("2026", nil, true),
            ("2026-11-24T14:00:00+01:00", nil, true), ("2026-11-24T12:59:59-01:00", nil, false),
            (nil, "2026-11-24", true),
            (nil, "2026-11", true), (nil, "2026", true), (nil, "2026-11-23", false), (nil, "2026-10", false),
            (nil, "2026-11-24T12:59:59.999Z", false), (nil, "2026-11-24T13:00Z", true),
            (nil, "2026-11-24T13:00:00Z", true),
            ("2020-02-29", "2030-01-01", true), ("rubbish", "2026-13-77", true),
        ] as [(String?, String?, Bool)])
    func heedsThePeriod(start: String?, end: String?, isUsable: Bool) throws {
        let choice = try choice(study: [endpoint("a", .wadoRS, start: start, end: end)])
        #expect(names(choice) == (isUsable ? ["a:dicom-wado-rs"] : []))
        #expect(!choice.isSuspended)
    }

    @Test func saysWhyAnEndpointCannotRetrieve() throws {
        let choice = try choice(study: [
            endpoint("a", .qidoRS), endpoint("b", .other("hl7-fhir-rest"), .other("x")), endpoint("c"),
            .unresolved("Endpoint/d"),
        ])
        #expect(
            reasons(choice) == [
                "a: not a retrieve endpoint: dicom-qido-rs", "b: not a retrieve endpoint: hl7-fhir-rest, x",
                "c: not a retrieve endpoint: it has no connection type", "Endpoint/d: it is named but cannot be found",
            ])
        #expect(!choice.isSuspended)
    }

    @Test func usesTheFallbackOnlyWhenNoneIsNamed() throws {
        let fallback = endpoint("default", .wadoRS)
        #expect(names(try choice(study: [], fallback: fallback)) == ["default:dicom-wado-rs"])
        #expect(names(try choice(study: [], series: [], asking: nil, fallback: fallback)) == ["default:dicom-wado-rs"])
        #expect(names(try choice(study: [endpoint("a", .wadoRS, status: .off)], fallback: fallback)) == [])
        #expect(names(try choice(study: [.unresolved("Endpoint/a")], fallback: fallback)) == [])
        #expect(names(try choice(study: [], series: [endpoint("a", .qidoRS)], fallback: fallback)) == [])
        #expect(names(try choice(study: [], series: [endpoint("a", .wadoRS)], asking: nil, fallback: fallback)) == [])
        #expect(
            names(try choice(study: [], series: [endpoint("a", .wadoRS)], asking: "2.2", fallback: fallback))
                == ["default:dicom-wado-rs"])
    }

    @Test func countsOneServiceOnce() throws {
        let choice = try choice(study: [
            endpoint("a", .wadoRS, address: "https://pacs.example/dw"),
            endpoint("b", .wadoRS, address: "https://PACS.example:443/dw/studies/"),
            endpoint("a", .wadoRS, address: "https://pacs.example/dw"),
            endpoint("c", .wadoURI, address: "https://pacs.example/dw"),
        ])
        #expect(names(choice) == ["a:dicom-wado-rs", "c:dicom-wado-uri"])
        #expect(reasons(choice) == ["b: the same service as a"])
    }

    @Test(arguments: [
        ("https://pacs.example/dw", "https://pacs.example/dw"),
        (" https://pacs.example/dw/ ", "https://pacs.example/dw"),
        ("https://pacs.example/dw//", "https://pacs.example/dw"), ("https://pacs.example", "https://pacs.example/"),
        ("https://pacs.example/dw/studies", "https://pacs.example/dw"),
        ("https://pacs.example/studies/", "https://pacs.example/"),
        ("HTTPS://PACS.example:443/a/../dw?x=1#f", "https://pacs.example/dw"), ("wado", "https://fhir.example/r4/wado"),
        ("/wado/studies", "https://fhir.example/wado"), ("../dw", "https://fhir.example/dw"),
        ("https://pacs.example/dw/studies/1.2.840.99.1", "https://pacs.example/dw"),
        ("https://pacs.example/dw/studies/1.2.840.99.1/series/1.1/instances/1.1.1/frames/1", "https://pacs.example/dw"),
        ("https://pacs.example/dw/study/1.2.840.99.1/series/1.1", "https://pacs.example/dw"),
        ("https://pacs.example/studies/7/dw", "https://pacs.example/studies/7/dw"),
        (
            "https://pacs.example/studies/1.2.840.99.1/dw/studies/1.2.840.99.1",
            "https://pacs.example/studies/1.2.840.99.1/dw"
        ),
    ])
    func normalisesAddressesOfWADORS(address: String, base: String) throws {
        let choice = try choice(study: [endpoint("a", .wadoRS, address: address)])
        #expect(choice.candidates.map { $0.base?.description } == [base])
    }

    @Test(arguments: [
        ("https://pacs.example/wado?", "https://pacs.example/wado"),
        ("https://pacs.example/wado/", "https://pacs.example/wado"),
        ("https://pacs.example/wado?tenant=a%20b&x", "https://pacs.example/wado?tenant=a%20b&x"),
        ("https://pacs.example/studies", "https://pacs.example/studies"),
        (
            "https://pacs.example/wado?requestType=WADO&tenant=1&studyUID=1.2.840.99.1&seriesUID=1.1&contentType=a/b",
            "https://pacs.example/wado?tenant=1"
        ),
    ])
    func normalisesAddressesOfWADOURI(address: String, base: String) throws {
        let choice = try choice(study: [endpoint("a", .wadoURI, address: address)])
        #expect(choice.candidates.map { $0.base?.description } == [base])
    }

    @Test(arguments: [
        ("", "it has no address"), ("  ", "it has no address"),
        ("ftp://pacs.example/x", "its address is neither http nor https"),
        ("file:///etc/passwd", "its address is neither http nor https"),
        ("javascript:1", "its address is neither http nor https"),
        ("http://", "its address is not a usable URL"),
        ("https://user:pw@pacs.example/dw", "its address is not a usable URL"),
        ("http:/pacs", "its address is not a usable URL"),
        ("https://pacs.example/a b", "its address is not a usable URL"),
        ("https://pacs.example/dw/studies/1.2.840.99.2", "its address names another study"),
    ])
    func refusesAddresses(address: String, reason: String) throws {
        let choice = try choice(study: [endpoint("a", .wadoRS, address: address)])
        #expect(choice.candidates.isEmpty)
        #expect(reasons(choice) == ["a: \(reason)"])
        #expect(!choice.isSuspended)
    }

    @Test func refusesAnotherStudyInAQuery() throws {
        let choice = try choice(study: [endpoint("a", .wadoURI, address: "https://p.example/w?studyUID=1.2.840.99.2")])
        #expect(reasons(choice) == ["a: its address names another study"])
    }

    @Test func refusesARelativeAddressOfNoServer() throws {
        let record = StudyRecord(study: try uid(studyUID), endpoints: [endpoint("a", .wadoRS, address: "/dw")])
        let choice = EndpointChoice(record: record, series: nil, now: Self.now, fallback: nil)
        #expect(reasons(choice) == ["a: its address is relative, and no FHIR server says to what"])
    }

    @Test(arguments: [
        (#""status":"active""#, Endpoint.Status.active), (#""status":"suspended""#, .suspended),
        (#""status":"error""#, .error),
        (#""status":"off""#, .off), (#""status":"entered-in-error""#, .enteredInError), (#""status":"test""#, .test),
        (#""status":"paused""#, .other("paused")), (#""status":"Active ""#, .active),
        (#""status":[]"#, .other("of the wrong type")),
        (#""id":"1""#, .active), (#""status":"active","environmentType":[{"coding":[{"code":"test"}]}]"#, .test),
        (#""status":"active","environmentType":[{"coding":[{"code":"test"}]},{"coding":[{"code":"prod"}]}]"#, .active),
        (#""status":"off","environmentType":[{"coding":[{"code":"dev"}]}]"#, .off),
    ])
    func readsTheEndpointsStatus(element: String, expected: Endpoint.Status) throws {
        let parsed = try document(#"{"resourceType":"Endpoint",\#(element)}"#)
        #expect(parsed.endpoints.map(\.endpoint.status) == [expected])
    }

    @Test(arguments: [
        (#"{"code":"dicom-wado-rs"}"#, [ConnectionType.wadoRS]),
        (
            #"[{"coding":[{"code":"dicom-wado-rs"},{"code":"local"}]},{"coding":[{"code":"dicom-wado-uri"}]}]"#,
            [.wadoRS, .other("local"), .wadoURI]
        ),
        (#"{"coding":[{"code":"dicom-qido-rs"}]}"#, [.qidoRS]),
        (#"[{"code":"dicom-wado-rs"},{"code":"dicom-wado-rs"}]"#, [.wadoRS]),
        (#"[{"text":"dicom-wado-rs"}]"#, []), ("7", []),
    ])
    func readsConnectionTypesInEveryShape(json: String, expected: [ConnectionType]) throws {
        let parsed = try document(#"{"resourceType":"Endpoint","connectionType":\#(json)}"#)
        #expect(parsed.endpoints.map(\.endpoint.connectionTypes) == [expected])
    }
}
