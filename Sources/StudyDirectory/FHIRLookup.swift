// One look-up at a FHIR server, from the question to a record: ask whether the old one still holds, else search, follow
// the pages, fetch missing endpoints, merge. Remembers nothing of studies, only which forms of question a server takes.
import DICOM
import EventLoop
import FHIR
import HTTP
import Synchronization
import Upstream

/// Asks one FHIR server for studies.
final class FHIRLookup: Sendable {
    enum Outcome: Sendable {
        case found(StudyRecord, Revalidation?)
        /// What was to be revalidated still holds.
        case unchanged
        case absent
        case conflicting
        case failed(LookupFailure)
    }

    private let search: FHIRSearch
    private let upstream: Upstream
    private let server: Backend
    private let workers: WorkerPool
    private let limits: DirectoryLimits
    private let log: DirectoryLog
    private let habits = Mutex(Habits())

    /// What was learned of the server.
    private struct Habits {
        /// The form that found a study last.
        var best = FHIRSearch.Form.identifier
        var refused: Set<FHIRSearch.Form> = []
        var includesEndpoints = true

        /// The forms worth trying, the best first.
        var forms: [FHIRSearch.Form] {
            [best] + FHIRSearch.Form.allCases.filter { $0 != best && !refused.contains($0) }
        }
    }

    /// - Parameter base: the server's base.
    init(
        base: HTTPURL, server: Backend, upstream: Upstream, workers: WorkerPool, limits: DirectoryLimits,
        log: @escaping DirectoryLog
    ) {
        search = FHIRSearch(base: base)
        self.server = server
        self.upstream = upstream
        self.workers = workers
        self.limits = limits
        self.log = log
    }

    func find(_ study: UID, _ revalidation: Revalidation?, on loop: EventLoop) async -> Outcome {
        let requester = FHIRRequester(
            upstream: upstream, server: server, loop: loop, deadline: ContinuousClock.now + limits.lookup)
        do {
            if let revalidation, try await holds(revalidation, requester) { return .unchanged }
            guard var hits = try await searchAllForms(study, requester) else { return .absent }
            return try await assemble(study, &hits, requester)
        } catch let conflict as SubjectConflict {
            log("study \(study): different subjects in \(conflict.resources.joined(separator: ", "))")
            return .conflicting
        } catch let failure as LookupFailure {
            log("study \(study): \(failure.detail)")
            return .failed(failure)
        } catch {
            return .failed(LookupFailure(timedOut: false, detail: "it cannot be asked"))
        }
    }

    // MARK: Revalidation

    /// Whether every resource of a record is the one that it was.
    ///
    /// - Throws: ``LookupFailure`` when the server cannot be asked.
    private func holds(_ revalidation: Revalidation, _ requester: FHIRRequester) async throws(LookupFailure) -> Bool {
        let results = await withTaskGroup(of: Result<Bool, LookupFailure>.self) { group in
            for read in revalidation.reads { group.addTask { await self.holds(read, requester) } }
            return await group.reduce(into: []) { $0.append($1) }
        }
        for result in results where try !result.get() { return false }
        return true
    }

    private func holds(_ read: Revalidation.Read, _ requester: FHIRRequester) async -> Result<Bool, LookupFailure> {
        guard let url = search.readURL(read.reference) else { return .success(false) }
        do throws(LookupFailure) {
            let answer = try await requester.get(url, ifNot: read.etag, limit: limits.answer)
            switch ServerVerdict(status: answer.status, isSearch: false) {
            case .notModified: return .success(true)
            // A server without conditional reads sends the resource; its tag tells as much.
            case .content: return .success(answer.etag == read.etag)
            // If the server fails, the search that follows says how.
            case .absent, .refusesForm, .failing: return .success(false)
            }
        } catch {
            return .failure(error)
        }
    }

    // MARK: Search

    /// What a search brought.
    fileprivate struct Hits {
        /// Those that bear the wanted UID.
        var studies: [ParsedStudy] = []
        var endpoints = EndpointTable()
        /// The tags of the endpoints, by every name.
        var versions: [String: String] = [:]
    }

    private enum SearchResult {
        case hits(Hits)
        case none
        case refused
    }

