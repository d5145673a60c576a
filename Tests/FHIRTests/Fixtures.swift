// ImagingStudy and Endpoint resources as the versions of FHIR write them; invented people and numbers.
import DICOM
import FHIR
import HTTP
import Testing

let studyUID = "1.2.840.99.1"
let server = "https://fhir.example/r4"

func uid(_ text: String) throws -> UID { try #require(UID(text)) }
func url(_ text: String) throws -> HTTPURL { try #require(HTTPURL(text)) }

/// One study with one series and one instance, in the words of each version.
enum Version: String, CaseIterable, Sendable {
    case stu3, r4, r4b, r5, r6

    var study: String {
        switch self {
        case .stu3:
            """
            {"resourceType":"ImagingStudy","id":"s","meta":{"versionId":"3","lastUpdated":"2026-01-02T03:04:05Z"},
             "uid":"urn:oid:1.2.840.99.1","accession":{"system":"urn:acc","value":"A7"},"availability":"ONLINE",
             "modalityList":[{"system":"http://dicom.nema.org/resources/ontology/DCM","code":"CT"}],
             "patient":{"reference":"Patient/7"},"started":"2026-01-01","description":"Thorax",
             "endpoint":[{"reference":"Endpoint/rs"}],
             "series":[{"uid":"urn:oid:1.2.840.99.1.1","number":2,"modality":{"code":"CT"},"description":"Axial",
               "numberOfInstances":1,"availability":"ONLINE","endpoint":[{"reference":"Endpoint/uri"}],
               "instance":[{"uid":"urn:oid:1.2.840.99.1.1.1","number":5,"sopClass":"urn:oid:1.2.840.10008.5.1.4.1.1.2"}]}]}
            """
        case .r4, .r4b:
            """
            {"resourceType":"ImagingStudy","id":"s","meta":{"versionId":"3","lastUpdated":"2026-01-02T03:04:05Z"},
             "identifier":[{"type":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v2-0203","code":"ACSN"}]},
               "system":"urn:acc","value":"A7"},
               {"use":"official","system":"urn:dicom:uid","value":"urn:oid:1.2.840.99.1"}],
             "status":"available","modality":[{"system":"http://dicom.nema.org/resources/ontology/DCM","code":"CT"}],
             "subject":{"reference":"Patient/7"},"started":"2026-01-01","description":"Thorax",
             "endpoint":[{"reference":"Endpoint/rs"}],
             "series":[{"uid":"1.2.840.99.1.1","number":2,"modality":{"code":"CT"},"description":"Axial",
               "numberOfInstances":1,"endpoint":[{"reference":"Endpoint/uri"}],
               "instance":[{"uid":"1.2.840.99.1.1.1","number":5,
                 "sopClass":{"system":"urn:ietf:rfc:3986","code":"urn:oid:1.2.840.10008.5.1.4.1.1.2"}}]}]}
            """
        case .r5:
            """
            {"resourceType":"ImagingStudy","id":"s","meta":{"versionId":"3","lastUpdated":"2026-01-02T03:04:05Z"},
             "identifier":[{"system":"urn:dicom:uid","value":"urn:oid:1.2.840.99.1"}],"status":"available",
             "modality":[{"coding":[{"code":"CT"}]}],"subject":{"reference":"Patient/7"},"started":"2026-01-01",
             "basedOn":[{"reference":"ServiceRequest/1","identifier":
               {"type":{"coding":[{"code":"ACSN"}]},"system":"urn:acc","value":"A7"}}],"description":"Thorax",
             "endpoint":[{"reference":"Endpoint/rs"}],
             "series":[{"uid":"1.2.840.99.1.1","number":2,"modality":{"coding":[{"code":"CT"}]},"description":"Axial",
               "numberOfInstances":1,"endpoint":[{"reference":"Endpoint/uri"}],
               "instance":[{"uid":"1.2.840.99.1.1.1","number":5,
                 "sopClass":{"system":"urn:ietf:rfc:3986","code":"urn:oid:1.2.840.10008.5.1.4.1.1.2"}}]}]}
            """
        case .r6:
            """
            {"resourceType":"ImagingStudy","id":"s","meta":{"versionId":"3","lastUpdated":"2026-01-02T03:04:05Z"},
             "identifier":[{"system":"urn:dicom:uid","value":"urn:oid:1.2.840.99.1"}],"status":"available",
             "modality":[{"coding":[{"code":"CT"}]}],"subject":{"reference":"Patient/7"},"started":"2026-01-01",
             "basedOn":[{"identifier":{"type":{"coding":[{"code":"ACSN"}]},"system":"urn:acc","value":"A7"}}],
             "description":"Thorax","endpoint":[{"reference":"Endpoint/rs"}],
             "series":[{"uid":"1.2.840.99.1.1","number":2,"modality":{"coding":[{"code":"CT"}]},"description":"Axial",
               "numberOfInstances":1,"endpoint":[{"reference":"Endpoint/uri"}],
               "instance":[{"uid":"1.2.840.99.1.1.1","number":5,"sopClass":"urn:oid:1.2.840.10008.5.1.4.1.1.2"}]}]}
            """
        }
    }

    func endpoint(_ id: String, _ code: String, _ address: String) -> String {
        let system = "http://terminology.hl7.org/CodeSystem/endpoint-connection-type"
        let type =
            switch self {
            case .stu3: #"{"system":"http://hl7.org/fhir/endpoint-connection-type","code":"\#(code)"}"#
            case .r4, .r4b: #"{"system":"\#(system)","code":"\#(code)"}"#
            case .r5, .r6: #"[{"coding":[{"system":"\#(system)","code":"\#(code)"}]}]"#
            }
        return """
            {"resourceType":"Endpoint","id":"\(id)","status":"active","connectionType":\(type),"name":"the \(id)",
             "period":{"start":"2020-01-01"},"address":"\(address)","header":["X-A: b"]}
            """
    }
}

/// A searchset of resources that are matches, with their full URLs.
func searchset(_ resources: [String], next: String? = nil) -> String {
    let entries = resources.map { #"{"resource":\#($0),"search":{"mode":"match"}}"# }.joined(separator: ",")
    let link = next.map { #","link":[{"relation":"next","url":"\#($0)"}]"# } ?? ""
    return #"{"resourceType":"Bundle","type":"searchset"\#(link),"entry":[\#(entries)]}"#
}

func document(_ json: String, server: String? = server) throws -> FHIRDocument {
    try FHIRDocument(json: Array(json.utf8), server: server.flatMap { HTTPURL($0) })
}

/// The record that a text amounts to.
func record(_ json: String, study: String = studyUID, server: String? = server) throws -> StudyRecord {
    let document = try document(json, server: server)
    var table = EndpointTable()
    for endpoint in document.endpoints { table.add(endpoint) }
    let relevant = try StudyMerge.relevant(document.studies, for: try uid(study))
    return try #require(StudyMerge.record(of: try uid(study), from: relevant, endpoints: table))
}

/// A small R4 study; each part may be replaced.
func r4(
    id: String = "s", uid: String = studyUID, status: String = "available",
    subject: String = #"{"reference":"Patient/7"}"#, meta: String = #"{"versionId":"1"}"#, more: String = ""
) -> String {
    """
    {"resourceType":"ImagingStudy","id":"\(id)","meta":\(meta),"status":"\(status)","subject":\(subject),
     "identifier":[{"system":"urn:dicom:uid","value":"urn:oid:\(uid)"}]\(more.isEmpty ? "" : ",")\(more)}
    """
}
