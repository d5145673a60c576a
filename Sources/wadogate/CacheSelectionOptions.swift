// The options that say which part of the cache is meant, and the query that says so to the gateway.
import Configuration
import DICOM
import HTTP

enum CacheSelectionOptions {
    static let all: [Option] = [
        Option("study", value: "UID", "Of this study."),
        Option("series", value: "UID", "Of this series."),
        Option("patient", value: "REF", "Of this patient, as the studies' records name the subject: Patient/7."),
        Option("backend", value: "NAME", "What came from this backend."),
        Option("class", value: "WORD", "Objects of one class: instance, frame, bulk, metadata, rendered, thumbnail…"),
        Option("older-than", value: "TIME", "Series that were not used for so long: 12h, 30d."),
    ]

    /// The parameters for the admin listener.
    ///
    /// - Throws: ``CommandFailure`` for what is no UID and no time.
    static func parameters(_ arguments: Arguments) throws(CommandFailure) -> [(String, String)] {
        var parameters: [(String, String)] = []
        for name in ["study", "series"] {
            guard let text = arguments[name] else { continue }
            guard UID(text) != nil else {
                throw CommandFailure(.usage, "--\(name) takes a UID: 1 to 64 digits and dots")
            }
            parameters.append((name, text))
        }
        for name in ["patient", "backend", "class"] {
            if let text = arguments[name] { parameters.append((name, text)) }
        }
        if let text = arguments["older-than"] {
            do throws(ValueError) {
                parameters.append(("older-than", "\(try DurationText.read(text).components.seconds)"))
            } catch {
                throw CommandFailure(.usage, "--older-than: \(error)")
            }
        }
        return parameters
    }

    static func target(_ path: String, _ parameters: [(String, String)]) -> String {
        let items = parameters.map { "\($0)=\(PercentCoding.encode($1, for: .queryItem))" }
        return path + (items.isEmpty ? "" : "?" + items.joined(separator: "&"))
    }
}

/// STUDY or STUDY/SERIES as it stands in a command line.
struct StudyOperand {
    let study: UID
    let series: UID?

    /// - Throws: ``CommandFailure`` for anything else.
    init(_ text: String) throws(CommandFailure) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false).map { UID(String($0)) }
        guard (1...2).contains(parts.count), let study = parts[0],
            let series = parts.count == 2 ? parts[1].map(Optional.some) : .some(nil)
        else {
            throw CommandFailure(.usage, "`\(text.prefix(140))` is neither a Study UID nor STUDY/SERIES")
        }
        self.study = study
        self.series = series
    }

    /// Below /cache or /cache/pins.
    var path: String { "/studies/\(study)" + (series.map { "/series/\($0)" } ?? "") }
}
