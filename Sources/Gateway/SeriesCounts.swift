// How many instances the series of a study have at this moment: one small search instead of a whole answer.
import DICOM
import EventLoop
import FHIR
import HTTP
import HTTPServer
import Synchronization
import Upstream
import WADO

/// What archives have counted within the last second, so that the series of a study that a viewer opens at once cost one
/// search.
final class SeriesCounts: Sendable {
    enum Answer: Sendable {
        /// The series of the study, each with its number of instances.
        case counted([UID: Int])
        /// The archive does not search, or does not count.
        case uncounted
        /// The archive did not answer, or has failed.
        case unreachable
    }

    struct Key: Hashable, Sendable {
        let study: UID
        let base: String
    }

    private static let freshness = Duration.seconds(1)
    /// An archive that is down is not waited for again at once.
    private static let unreachableFreshness = Duration.seconds(10)
    /// An archive that does not search or count is asked again after that.
    private static let uncountedFreshness = Duration.seconds(600)
    private static let limit = 4096

    private struct State {
        var answers: [Key: (answer: Answer, until: ContinuousClock.Instant)] = [:]
        var uncounted: [String: ContinuousClock.Instant] = [:]
    }

    private let state = Mutex(State())

    func known(_ key: Key, at now: ContinuousClock.Instant) -> Answer? {
        state.withLock { state in
            if let until = state.uncounted[key.base], until > now { return .uncounted }
            guard let known = state.answers[key], known.until > now else { return nil }
            return known.answer
        }
    }

    func remember(_ answer: Answer, _ key: Key, at now: ContinuousClock.Instant) {
        var until = now + Self.freshness
        if case .unreachable = answer { until = now + Self.unreachableFreshness }
        state.withLock { state in
            if state.answers.count >= Self.limit { state.answers = state.answers.filter { $0.value.until > now } }
            if state.answers.count < Self.limit { state.answers[key] = (answer, until) }
        }
    }

    /// The archive has said that it knows no such searches, or does not count: that holds for all studies.
    func rememberUncounted(_ key: Key, at now: ContinuousClock.Instant) {
        state.withLock { $0.uncounted[key.base] = now + Self.uncountedFreshness }
    }
}

extension Gateway {
    /// What the archive of these endpoints counts: a QIDO-RS service of the record, else the archive's own root, where most
    /// answer to searches too.
    ///
    /// Spec: PS3.18 §10.6.1.2 (search for a study's series), includefield 00201209 §10.6.3.3.
    func counts(
        of study: UID, by choice: EndpointChoice, _ context: RequestContext
    ) async -> SeriesCounts.Answer {
        guard let base = (choice.searches + choice.restful).compactMap(\.base).first, let backend = try? permitted(base)
        else { return .uncounted }
        let key = SeriesCounts.Key(study: study, base: "\(base)")
        let now = context.loop.now
        if let known = seriesCounts.known(key, at: now) { return known }
        let answer = await count(key, base, backend, context)
        // What a client that has gone did not wait for says nothing to others.
        if !Task.isCancelled { seriesCounts.remember(answer, key, at: now) }
        return answer
    }

    /// Results on one page beyond which another page may follow: services differ in how many they give at most.
    private static let shortPage = 50

    private func count(
        _ key: SeriesCounts.Key, _ base: HTTPURL, _ backend: Backend, _ context: RequestContext
    ) async -> SeriesCounts.Answer {
        var counts: [UID: Int] = [:]
        while true {
            let query = "includefield=00201209&limit=1000&offset=\(counts.count)"
            let url = base.appending(path: "/studies/\(key.study)/series", query: query)
            let request = BackendRequest(url: url, accept: "application/dicom+json", answer: .json)
            guard let response = try? await get(request, on: context.loop, clientAuthorization: nil) else {
                return .unreachable
            }
            switch response.head.status {
            case 200: break
            // Nothing of the study is there, or nothing more.
            case 204: return .counted(counts)
            case 405, 501:
                seriesCounts.rememberUncounted(key, at: context.loop.now)
                return .uncounted
            case 500..., 429: return .unreachable
            default: return .uncounted
            }
            var lister = CollectionLister(study: key.study, series: nil)
            do throws(Problem) { try await read(response, into: &lister, backend) } catch {
                return error.isOutage ? .unreachable : .uncounted
            }
            let known = counts.count
            for series in lister.series {
                guard let count = series.numberOfInstances else {
                    seriesCounts.rememberUncounted(key, at: context.loop.now)
                    return .uncounted
                }
                counts[series.uid] = count
            }
            if lister.series.count < Self.shortPage || counts.count == known { return .counted(counts) }
            guard counts.count <= CollectionLister.limit else { return .uncounted }
        }
    }
}
