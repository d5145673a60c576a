// Which instance a part of a multipart answer shows, as far as its Content-Location tells. Pure.
private import DICOM
private import HTTP

/// Reads the Content-Location fields of an archive's parts.
package enum ContentLocation {
    /// Whether the location is the whole picture of exactly this instance: by its DICOMweb path, absolute or relative, which
    /// may leave out study and series but not contradict them, or by a WADO-URI query.
    ///
    /// Where a frame is named, it is the frame's picture and not the instance's.
    /// Spec: PS3.18 §8.4.2, §10.4.4.
    package static func shows(_ location: String, _ target: InstanceTarget) -> Bool {
        let text = location.prefix { $0 != "#" }
        let path = text.prefix { $0 != "?" }
        var segments = path.split(separator: "/").map { PercentCoding.decode($0) ?? "" }[...]
        if segments.last == "rendered" { segments.removeLast() }
        let query = QueryPairs(text.dropFirst(path.count + 1))
        let named: [(String?, UID)] =
            if query["objectUID"] != nil {
                [
                    (query["studyUID"], target.study), (query["seriesUID"], target.series),
                    (query["objectUID"], target.instance),
                ]
            } else {
                [
                    (Self.value(after: "studies", in: segments), target.study),
                    (Self.value(after: "series", in: segments), target.series),
                    (Self.value(after: "instances", in: segments.suffix(2)), target.instance),
                ]
            }
        guard query["frameNumber"] == nil, named[2].0 != nil else { return false }
        return named.allSatisfy { name, uid in name.map { $0 == uid.string } ?? true }
    }

    /// Whether the location names another study, series or instance than this one, or another frame than the one that was
    /// asked for.
    package static func contradicts(_ location: String, _ target: InstanceTarget, frame: Int?) -> Bool {
        guard let url = HTTPURL(location) ?? HTTPURL("http://archive/")?.resolving(location) else { return false }
        if BulkReference.namesOther(url, than: target) { return true }
        let segments = url.path.split(separator: "/").map { PercentCoding.decode($0) ?? "" }
        guard let frame, let named = value(after: "frames", in: segments[...]) else { return false }
        return named != "\(frame)"
    }

    private static func value(after word: String, in segments: ArraySlice<String>) -> String? {
        guard let index = segments.lastIndex(of: word), index + 1 < segments.endIndex else { return nil }
        return segments[index + 1]
    }
}

/// The items of a query that may be anybody's.
private struct QueryPairs {
    private var values: [String: String] = [:]

    init(_ query: Substring) {
        for item in query.split(separator: "&").prefix(64) {
            let pair = item.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard pair.count == 2, let value = PercentCoding.decode(pair[1]) else { continue }
            let name = String(pair[0])
            values[name] = values[name] ?? value
        }
    }

    subscript(name: String) -> String? { values[name] }
}
