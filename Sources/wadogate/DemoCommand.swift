// `wadogate demo`: synthetic studies in a temporary folder, a real gateway before them, and a client that asks it.
import Configuration
import DICOM
import Glibc
import HTTP
import HTTPServer
import Operations

func demo(_ arguments: Arguments) -> ExitStatus {
    guard let folder = TemporaryFolder(named: "wadogate-demo") else {
        complain("wadogate demo: no temporary folder: \(unsafe String(cString: strerror(errno)))\n")
        return .failure
    }
    defer { folder.remove() }
    let objects = SyntheticStudies.all()
    let questions: [DemoQuestion]
    do throws(DICOMError) {
        for object in objects {
            guard folder.write(try object.bytes(), to: "archive/\(object.path)") else {
                complain("wadogate demo: \(folder.path): \(unsafe String(cString: strerror(errno)))\n")
                return .failure
            }
        }
        questions = try DemoQuestion.all(about: objects)
    } catch {
        complain("wadogate demo: \(error)\n")
        return .failure
    }
    return run(objects, questions, in: folder, once: arguments.has("once"))
}

private func run(
    _ objects: [SyntheticObject], _ questions: [DemoQuestion], in folder: TemporaryFolder, once: Bool
) -> ExitStatus {
    let configuration: Configuration
    do throws(ConfigurationError) {
        configuration = try Configuration(
            Configuration.Sources(file: ("demo", Array(text(for: folder.path).utf8))))
    } catch {
        ConfigurationFile.report(error)
        return .failure
    }
    let studies = Set(objects.map(\.study)).count
    say("\(objects.count) synthetic instances of \(studies) studies lie in \(folder.path)/archive.\n")
    let process = GatewayProcess(configuration)
    return process.run { gateway in
        guard let address = gateway.addresses.first else { return .failure }
        let failures = Demonstration(client: LoopbackClient(port: address.port)).run(questions)
        say(urls(at: "http://\(address)", admin: gateway.adminAddresses.first.map { "http://\($0)" }, objects))
        if !failures.isEmpty {
            complain("Not as expected: \(failures.joined(separator: "; "))\n")
        } else if once {
            say("Every answer was as expected.\n")
        }
        if once { return failures.isEmpty ? .success : .failure }
        say("\nServing until Ctrl-C.\n")
        process.log.setLevel(.info)
        return nil
    }
}

private func text(for folder: String) -> String {
    """
    listen: ["127.0.0.1:0"]
    admin: { listen: ["127.0.0.1:0"] }
    directory: [{ archive: { path: "\(folder)/archive" } }]
    cache: { path: "\(folder)/cache", max_size: 1GiB, min_free: 0B }
    log: { format: text, level: error }
    """
}

private func urls(at origin: String, admin: String?, _ objects: [SyntheticObject]) -> String {
    guard let image = objects.first else { return "" }
    let instance = origin + image.path(image.instance)
    var text = """

        To try:
          curl -s -D - -o image.dcm -H 'Accept: application/dicom; transfer-syntax=*' \(instance)
          curl -s -D - -o image.dcm '\(origin)/wado?requestType=WADO&studyUID=\(image.study)&seriesUID=\(image.series)\
        &objectUID=\(image.instance)&contentType=application/dicom&transferSyntax=*'

        """
    if let admin {
        text += "  curl -s \(admin)/explain/\(image.study)\n  curl -s \(admin)/cache/stats\n"
    }
    return text
}

/// Asks the questions and prints what came back.
private struct Demonstration {
    let client: LoopbackClient

    /// - Returns: what was not as expected, a sentence each.
    func run(_ questions: [DemoQuestion]) -> [String] {
        var table = TextTable(["RESOURCE", "STATUS", "TYPE", "BYTES", "MS", "X-CACHE", ""], rightAligned: [1, 3, 4])
        var failures: [String] = []
        var etag: String?
        var asked = questions
        if let again = questions.first(where: { $0.method == "HEAD" }) {
            // The validator is known only when the first answers are there.
            asked.insert(
                DemoQuestion(
                    what: "If-None-Match", target: again.target, fields: again.fields, status: 304, body: []),
                at: asked.firstIndex { $0.method == "HEAD" }.map { $0 + 1 } ?? 0)
        }
        for var question in asked {
            if question.status == 304, let etag { question.fields.append(("If-None-Match", etag)) }
            let answer = settled(question)
            if question.method == "HEAD" { etag = answer?.fields["etag"] }
            let complaint = question.complaint(about: answer)
            if let complaint { failures.append("\(question.what): \(complaint)") }
            table.append(row(question, answer, complaint))
        }
        say("\n" + table.text)
        return failures
    }

    /// An object's last bytes reach the client a moment before the disk has them: until then the same question follows the
    /// fill instead of hitting the object.
    private func settled(_ question: DemoQuestion) -> ClientAnswer? {
        var answer = client.ask(question.method, question.target, question.fields)
        var patience = 200
        while question.cache == "hit", answer?.cacheOutcome == "follow", patience > 0 {
            patience -= 1
            usleep(10_000)
            answer = client.ask(question.method, question.target, question.fields)
        }
        return answer
    }

    private func row(_ question: DemoQuestion, _ answer: ClientAnswer?, _ complaint: String?) -> [String] {
        guard let answer else { return [question.what, "-", "", "", "", "", complaint ?? ""] }
        let type = (answer.fields["content-type"] ?? "").prefix { $0 != ";" }
        return [
            question.what, "\(answer.status)", String(type), "\(answer.body.count)",
            JSONValue.milliseconds(answer.duration).line, answer.fields["x-cache"] ?? "", complaint ?? "",
        ]
    }
}
