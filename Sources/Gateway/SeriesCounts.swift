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
    /// An archive that does not count is asked again after that.
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
        state.withLock { state in
            if case .uncounted = answer {
                state.uncounted[key.base] = now + Self.uncountedFreshness
                return
            }
            if state.answers.count >= Self.limit { state.answers = state.answers.filter { $0.value.until > now } }
            if state.answers.count < Self.limit { state.answers[key] = (answer, now + Self.freshness) }
        }
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
        let answer = await count(study, base, backend, context)
        seriesCounts.remember(answer, key, at: now)
        return answer
    }

    private func count(
        _ study: UID, _ base: HTTPURL, _ backend: Backend, _ context: RequestContext
    ) async -> SeriesCounts.Answer {
        let url = base.appending(path: "/studies/\(study)/series", query: "includefield=00201209&limit=1000")
        var lister = CollectionLister(study: study, series: nil)
        let request = BackendRequest(url: url, accept: "application/dicom+json", answer: .json)
        guard let response = try? await get(request, on: context.loop, clientAuthorization: nil) else {
            return .unreachable
        }
        switch response.head.status {
        case 200: break
        // Nothing of the study is there any more.
        case 204: return .counted([:])
        case 500..., 429: return response.head.status == 501 ? .uncounted : .unreachable
        default: return .uncounted
        }
        do { try await read(response, into: &lister, backend) } catch { return .uncounted }
        var counts: [UID: Int] = [:]
        for series in lister.series {
            guard let count = series.numberOfInstances else { return .uncounted }
            counts[series.uid] = count
        }
        // A full page may be one of several.
        return counts.count < 1000 ? .counted(counts) : .uncounted
    }
}
