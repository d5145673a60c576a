// The JSON of an explanation: the admin listener's and the command's are the same.
import DICOM
package import Gateway

extension Explanation {
    /// What `/explain/…` and `wadogate explain --json` answer.
    package var json: JSONValue {
        .object(
            [
                ("study", .text(study.string)), ("source", .text(source)), ("stale", .flag(isStale)),
                ("status", .text(status)),
                ("version", .text(version)), ("series", .array(series.map(\.json))),
            ] + (request.map { [("request", $0.json)] } ?? []))
    }
}

extension Explanation.RequestLine {
    var json: JSONValue {
        .object([
            ("target", .text(target)), ("meaning", .text(meaning)), ("forms", .text(forms)),
            ("steps", .array(steps.map { .text($0) })), ("takes_all_steps", .flag(takesAllSteps)),
            (
                "passed_over",
                .array(passedOver.map { .object([("endpoint", .text($0.endpoint)), ("reason", .text($0.reason))]) })
            ),
            ("refusal", .optional(refusal)),
        ])
    }
}

extension Explanation.SeriesLine {
    var json: JSONValue {
        .object([
            ("series", .text(series.string)), ("modality", .optional(modality)),
            ("instances", instances.map { .integer(Int64($0)) } ?? .null),
            (
                "chosen",
                .array(
                    chosen.map { choice in
                        .object([
                            ("endpoint", .text(choice.endpoint)), ("connection_type", .text(choice.connectionType)),
                            ("address", .optional(choice.address)), ("backend", .optional(choice.backend)),
                        ])
                    })
            ),
            (
                "rejected",
                .array(rejected.map { .object([("endpoint", .text($0.endpoint)), ("reason", .text($0.reason))]) })
            ),
        ])
    }
}