    /// - Returns: nil when no form of the question finds the study.
    private func searchAllForms(_ study: UID, _ requester: FHIRRequester) async throws(LookupFailure) -> Hits? {
        var wasUnderstood = false
        for form in habits.withLock({ $0.forms }) {
            var result = try await searchOnce(study, form, requester)
            if case .refused = result, habits.withLock({ $0.includesEndpoints }), form == .identifier {
                // Some servers know no _include; then the endpoints are read one by one.
                result = try await searchOnce(study, form, requester, includesEndpoints: false)
                if case .refused = result {} else { habits.withLock { $0.includesEndpoints = false } }
            }
            switch result {
            case .hits(let hits):
                habits.withLock { $0.best = form }
                return hits
            case .none: wasUnderstood = true
            case .refused: habits.withLock { _ = $0.refused.insert(form) }
            }
        }
        guard wasUnderstood else {
            throw LookupFailure(timedOut: false, detail: "it refuses to search for a Study Instance UID")
        }
        return nil
    }

    private func searchOnce(
        _ study: UID, _ form: FHIRSearch.Form, _ requester: FHIRRequester, includesEndpoints: Bool? = nil
    ) async throws(LookupFailure) -> SearchResult {
        let includes = includesEndpoints ?? habits.withLock { $0.includesEndpoints }
        var url = search.studyURL(study, form: form, includesEndpoints: includes)
        var bounds = SearchPaging.Limits()
        bounds.bytes = limits.answer
        var paging = SearchPaging(base: search.base, first: url, limits: bounds)
        var hits = Hits()
        while true {
            let answer = try await requester.get(url, limit: paging.bytesLeft)
            switch ServerVerdict(status: answer.status, isSearch: true) {
            case .content: break
            case .refusesForm: return .refused
            case .absent, .notModified: return .none
            case .failing(let timedOut, let detail): throw LookupFailure(timedOut: timedOut, detail: detail)
            }
            let page = try await parse(answer.body)
            guard page.resourceType == "Bundle" || page.resourceType == "OperationOutcome" else {
                throw LookupFailure(timedOut: false, detail: "its answer to a search is no Bundle")
            }
            for note in page.notes.prefix(3) { log("study \(study): \(note)") }
            if let verdict = take(page, for: study, into: &hits) {
                switch verdict {
                case .refusesForm: return .refused
                case .failing(let timedOut, let detail): throw LookupFailure(timedOut: timedOut, detail: detail)
                case .content, .absent, .notModified: break
                }
            }
            if page.studies.contains(where: { !$0.studyUIDs.contains(study) }) {
                // The criterion was passed over; the pages to come would be the whole server.
                log("study \(study): the search \(form) brought other studies")
                break
            }
            switch paging.decide(after: page, requested: url, size: answer.body.count) {
            case .done: return hits.studies.isEmpty ? .none : .hits(hits)
            case .follow(let next): url = next
            case .refuse(let reason): throw LookupFailure(timedOut: false, detail: reason)
            }
        }
        return hits.studies.isEmpty ? .none : .hits(hits)
    }

    /// - Returns: what the outcome says on a page without the study; nil when it says nothing.
    private func take(_ page: FHIRDocument, for study: UID, into hits: inout Hits) -> ServerVerdict? {
        hits.studies += page.studies.filter { $0.studyUIDs.contains(study) }
        for endpoint in page.endpoints { hits.add(endpoint) }
        return hits.studies.isEmpty ? ServerVerdict(issues: page.issues) : nil
    }

    /// Large documents are read on a worker: the loop has other things to do.
    private func parse(_ body: [UInt8]) async throws(LookupFailure) -> FHIRDocument {
        let base = search.base
        do {
            guard body.count > 32 << 10 else { return try FHIRDocument(json: body, server: base) }
            return try await workers.run { () throws(FHIRError) in try FHIRDocument(json: body, server: base) }
        } catch {
            throw LookupFailure(timedOut: false, detail: "its answer is unusable: \(error)")
        }
    }

    // MARK: Assembly

