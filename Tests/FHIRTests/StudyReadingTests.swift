import DICOM
import FHIR
import HTTP
import Testing

@Suite struct StudyReadingTests {
    @Test(arguments: Version.allCases)
    func readsEveryVersionIntoTheSameRecord(version: Version) throws {
        let record = try record(
            searchset([
                version.study, version.endpoint("rs", "dicom-wado-rs", "https://pacs.example/dw"),
                version.endpoint("uri", "dicom-wado-uri", "https://pacs.example/wado"),
            ]))
        let common = Endpoint(
            id: "Endpoint/rs", connectionTypes: [.wadoRS], address: "https://pacs.example/dw", name: "the rs",
            periodStart: "2020-01-01", headers: ["X-A: b"])
        var own = common
        own.id = "Endpoint/uri"
        own.connectionTypes = [.wadoURI]
        own.address = "https://pacs.example/wado"
        own.name = "the uri"
        let instance = StudyRecord.Instance(
            uid: try uid("1.2.840.99.1.1.1"), sopClass: try uid("1.2.840.10008.5.1.4.1.1.2"), number: 5)
        let expected = StudyRecord(
            study: try uid(studyUID), status: .available, subject: "Patient/7", accession: "A7", modalities: ["CT"],
            started: "2026-01-01", summary: "Thorax",
            series: [
                StudyRecord.Series(
                    uid: try uid("1.2.840.99.1.1"), modality: "CT", number: 2, summary: "Axial", numberOfInstances: 1,
                    instances: [instance], endpoints: [own])
            ], endpoints: [common], version: "ImagingStudy/s@3@2026-01-02T03:04:05Z")
        #expect(record == expected)
    }

