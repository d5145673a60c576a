// `wadogate cache stats | list | show | purge | pin | unpin | pins`, each one call or a few of the admin listener.
import CLinux
import Configuration
import FHIR
import Glibc
import HTTP

/// Runs what may fail, and says why it has.
func reporting(_ name: String, _ body: () throws(CommandFailure) -> ExitStatus) -> ExitStatus {
    do throws(CommandFailure) {
        return try body()
    } catch {
        complain("wadogate \(name): \(error.sentence)\n")
        if error.status == .usage { complain("See `wadogate \(name) --help`.\n") }
        return error.status
    }
}

func cacheStats(_ arguments: Arguments) -> ExitStatus {
    reporting("cache stats") { () throws(CommandFailure) in
        let answer = try AdminClient(arguments).ask("GET", "/cache/stats")
        if arguments.has("json") {
            say(String(decoding: answer, as: UTF8.self))
            return .success
        }
        say(text(ofStatistics: try AdminClient.read(answer)))
        return .success
    }
}

private func text(ofStatistics stats: FHIR.JSONValue) -> String {
    func bytes(_ name: String) -> String { ByteText.approximate(stats.count(name)) }
    var facts = TextTable()
    facts.append([
        "stored", "\(bytes("bytes")) in \(stats.count("objects")) objects of \(stats.count("series")) series",
    ])
    facts.append(["pinned", bytes("pinned_bytes")])
    facts.append(["under way", "\(stats.count("fills")) fills, \(bytes("reserved_bytes")) reserved for them"])
    var evicted = "\(stats.count("evicted_series")) series, \(bytes("evicted_bytes")) since the start"
    if let age = stats["last_evicted_age_seconds"]?.integer {
        evicted += "; the last had not been used for \(DurationText.approximate(.seconds(age)))"
    }
    facts.append(["evicted", evicted])
    facts.append(["damaged", "\(stats.count("damaged")) objects since the start, dropped"])
    facts.append(["not stored", "\(stats.count("not_stored")) objects since the start, for want of a working disk"])
    return facts.text + amounts("CLASS", stats["by_class"]) + amounts("BACKEND", stats["by_backend"])
}

private func amounts(_ header: String, _ value: FHIR.JSONValue?) -> String {
    guard case .object(let members)? = value, !members.isEmpty else { return "" }
    var table = TextTable([header, "OBJECTS", "SIZE"], rightAligned: [1, 2])
    for member in members {
        table.append([
            member.name.isEmpty ? "(not known)" : member.name, "\(member.value.count("objects"))",
            ByteText.approximate(member.value.count("bytes")),
        ])
    }
    return "\n" + table.text
}

// MARK: - What is there

func cacheList(_ arguments: Arguments) -> ExitStatus {
    reporting("cache list") { () throws(CommandFailure) in
        let limit =
            try arguments["limit"].map { text throws(CommandFailure) in
                guard let limit = Int(text), limit > 0 else {
                    throw CommandFailure(.usage, "--limit takes a number above 0")
                }
                return limit
            } ?? (arguments.has("json") ? Int.max : 1000)
        let parameters = try CacheSelectionOptions.parameters(arguments)
        let client = try AdminClient(arguments)
        var table = TextTable(
            ["STUDY", "SERIES", "OBJECTS", "SIZE", "LAST USED", "PINNED", "PATIENT"], rightAligned: [2, 3])
        var count = 0
        var next: String?
        repeat {
            let page = parameters + [("limit", "\(min(1000, limit - count))")] + (next.map { [("after", $0)] } ?? [])
            let answer = try client.json("GET", CacheSelectionOptions.target("/cache/series", page))
            for series in answer["series"]?.elements ?? [] {
                count += 1
                if arguments.has("json") { say(series.line + "\n") } else { table.append(row(of: series)) }
            }
            next = answer["next"]?.string
        } while next != nil && count < limit
        if arguments.has("json") { return .success }
        say(count == 0 ? "The cache holds no such series.\n" : table.text)
        if next != nil { complain("There are more; --limit shows more than \(limit).\n") }
        return .success
    }
}

private func row(of series: FHIR.JSONValue) -> [String] {
    [
        series.text("study"), series.text("series"), "\(series.count("objects"))",
        ByteText.approximate(series.count("bytes")), moment(series.text("last_access")),
        series.flag("pinned") ? "yes" : "", series.text("patient"),
    ]
}

/// "2026-11-24 13:00:00" in UTC.
private func moment(_ text: String) -> String {
    String(text.prefix(19).map { $0 == "T" ? " " : $0 })
}

func cacheShow(_ arguments: Arguments) -> ExitStatus {
    reporting("cache show") { () throws(CommandFailure) in
        let operand = try StudyOperand(arguments.operands.first ?? "")
        guard operand.series == nil else { throw CommandFailure(.usage, "show takes a Study UID alone") }
        let parameters = arguments.has("objects") ? [("objects", "10000")] : []
        let target = CacheSelectionOptions.target("/cache/studies/\(operand.study)", parameters)
        let answer = try AdminClient(arguments).ask("GET", target)
        if arguments.has("json") {
            say(String(decoding: answer, as: UTF8.self))
        } else {
            say(text(ofStudy: try AdminClient.read(answer)))
        }
        return .success
    }
}

