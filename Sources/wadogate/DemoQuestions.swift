// What the demo asks itself, and what must come back.
import DICOM
import Glibc
import HTTP

/// One request with its expectation.
struct DemoQuestion {
    let what: String
    var method = "GET"
    let target: String
    var fields: [(String, String)] = []
    let status: Int
    /// The beginning of Content-Type; nil: whatever.
    var type: String?
    /// The first word of X-Cache; nil: whatever.
    var cache: String?
    /// Exactly these bytes.
    var body: [UInt8]?
    /// These bytes somewhere in it.
    var holds: [[UInt8]] = []

    /// What is wrong with the answer; nil when it is as it must be.
    func complaint(about answer: ClientAnswer?) -> String? {
        guard let answer else { return "no answer" }
        if answer.status != status { return "expected \(status)" }
        if !answer.isComplete { return "the answer broke off" }
        if let type, answer.fields["content-type"]?.hasPrefix(type) != true { return "expected \(type)" }
        if let cache, answer.cacheOutcome != cache { return "expected \(cache)" }
        if let body, answer.body != body { return "expected other bytes" }
        for part in holds where !answer.body.contains(part) { return "the image's own bytes are not in it" }
        return nil
    }
}

extension ClientAnswer {
    /// hit, miss…: the first word of X-Cache.
    var cacheOutcome: String? {
        fields["x-cache"].map { String($0.prefix { $0.isLetter }) }
    }
}

extension DemoQuestion {
    private static let anyDICOM = #"multipart/related; type="application/dicom"; transfer-syntax=*"#
    private static let oneDICOM = "application/dicom; transfer-syntax=*"

    /// Questions about these objects. Each builds on those before: what was asked once is a hit.
    ///
    /// - Throws: ``DICOMError`` when an object can't be made.
    static func all(about objects: [SyntheticObject]) throws(DICOMError) -> [DemoQuestion] {
        guard let image = objects.first, let loop = objects.first(where: { $0.numberOfFrames > 1 }) else { return [] }
        return try images(image) + [
            DemoQuestion(
                what: "multi-frame instance", target: loop.path(loop.instance), fields: [("Accept", oneDICOM)],
                status: 200,
                type: "application/dicom", cache: "miss", body: try loop.bytes())
        ] + collections(image, objects) + derived(loop, image) + refusals(image)
    }

    private static func images(_ image: SyntheticObject) throws(DICOMError) -> [DemoQuestion] {
        let file = try image.bytes()
        let path = image.path(image.instance)
        let uri =
            "/wado?requestType=WADO&studyUID=\(image.study)&seriesUID=\(image.series)&objectUID=\(image.instance)"
            + "&contentType=application/dicom&transferSyntax=*"
        return [
            DemoQuestion(
                what: "instance, multipart", target: path, fields: [("Accept", anyDICOM)], status: 200,
                type: "multipart/related", cache: "miss", holds: [file]),
            DemoQuestion(
                what: "the same again", target: path, fields: [("Accept", anyDICOM)], status: 200,
                type: "multipart/related", cache: "hit", holds: [file]),
            DemoQuestion(
                what: "instance, single part", target: path, fields: [("Accept", oneDICOM)], status: 200,
                type: "application/dicom", cache: "hit", body: file),
            DemoQuestion(
                what: "instance by WADO-URI", target: uri, status: 200, type: "application/dicom", cache: "hit",
                body: file),
            DemoQuestion(
                what: "HEAD", method: "HEAD", target: path, fields: [("Accept", oneDICOM)], status: 200,
                type: "application/dicom", cache: "hit", body: []),
            DemoQuestion(
                what: "bytes 128 to 131", target: path, fields: [("Accept", oneDICOM), ("Range", "bytes=128-131")],
                status: 206, cache: "hit", body: Array("DICM".utf8)),
        ]
    }

    private static func collections(
        _ image: SyntheticObject, _ objects: [SyntheticObject]
    ) throws(DICOMError) -> [DemoQuestion] {
        var series: [[UInt8]] = []
        var study: [[UInt8]] = []
        for object in objects where object.study == image.study {
            let bytes = try object.bytes()
            study.append(bytes)
            if object.series == image.series { series.append(bytes) }
        }
        return [
            DemoQuestion(
                what: "series", target: image.path(nil), fields: [("Accept", anyDICOM)], status: 200,
                type: "multipart/related", holds: series),
            DemoQuestion(
                what: "study", target: "\(root)/studies/\(image.study)", fields: [("Accept", anyDICOM)], status: 200,
                type: "multipart/related", holds: study),
        ]
    }

    /// What is made from the stored instances.
    private static func derived(_ loop: SyntheticObject, _ image: SyntheticObject) -> [DemoQuestion] {
        [
            DemoQuestion(
                what: "frame 2", target: "\(loop.path(loop.instance))/frames/2",
                fields: [("Accept", #"multipart/related; type="application/octet-stream"; transfer-syntax=*"#)],
                status: 200, type: "multipart/related", cache: "derived"),
            DemoQuestion(
                what: "metadata", target: "\(image.path(image.instance))/metadata",
                fields: [("Accept", "application/dicom+json")], status: 200, type: "application/dicom+json",
                cache: "derived"),
        ]
    }

    private static func refusals(_ image: SyntheticObject) -> [DemoQuestion] {
        [
            DemoQuestion(what: "a UID that is none", target: "\(root)/studies/1..2", status: 400, type: "text/plain"),
            DemoQuestion(what: "an unknown study", target: "\(root)/studies/1.2.3.4", status: 404, type: "text/plain"),
            DemoQuestion(
                what: "an unknown instance", target: "\(image.path(nil))/instances/1.2.3.4", status: 404,
                type: "text/plain"),
        ]
    }
}

private let root = "/dicom-web"

extension SyntheticObject {
    /// The path of the series, or of an instance in it.
    func path(_ instance: UID?) -> String {
        "\(root)/studies/\(study)/series/\(series)" + (instance.map { "/instances/\($0)" } ?? "")
    }
}

extension [UInt8] {
    /// Whether the bytes occur in this order without a gap.
    func contains(_ part: [UInt8]) -> Bool {
        guard let first = part.first, part.count <= count else { return part.isEmpty }
        return unsafe withUnsafeBytes { all in
            unsafe part.withUnsafeBytes { part in
                // `start` never goes beyond the last place where the whole part fits.
                guard let base = all.baseAddress, let wanted = part.baseAddress else { return false }
                var start = unsafe base
                let last = unsafe base + (all.count - part.count)
                while unsafe start <= last, let found = unsafe memchr(start, Int32(first), last - start + 1) {
                    if unsafe memcmp(found, wanted, part.count) == 0 { return true }
                    unsafe start = UnsafeRawPointer(found) + 1
                }
                return false
            }
        }
    }
}
