// What the reader of FHIR promises for any bytes.
import DICOM
import FHIR
import HTTP

private let server = Backend.url("https://fhir.example/r4")

/// Whatever a server sends becomes records that can be merged and chosen from, the same each time, and space around the
/// document changes nothing.
func readFHIR(_ bytes: [UInt8]) {
    guard let document = try? FHIRDocument(json: bytes, server: server) else {
        _ = try? FHIRDocument(ndjson: bytes)
        return
    }
    let found = records(of: document)
    let spaced = try? FHIRDocument(json: Array(" \n".utf8) + bytes + Array("\r\n\t".utf8), server: server)
    // A byte order mark may stand only at the very beginning.
    if bytes.first != 0xEF {
        require(spaced.map { records(of: $0) } == found, "space around it changes \(found)")
    }
    for record in found {
        for series in [nil] + record.series.prefix(8).map(\.uid) {
            let choice = EndpointChoice(
                record: record, series: series, now: "2026-11-24T13:00:00Z", fallback: nil, directoryBase: server)
            require(choice.candidates.isEmpty || !choice.isSuspended, "suspended with \(choice.candidates)")
        }
    }
    follow(document, size: bytes.count)
}

/// The record of every study that the document holds.
private func records(of document: FHIRDocument) -> [StudyRecord] {
    var table = EndpointTable()
    for endpoint in document.endpoints { table.add(endpoint) }
    return Set(document.studies.flatMap(\.studyUIDs)).sorted().prefix(8).compactMap { study in
        guard let relevant = try? StudyMerge.relevant(document.studies, for: study) else { return nil }
        require(!relevant.isEmpty, "no resource counts for \(study)")
        let record = StudyMerge.record(of: study, from: relevant, endpoints: table)
        require(record?.study == study, "the record of \(study) is another's")
        return record
    }
}

/// A page leads to one below the server's own base, or nowhere; and never to itself.
private func follow(_ document: FHIRDocument, size: Int) {
    let first = FHIRSearch(base: server).studyURL(UID(literal: "1.2"), form: .identifier)
    var paging = SearchPaging(base: server, first: first)
    guard case .follow(let next) = paging.decide(after: document, requested: first, size: size) else { return }
    require(server.contains(next), "\(next) is not below \(server)")
    let decision = paging.decide(after: document, requested: first, size: size)
    if case .follow = decision { fatalError("\(next) is followed twice") }
}