private func text(ofStudy study: FHIR.JSONValue) -> String {
    var facts = TextTable()
    facts.append(["study", study.text("study")])
    if !study.text("patient").isEmpty { facts.append(["patient", study.text("patient")]) }
    facts.append(["stored", "\(ByteText.approximate(study.count("bytes"))) in \(study.count("objects")) objects"])
    facts.append(["pinned", study.flag("pinned") ? "yes" : "no"])
    var table = TextTable(
        ["SERIES", "LAST USED", "PINNED", "CLASS", "BACKEND", "OBJECTS", "SIZE"], rightAligned: [5, 6])
    var objects = TextTable(
        ["INSTANCE", "CLASS", "FRAME", "TYPE", "TRANSFER SYNTAX", "SIZE", "STORED", "EPOCH"], rightAligned: [2, 5, 7])
    var hasObjects = false
    for series in study["series"]?.elements ?? [] {
        var head = [series.text("series"), moment(series.text("last_access")), series.flag("pinned") ? "yes" : ""]
        for part in series["parts"]?.elements ?? [] {
            table.append(
                head + [
                    part.text("class"), part.text("backend"), "\(part.count("objects"))",
                    ByteText.approximate(part.count("bytes")),
                ])
            head = ["", "", ""]
        }
        for object in series["contents"]?.elements ?? [] {
            hasObjects = true
            objects.append([
                object["instance"]?.string ?? "(the series)", object.text("class"),
                object["frame"]?.integer.map { "\($0)" } ?? "", object.text("type"), object.text("transfer_syntax"),
                ByteText.approximate(object.count("length")), moment(object.text("stored")), "\(object.count("epoch"))",
            ])
        }
    }
    return facts.text + "\n" + table.text + (hasObjects ? "\n" + objects.text : "")
}

// MARK: - Purging

func cachePurge(_ arguments: Arguments) -> ExitStatus {
    reporting("cache purge") { () throws(CommandFailure) in
        let parameters = try CacheSelectionOptions.parameters(arguments)
        guard arguments.has("all") != !parameters.isEmpty else {
            throw CommandFailure(
                .usage, parameters.isEmpty ? "say what to purge, or --all" : "--all and a selection exclude each other")
        }
        let client = try AdminClient(arguments)
        func purge(isDryRun: Bool) throws(CommandFailure) -> [UInt8] {
            let all = parameters.isEmpty ? [("all", "yes")] : []
            let dry = isDryRun ? [("dry-run", "yes")] : []
            return try client.ask("DELETE", CacheSelectionOptions.target("/cache", parameters + all + dry))
        }
        let isDryRun = arguments.has("dry-run")
        if !isDryRun, !arguments.has("yes"), isatty(0) != 0 {
            let outlook = try AdminClient.read(try purge(isDryRun: true))
            complain("This purges \(amount(outlook)). Go on? [y/N] ")
            guard let answer = readLine(), ["y", "yes"].contains(answer.lowercased()) else {
                complain("Nothing was purged.\n")
                return .failure
            }
        }
        let answer = try purge(isDryRun: isDryRun)
        if arguments.has("json") {
            say(String(decoding: answer, as: UTF8.self))
        } else {
            say("\(isDryRun ? "Would purge" : "Purged") \(amount(try AdminClient.read(answer))).\n")
        }
        return .success
    }
}

private func amount(_ result: FHIR.JSONValue) -> String {
    "\(result.count("objects")) objects of \(result.count("series")) series, "
        + ByteText.approximate(result.count("freed_bytes"))
}

// MARK: - Pins

func cachePin(_ arguments: Arguments) -> ExitStatus { changePins("cache pin", "PUT", arguments) }

func cacheUnpin(_ arguments: Arguments) -> ExitStatus { changePins("cache unpin", "DELETE", arguments) }

private func changePins(_ name: String, _ method: String, _ arguments: Arguments) -> ExitStatus {
    reporting(name) { () throws(CommandFailure) in
        var paths: [String] = []
        for operand in arguments.operands { paths.append(try StudyOperand(operand).path) }
        for patient in arguments.all("patient") {
            paths.append("/patients/\(PercentCoding.encode(patient, for: .segment))")
        }
        guard !paths.isEmpty else { throw CommandFailure(.usage, "name a STUDY, a STUDY/SERIES or --patient") }
        let client = try AdminClient(arguments)
        for path in paths { _ = try client.ask(method, "/cache/pins\(path)") }
        return .success
    }
}

func cachePins(_ arguments: Arguments) -> ExitStatus {
    reporting("cache pins") { () throws(CommandFailure) in
        let answer = try AdminClient(arguments).ask("GET", "/cache/pins")
        if arguments.has("json") {
            say(String(decoding: answer, as: UTF8.self))
            return .success
        }
        let pins = try AdminClient.read(answer)["pins"]?.elements ?? []
        for pin in pins {
            // As `pin` and `unpin` take them.
            let series = pin["series"]?.string.map { "/\($0)" } ?? ""
            say(pin["patient"]?.string.map { "--patient \($0)\n" } ?? "\(pin.text("study"))\(series)\n")
        }
        if pins.isEmpty { complain("Nothing is pinned.\n") }
        return .success
    }
}
