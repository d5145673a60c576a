// `wadogate explain`: asks the sources itself, without a running gateway; of its cache it reads, and changes nothing.
import Configuration
import DICOM
import DiskCache
import EventLoop
import FHIR
import Gateway
import Glibc
import Operations
import StudyDirectory
import Upstream

/// What is to be explained.
private enum Subject {
    case study(UID, series: UID?)
    /// Path and query of a request, and its Accept field.
    case request(String, accept: String)

    init?(_ text: String, accept: String?) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        let uids = parts.compactMap { UID(lenient: $0) }
        if (1...2).contains(parts.count), uids.count == parts.count {
            self = .study(uids[0], series: uids.count == 2 ? uids[1] : nil)
        } else if text.hasPrefix("/") || text.hasPrefix("http://") || text.hasPrefix("https://") {
            self = .request(text, accept: accept ?? "*/*")
        } else {
            return nil
        }
    }
}

func explain(_ arguments: Arguments) -> ExitStatus {
    guard let subject = Subject(arguments.operands.first ?? "", accept: arguments["accept"]) else {
        complain(
            "wadogate explain: say STUDY[/SERIES], UIDs of 1 to 64 digits and dots each, or the URL of a request, which "
                + "begins with / or http\n")
        return .usage
    }
    do throws(ConfigurationError) {
        let (configuration, _) = try ConfigurationFile.read(arguments)
        return explain(subject, configuration, asJSON: arguments.has("json"))
    } catch {
        ConfigurationFile.report(error)
        return .configuration
    }
}

private enum Answer {
    case explanation(Explanation)
    case refused(ExplainError)
    case failed(StartError)
}

private func explain(_ subject: Subject, _ configuration: Configuration, asJSON: Bool) -> ExitStatus {
    let main = MainThread()
    let loops: EventLoopGroup
    do throws(SystemError) {
        loops = try EventLoopGroup(count: 1)
    } catch {
        complain("wadogate: \(error)\n")
        return .failure
    }
    let workers = WorkerPool(threads: 4)
    let answer = Handover<Answer>()
    loops.loops[0].spawn {
        answer.put(await ask(subject, configuration, loops, workers))
        main.finish(.success)
    }
    guard case .finished = main.next() else { return .failure }
    switch answer.take() {
    case .explanation(let explanation)?:
        say(asJSON ? explanation.json.page : text(of: explanation))
        let unlisted = explanation.series.filter { $0.instances == nil }
        if explanation.request?.refusal == nil, unlisted.isEmpty { return .success }
        for line in unlisted {
            complain("wadogate: the record of study \(explanation.study) lists no series \(line.series)\n")
        }
    case .refused(.directory(let error, let study))?:
        complain("wadogate: \(sentence(for: error, study: study, configuration))\n")
    case .refused(.request(let status, let sentence))?:
        complain("wadogate: the gateway would refuse this request with \(status): \(sentence)\n")
    case .failed(let error)?: complain("wadogate: \(error)\n")
    case nil: break
    }
    return .failure
}

private func ask(
    _ subject: Subject, _ configuration: Configuration, _ loops: EventLoopGroup, _ workers: WorkerPool
) async -> Answer {
    let upstream: Upstream
    do throws(StartError) {
        upstream = try RunningGateway.upstream(configuration, loops: loops, workers: workers)
    } catch {
        return .failed(error)
    }
    let directory = await StudyDirectory(
        sources: configuration.sources, upstream: upstream, loops: loops, workers: workers
    ) { complain("note: \($0)\n") }
    let cache = CacheGlance(path: configuration.cache.path)
    let explainer = Explainer(directory: directory, upstream: upstream, settings: configuration.gateway) { key in
        await workers.run { cache.description(of: key) }
    }
    do throws(ExplainError) {
        switch subject {
        case .study(let study, let series):
            do throws(DirectoryError) {
                return .explanation(try await explainer.explain(study: study, series: series, on: loops.loops[0]))
            } catch {
                return .refused(.directory(error, study: study))
            }
        case .request(let target, let accept):
            return .explanation(try await explainer.explain(target: target, accept: accept, on: loops.loops[0]))
        }
    } catch {
        return .refused(error)
    }
}

private func sentence(for error: DirectoryError, study: UID, _ configuration: Configuration) -> String {
    let asked = configuration.sources.map { source in
        switch source.kind {
        case .fhir(_, let backend): "fhir \(backend.name)"
        case .files(let path): "files \(path)"
        case .archive(let name, _): "archive \(name)"
        }
    }.joined(separator: ", ")
    return switch error {
    case .notFound: "no source knows study \(study); asked: \(asked)"
    case .conflictingSubjects: "records of study \(study) name different subjects, so that nobody can tell whose it is"
    case .unavailable(let source, let timedOut, let detail):
        "study \(study): \(source) \(timedOut ? "did not answer in time" : "could not be asked") (\(detail)); asked: \(asked)"
    }
}

/// The explanation for people.
func text(of explanation: Explanation) -> String {
    var facts = TextTable()
    facts.append(["study", explanation.study.string])
    facts.append([
        "source", explanation.source + (explanation.isStale ? " (its last answer; it can't be asked now)" : ""),
    ])
    facts.append(["status", explanation.status])
    if !explanation.version.isEmpty { facts.append(["version", explanation.version]) }
    var table = TextTable(
        ["SERIES", "MODALITY", "INSTANCES", "USE", "ENDPOINT", "TYPE", "BACKEND", "WHY"], rightAligned: [2])
    for line in explanation.series {
        var head = [line.series.string, line.modality ?? "-", line.instances.map { "\($0)" } ?? "not listed"]
        func append(_ cells: [String]) {
            table.append(head + cells)
            head = ["", "", ""]
        }
        for (index, choice) in line.chosen.enumerated() {
            let why = choice.backend == nil ? "no configured backend matches \(choice.address ?? "its address")" : ""
            append([
                choice.backend == nil ? "refused" : index == 0 ? "yes" : "else", choice.endpoint, choice.connectionType,
                choice.backend ?? "-", why,
            ])
        }
        for rejection in line.rejected { append(["no", rejection.endpoint, "", "", rejection.reason]) }
        if line.chosen.isEmpty && line.rejected.isEmpty { append(["no", "-", "", "", "the record names no endpoint"]) }
    }
    return facts.text + "\n" + table.text + (explanation.request.map { "\n" + text(of: $0) } ?? "")
}

private func text(of request: Explanation.RequestLine) -> String {
    var facts = TextTable()
    facts.append(["request", request.target])
    facts.append(["means", request.meaning])
    facts.append(["forms", request.forms])
    if let refusal = request.refusal { facts.append(["refused", refusal]) }
    var steps = TextTable(
        ["STEP", request.takesAllSteps ? "ONE AFTER THE OTHER" : "UNTIL ONE SUCCEEDS"], rightAligned: [0])
    for (index, step) in request.steps.enumerated() { steps.append(["\(index + 1)", step]) }
    var passedOver = TextTable(["NOT ASKED", "WHY"])
    for one in request.passedOver { passedOver.append([one.endpoint, one.reason]) }
    return facts.text + (request.steps.isEmpty ? "" : "\n" + steps.text)
        + (request.passedOver.isEmpty ? "" : "\n" + passedOver.text)
}
