// `wadogate explain`: asks the sources itself, without a running gateway and without touching its cache.
import Configuration
import DICOM
import EventLoop
import FHIR
import Gateway
import Glibc
import Operations
import StudyDirectory
import Upstream

func explain(_ arguments: Arguments) -> ExitStatus {
    let parts = (arguments.operands.first ?? "").split(separator: "/", omittingEmptySubsequences: false)
    let uids = parts.compactMap { UID(lenient: $0) }
    guard (1...2).contains(parts.count), uids.count == parts.count else {
        complain("wadogate explain: STUDY[/SERIES] are UIDs: 1 to 64 digits and dots each\n")
        return .usage
    }
    do throws(ConfigurationError) {
        let (configuration, _) = try ConfigurationFile.read(arguments)
        return explain(uids[0], uids.count == 2 ? uids[1] : nil, configuration, asJSON: arguments.has("json"))
    } catch {
        ConfigurationFile.report(error)
        return .configuration
    }
}

private enum Answer {
    case explanation(Explanation)
    case refused(DirectoryError)
    case failed(StartError)
}

private func explain(_ study: UID, _ series: UID?, _ configuration: Configuration, asJSON: Bool) -> ExitStatus {
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
        answer.put(await ask(study, series, configuration, loops, workers))
        main.finish(.success)
    }
    guard case .finished = main.next() else { return .failure }
    switch answer.take() {
    case .explanation(let explanation)?:
        say(asJSON ? explanation.json.page : text(of: explanation))
        guard explanation.series.contains(where: { $0.instances == nil }) else { return .success }
        complain("wadogate: the record of study \(study) lists no series \(series?.string ?? "")\n")
    case .refused(let error)?: complain("wadogate: \(sentence(for: error, study: study, configuration))\n")
    case .failed(let error)?: complain("wadogate: \(error)\n")
    case nil: break
    }
    return .failure
}

private func ask(
    _ study: UID, _ series: UID?, _ configuration: Configuration, _ loops: EventLoopGroup, _ workers: WorkerPool
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
    let explainer = Explainer(
        directory: directory, upstream: upstream, defaultEndpoint: configuration.gateway.defaultEndpoint)
    do throws(DirectoryError) {
        return .explanation(try await explainer.explain(study: study, series: series, on: loops.loops[0]))
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
    return facts.text + "\n" + table.text
}