    private func assemble(
        _ study: UID, _ hits: inout Hits, _ requester: FHIRRequester
    ) async throws -> Outcome {
        let relevant = try StudyMerge.relevant(hits.studies, for: study)
        if hits.studies.count > relevant.count {
            log("study \(study): \(hits.studies.count) resources, of which \(relevant.count) count")
        }
        let found = hits.endpoints
        var seen: Set<String> = []
        let missing = relevant.flatMap(\.outsideReferences).filter { !found.contains($0) && seen.insert($0).inserted }
        let wanted = Array(missing.prefix(Self.endpointLimit))
        for endpoint in try await fetch(wanted, study, requester) { hits.add(endpoint) }
        guard let record = StudyMerge.record(of: study, from: relevant, endpoints: hits.endpoints) else {
            return .absent
        }
        return .found(record, revalidation(of: relevant, hits))
    }

    /// Reads endpoints that did not come with the study, a few at a time.
    ///
    /// - Throws: ``LookupFailure`` when one cannot be asked for. One that does not exist is left out.
    private func fetch(
        _ references: [String], _ study: UID, _ requester: FHIRRequester
    ) async throws(LookupFailure) -> [ParsedEndpoint] {
        var urls: [(String, HTTPURL)] = []
        for reference in references {
            // Nobody else is asked: this server's data must not send our credentials for another one anywhere.
            if let url = search.readURL(reference), search.base.contains(url), requester.mayAsk(url) {
                urls.append((reference, url))
            } else {
                log("study \(study): an endpoint lies on another server, which is not asked")
            }
        }
        let results = await withTaskGroup(of: (Int, Result<ParsedEndpoint?, LookupFailure>).self) { group in
            var results: [Int: Result<ParsedEndpoint?, LookupFailure>] = [:]
            for (index, (reference, url)) in urls.enumerated() {
                if index >= Self.concurrentReads, let (done, result) = await group.next() { results[done] = result }
                group.addTask { (index, await self.readEndpoint(reference, url, requester)) }
            }
            for await (done, result) in group { results[done] = result }
            return results
        }
        var endpoints: [ParsedEndpoint] = []
        for (index, (reference, _)) in urls.enumerated() {
            guard let endpoint = try results[index]?.get() else {
                log("study \(study): \(reference) does not exist")
                continue
            }
            endpoints.append(endpoint)
        }
        return endpoints
    }

    private func readEndpoint(
        _ reference: String, _ url: HTTPURL, _ requester: FHIRRequester
    ) async -> Result<ParsedEndpoint?, LookupFailure> {
        do throws(LookupFailure) {
            let answer = try await requester.get(url, limit: limits.answer)
            switch ServerVerdict(status: answer.status, isSearch: false) {
            case .content: break
            case .failing(let timedOut, let detail): throw LookupFailure(timedOut: timedOut, detail: detail)
            case .absent, .refusesForm, .notModified: return .success(nil)
            }
            let endpoint = try await parse(answer.body).endpoints.first
            return .success(endpoint.map { $0.known(as: reference, etag: answer.etag) })
        } catch {
            return .failure(error)
        }
    }

    /// Conditional reads will do if one resource and versioned endpoints are all that the record was made of.
    private func revalidation(of relevant: [ParsedStudy], _ hits: Hits) -> Revalidation? {
        guard relevant.count == 1, hits.studies.count == 1, let only = relevant.first, let version = only.versionID
        else { return nil }
        var reads = [Revalidation.Read(reference: only.key, etag: "W/\"\(version)\"")]
        let references = only.endpoints + only.seriesEndpoints.values.joined()
        for case .resource(let key, _) in references where !reads.contains(where: { $0.reference == key }) {
            guard let etag = hits.versions[key], reads.count < 5 else { return nil }
            reads.append(Revalidation.Read(reference: key, etag: etag))
        }
        let isComplete = references.allSatisfy { reference in
            if case .identifier = reference { false } else { true }
        }
        let isOwn = reads.allSatisfy { search.readURL($0.reference).map(search.base.contains) ?? false }
        return isComplete && isOwn ? Revalidation(reads: reads) : nil
    }

    /// A study with more endpoints than this is a mistake or an attack.
    private static let endpointLimit = 64
    private static let concurrentReads = 4
}

extension FHIRLookup.Hits {
    fileprivate mutating func add(_ endpoint: ParsedEndpoint) {
        endpoints.add(endpoint)
        for key in endpoint.keys where versions[key] == nil { versions[key] = endpoint.etag }
    }
}