    @Test(arguments: [
        #"[{"system":"urn:dicom:uid","value":"urn:oid:1.2.840.99.1"}]"#,
        #"[{"system":"urn:dicom:uid","value":"1.2.840.99.1"}]"#,
        #"[{"system":"urn:dicom:uid","value":" URN:OID:1.2.840.99.1\u0000 "}]"#, #"[{"value":"urn:oid:1.2.840.99.1"}]"#,
        #"[{"system":"urn:ietf:rfc:3986","value":"urn:oid:1.2.840.99.1"}]"#, #"[{"value":"1.2.840.99.1"}]"#,
        #"[{"value":"12345"},{"system":"http://x","value":"9.9"},{"system":"urn:dicom:uid","value":"1.2.840.99.1"}]"#,
        #"{"system":"urn:dicom:uid","value":"1.2.840.99.1"}"#,
    ])
    func findsTheStudyUIDHoweverItIsWritten(identifier: String) throws {
        let parsed = try document(#"{"resourceType":"ImagingStudy","identifier":\#(identifier)}"#)
        #expect(parsed.studies.map(\.studyUIDs) == [[try uid(studyUID)]])
    }

    @Test(arguments: [
        "[]", "7", "null", #"[{"system":"urn:dicom:uid","value":"1..2"}]"#, #"[{"value":"12345"}]"#,
        #"[{"type":{"coding":[{"code":"ACSN"}]},"value":"1.2.3"}]"#, #"[{"system":"urn:dicom:uid","value":7}]"#,
        #"[{"system":"urn:dicom:uid","value":"1.2/../3"}]"#, #"["1.2.3"]"#,
    ])
    func passesOverAStudyWithoutUID(identifier: String) throws {
        let parsed = try document(#"{"resourceType":"ImagingStudy","id":"x","identifier":\#(identifier)}"#)
        #expect(parsed.studies.isEmpty)
        #expect(parsed.notes == ["ImagingStudy/x has no Study Instance UID"])
    }

    @Test(arguments: [
        (#""status":"available""#, StudyRecord.Status.available), (#""status":"registered""#, .registered),
        (#""status":"cancelled""#, .cancelled), (#""status":"entered-in-error""#, .enteredInError),
        (#""status":"unknown""#, .unknown), (#""status":"inactive""#, .inactive), (#""status":"final""#, .unknown),
        (#""status":7"#, .available), (#""availability":"ONLINE""#, .available),
        (#""availability":"OFFLINE""#, .available),
        (#""availability":"NEARLINE""#, .available), (#""availability":"UNAVAILABLE""#, .unavailable),
    ])
    func mapsStatusAndAvailability(element: String, expected: StudyRecord.Status) throws {
        let record = try record(#"{"resourceType":"ImagingStudy","uid":"urn:oid:\#(studyUID)",\#(element)}"#)
        #expect(record.status == expected)
    }

    @Test(arguments: [
        (#"{"reference":"Patient/7"}"#, "Patient/7"),
        (#"{"reference":"https://fhir.example/r4/Patient/7"}"#, "Patient/7"),
        (#"{"reference":"Patient/7/_history/2"}"#, "Patient/7"), (#"{"reference":"/Patient/7"}"#, "Patient/7"),
        (#"{"reference":"https://FHIR.example:443/r4/Patient/7/_history/9"}"#, "Patient/7"),
        (#"{"reference":"https://other.example/r4/Patient/7"}"#, "https://other.example/r4/Patient/7"),
        (#"{"reference":"https://fhir.example/r40/Patient/7"}"#, "https://fhir.example/r40/Patient/7"),
        (
            #"{"reference":"urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0"}"#,
            "urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0"
        ),
        (#"{"identifier":{"system":"urn:mrn","value":"77"}}"#, "identifier:urn:mrn|77"),
        (##"{"reference":"#p"}"##, "identifier:urn:mrn|78"), (##"{"reference":"#q"}"##, "ImagingStudy/s#q"),
    ])
    func spellsTheSubjectInOneWay(subject: String, expected: String) throws {
        let contained = """
            "contained":[{"resourceType":"Patient","id":"p","identifier":[{"system":"urn:mrn","value":"78"}]},
              {"resourceType":"Patient","id":"q"}]
            """
        #expect(try record(r4(subject: subject, more: contained)).subject == expected)
    }

    @Test func knowsItsServerUnderTheServersOwnName() throws {
        let bundle = """
            {"resourceType":"Bundle","type":"searchset","link":[{"relation":"self",
              "url":"http://internal:8080/fhir/ImagingStudy?identifier=x"}],
             "entry":[{"fullUrl":"http://internal:8080/fhir/ImagingStudy/s","resource":\(r4(more: #"""
                "endpoint":[{"reference":"Endpoint/rs"},{"reference":"http://internal:8080/fhir/Endpoint/uri"}]
                """#))},
              {"fullUrl":"http://internal:8080/fhir/Endpoint/rs","resource":\(Version.r4.endpoint("rs", "dicom-wado-rs", "a"))},
              {"fullUrl":"\(server)/Endpoint/uri","resource":\(Version.r4.endpoint("uri", "dicom-wado-uri", "b"))}]}
            """
        let record = try record(bundle)
        #expect(record.subject == "Patient/7")
        #expect(record.endpoints.map(\.address) == ["a", "b"])
    }

    @Test func takesARelativeReferenceFromWhereTheResourceLives() throws {
        let bundle = """
            {"resourceType":"Bundle","type":"collection","entry":[
              {"fullUrl":"https://elsewhere.example/fhir/ImagingStudy/s","resource":
                \(r4(more: #""endpoint":[{"reference":"Endpoint/rs"}]"#))},
              {"fullUrl":"\(server)/Endpoint/rs","resource":\(Version.r4.endpoint("rs", "dicom-wado-rs", "wrong"))},
              {"fullUrl":"https://elsewhere.example/fhir/Endpoint/rs","resource":
                \(Version.r4.endpoint("rs", "dicom-wado-rs", "right"))}]}
            """
        #expect(try record(bundle).endpoints.map(\.address) == ["right"])
    }

    @Test func resolvesContainedLocalAndIdentifierReferences() throws {
        let study = r4(
            more: """
                "contained":[\(Version.r5.endpoint("e1", "dicom-wado-rs", "contained"))],
                "endpoint":[{"reference":"#e1"},{"reference":"urn:uuid:11111111-2222-3333-4444-555555555555"},
                  {"identifier":{"system":"urn:e","value":"9"}},{"reference":"#none"},{"reference":"Endpoint/none"},{}]
                """)
        let bundle = """
            {"resourceType":"Bundle","type":"transaction","entry":[{"fullUrl":"urn:uuid:0","resource":\(study)},
              {"fullUrl":"urn:uuid:11111111-2222-3333-4444-555555555555",
               "resource":{"resourceType":"Endpoint","status":"active","address":"by uuid",
                 "connectionType":{"code":"dicom-wado-rs"}}},
              {"resource":{"resourceType":"Endpoint","id":"i","status":"active","address":"by identifier",
                 "identifier":[{"system":"urn:e","value":"9"}]}}]}
            """
        let endpoints = try record(bundle).endpoints
        #expect(endpoints.prefix(3).map(\.address) == ["contained", "by uuid", "by identifier"])
        #expect(endpoints.dropFirst(3).map(\.status) == [.unresolved, .unresolved, .unresolved])
        #expect(endpoints.map(\.id).suffix(3) == ["#none", "Endpoint/none", "an empty reference"])
        #expect(try document(bundle).studies.first?.outsideReferences.contains("Endpoint/none") == true)
    }

    @Test func keepsStudiesApartFromSloppyParts() throws {
        let parsed = try document(
            searchset([
                r4(
                    more:
                        #""series":[7,{"uid":"x"},{"uid":"1.2.3","number":"4","instance":[{"uid":[]},"y",{"uid":"1.2.3.4"}]}]"#
                ),
                #"{"resourceType":"ImagingStudy","id":"bad","series":"none"}"#,
            ]))
        #expect(parsed.studies.first?.record.series.map(\.uid.string) == ["1.2.3"])
        #expect(parsed.studies.first?.record.series.first?.number == 4)
        #expect(parsed.studies.first?.record.series.first?.instances.map(\.uid.string) == ["1.2.3.4"])
        #expect(
            parsed.notes == [
                "ImagingStudy.series of ImagingStudy/s holds something that is not an object",
                "a series of ImagingStudy/s has no Series Instance UID",
                "ImagingStudy.series.instance of ImagingStudy/s holds something that is not an object",
                "an instance of ImagingStudy/s has no SOP Instance UID", "ImagingStudy/bad has no Study Instance UID",
            ])
    }

    @Test func readsBundlesInBundlesAndEntriesWithoutResources() throws {
        let inner = searchset([r4(), #"{"resourceType":"Patient","id":"7"}"#], next: "https://fhir.example/r4?page=2")
        let outer =
            #"{"resourceType":"Bundle","type":"batch-response","entry":[{"response":{"status":"404"}},{"resource":\#(inner)},"#
            + #"{"resource":7}]}"#
        let parsed = try document(outer)
        #expect(parsed.studies.count == 1)
        #expect(parsed.next == nil)
        #expect(parsed.notes == ["Bundle.entry[2].resource is not a FHIR resource"])
        let nested = (0..<4).reduce(r4()) { inner, _ in searchset([inner]) }
        #expect(throws: FHIRError.tooLarge("3 Bundles inside each other")) { try document(nested) }
    }

    @Test(arguments: ["7", "{}", #""none""#])
    func refusesABundleWhoseEntriesAreNone(entry: String) {
        #expect(throws: FHIRError.wrongType(path: "Bundle.entry")) {
            try document(#"{"resourceType":"Bundle","entry":\#(entry)}"#)
        }
    }

    @Test func readsNDJSONAndCountsItsBytes() throws {
        let text = r4().replacingNewlines + "\r\n\n" + Version.r4.endpoint("rs", "dicom-wado-rs", "a").replacingNewlines
        let parsed = try FHIRDocument(ndjson: Array(text.utf8))
        #expect(parsed.studies.count == 1)
        #expect(parsed.endpoints.count == 1)
        #expect(throws: FHIRError.malformed(offset: 35, "a colon is missing")) {
            try FHIRDocument(ndjson: Array("{\"resourceType\":\"Patient\"}\n\n  {\"a\" 1}\n".utf8))
        }
    }

    @Test func tellsVersionsApartByContentWhereNoneIsGiven() throws {
        let one = try record(#"{"resourceType":"ImagingStudy","uid":"\#(studyUID)","description":"a"}"#).version
        let again = try record(#"{"resourceType":"ImagingStudy","uid":"\#(studyUID)","description":"a"}"#).version
        let other = try record(#"{"resourceType":"ImagingStudy","uid":"\#(studyUID)","description":"b"}"#).version
        #expect(one == again)
        #expect(one != other)
    }
}

extension String {
    fileprivate var replacingNewlines: String { split(separator: "\n").joined(separator: " ") }
}
