// Which URLs of a backend may stand behind a bulk data link of ours. Pure.
import DICOM
package import HTTP

/// Judges bulk data URLs that do not follow the DICOMweb paths of their instance.
package enum BulkReference {
    /// Whether the URL, by its path or its query, names another study, series or instance than this one: an archive's
    /// metadata must not lead to another patient's images.
    package static func namesOther(_ url: HTTPURL, than target: InstanceTarget) -> Bool {
        let own = [target.study.string, target.series.string, target.instance.string]
        return names(in: url).contains { name, level in name != own[level] }
    }

    /// The UIDs that a URL names, with their level: 0 study, 1 series, 2 instance.
    private static func names(in url: HTTPURL) -> [(String, Int)] {
        var found: [(String, Int)] = []
        let segments = url.path.split(separator: "/").map { PercentCoding.decode($0) ?? "?" }
        for (word, value) in zip(segments, segments.dropFirst()) {
            switch word.lowercased() {
            case "studies", "study": found.append((value, 0))
            case "series": found.append((value, 1))
            case "instances", "instance": found.append((value, 2))
            default: break
            }
        }
        for item in (url.query ?? "").split(separator: "&") {
            let pair = item.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard pair.count == 2, let value = PercentCoding.decode(pair[1]) else { continue }
            switch pair[0].lowercased() {
            case "studyuid", "studyinstanceuid": found.append((value, 0))
            case "seriesuid", "seriesinstanceuid": found.append((value, 1))
            case "objectuid", "sopinstanceuid": found.append((value, 2))
            default: break
            }
        }
        return found
    }
}
