// FHIR resources and DICOM files for the tests; invented people and numbers.
import DICOM
import Testing

let studyUID = "1.2.840.99.1"

/// An R4 ImagingStudy with one series of one instance.
func study(
    _ uid: String = studyUID, id: String = "s", version: String? = "1", status: String = "available",
    patient: String = "Patient/7", endpoints: [String] = [], seriesEndpoints: [String] = [], summary: String = "Thorax"
) -> String {
    let references = { (ids: [String]) in ids.map { #"{"reference":"\#($0)"}"# }.joined(separator: ",") }
    let meta = version.map { #""meta":{"versionId":"\#($0)"},"# } ?? ""
    return """
        {"resourceType":"ImagingStudy","id":"\(id)",\(meta)"status":"\(status)","description":"\(summary)",
         "identifier":[{"system":"urn:dicom:uid","value":"urn:oid:\(uid)"}],"subject":{"reference":"\(patient)"},
         "endpoint":[\(references(endpoints))],
         "series":[{"uid":"\(uid).1","modality":{"code":"CT"},"endpoint":[\(references(seriesEndpoints))],
           "instance":[{"uid":"\(uid).1.1","sopClass":{"code":"urn:oid:1.2.840.10008.5.1.4.1.1.2"}}]}]}
        """
}

func endpoint(_ id: String, address: String = "http://pacs.example/dw", version: String? = "1") -> String {
    let meta = version.map { #""meta":{"versionId":"\#($0)"},"# } ?? ""
    return """
        {"resourceType":"Endpoint","id":"\(id)",\(meta)"status":"active","connectionType":{"code":"dicom-wado-rs"},
         "address":"\(address)"}
        """
}

func bundle(_ resources: String..., next: String? = nil) -> String {
    let link = next.map { #""link":[{"relation":"next","url":"\#($0)"}],"# } ?? ""
    let entries = resources.map { #"{"resource":\#($0)}"# }.joined(separator: ",")
    return #"{"resourceType":"Bundle","type":"searchset",\#(link)"entry":[\#(entries)]}"#
}

/// A Part 10 file with what names an instance, and its size.
func part10(study: String = studyUID, series: String? = nil, instance: String, rows: UInt16 = 4) throws -> [UInt8] {
    var data = DataSet()
    let sopClass = "1.2.840.10008.5.1.4.1.1.2"
    for (tag, text) in [
        (Tag.sopClassUID, sopClass), (.sopInstanceUID, instance), (.studyInstanceUID, study),
        (.seriesInstanceUID, series ?? "\(study).1"),
    ] {
        data.set(tag, try #require(UID(text)))
    }
    data.set(.rows, rows)
    data.set(.columns, 4)
    data.set(.pixelData, .ow, bytes: [UInt8](repeating: 7, count: Int(rows) * 8))
    return try Part10Writer().file(data)
}
