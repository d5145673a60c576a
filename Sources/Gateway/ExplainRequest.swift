// The steps that would lead to the answer of one request.
import CachePolicy
import DICOM
package import EventLoop
import FHIR
import HTTP
import StudyDirectory
import Upstream
import WADO

extension Explainer {
    /// Explains one request: the study's endpoints, and the steps to its answer.
    ///
    /// - Parameters:
    ///   - target: path and query; an origin before it is passed over.
    ///   - accept: the Accept field.
    /// - Throws: ``ExplainError`` when the gateway would refuse the request as it stands, or no source has the study.
    package func explain(
        target: String, accept: String, on loop: EventLoop
    ) async throws(ExplainError) -> Explanation {
        let target = Self.withoutOrigin(target)
        let request: RetrieveRequest
        do throws(WADOError) { request = try parse(target, accept: accept) } catch {
            throw .request(status: error.status, sentence: error.message)
        }
        guard let study = request.study else {
            throw .request(status: 400, sentence: "Only a request that names its study can be explained.")
        }
        let resolution: Resolution
        do { resolution = try await directory.resolve(study, on: loop) } catch { throw .directory(error, study: study) }
        var explanation = explanation(of: resolution, series: request.series)
        var line = Explanation.RequestLine(
            target: target, meaning: request.sentence, forms: request.representation.sentence, steps: [], passedOver: []
        )
        do throws(Problem) {
            try Gateway.checkAnonymity(of: request)
            try Gateway.checkStatus(of: resolution.record)
            if let instance = request.instance, let series = request.series, let objects = request.objects,
                let variants = objects.first
            {
                let target = InstanceTarget(study: study, series: series, instance: instance)
                await explain(variants, of: target, request, resolution, loop, in: &line)
                if objects.count > 1 { line.steps.append("and likewise for the other \(objects.count - 1), in order") }
            } else {
                line.steps = try collectionSteps(of: request, resolution)
                line.takesAllSteps = true
            }
        } catch {
            line.refusal = "\(error.status): \(error.sentence)"
        }
        explanation.request = line
        return explanation
    }

    private func parse(_ target: String, accept: String) throws(WADOError) -> RetrieveRequest {
        let grammar = WADOGrammar(dicomWebRoot: settings.dicomWebRoot, wadoURIPath: settings.wadoURIPath)
        var fields = HTTPFields()
        fields.append("Accept", accept)
        guard let request = try grammar.parse(RequestHead(method: .get, target: target, fields: fields)) else {
            throw WADOError(
                status: 404,
                message: "Neither \(settings.dicomWebRoot)/studies nor \(settings.wadoURIPath) is its path.")
        }
        return request
    }

    private static func withoutOrigin(_ target: String) -> String {
        guard let url = HTTPURL(target) else { return target }
        return url.path + (url.query.map { "?\($0)" } ?? "")
    }

    private func explain(
        _ variants: [ObjectClass], of target: InstanceTarget, _ request: RetrieveRequest, _ resolution: Resolution,
        _ loop: EventLoop, in line: inout Explanation.RequestLine
    ) async {
        var holding: [ObjectClass: ObjectDescription] = [:]
        let stored = ObjectClass.instance(syntax: ObjectClass.stored)
        let others = [variants.first?.asStored, stored, .metadata(.json)].compactMap { $0 }
        for object in variants + others where holding[object] == nil {
            holding[object] = await held(
                ObjectKey(study: target.study, series: target.series, instance: target.instance, object: object))
        }
        let facts = holding.values.lazy.compactMap(\.facts).first
        let abilities = { (candidate: EndpointChoice.Candidate) in
            upstream.abilities(of: candidate, in: abilityBook, at: loop.now)
        }
        let plan = RetrievePlan(
            for: variants, of: target, as: request, from: choice(in: resolution, series: target.series),
            holding: holding, facts: facts, abilities: abilities)
        line.steps = plan.sentences(of: target, as: request, facts: facts, abilities: abilities)
        line.passedOver = plan.passedOver.map { .init(endpoint: $0.endpoint, reason: $0.reason) }
        line.refusal = plan.refusal.map { "\($0.status): \($0.message)" }
    }

    private func collectionSteps(of request: RetrieveRequest, _ resolution: Resolution) throws(Problem) -> [String] {
        do {
            let plan = try CollectionPlan(record: resolution.record, series: request.series, way: request.way) {
                series in
                choice(in: resolution, series: series)
            }
            return plan.steps(for: request)
        } catch {
            throw Problem(error)
        }
    }

    func choice(in resolution: Resolution, series: UID?) -> EndpointChoice {
        EndpointChoice(
            record: resolution.record, series: series, now: timestamp(secondsSince1970()),
            fallback: settings.defaultEndpoint, directoryBase: resolution.base)
    }
}

extension Upstream {
    /// What is known of an endpoint's archive; nothing, when its address lies on no configured backend.
    func abilities(
        of candidate: EndpointChoice.Candidate, in book: AbilityBook, at now: ContinuousClock.Instant
    ) -> Abilities {
        guard let backend = candidate.base.flatMap({ backend(for: $0) }) else { return Abilities() }
        return book.known(of: .init(backend: backend.name, type: candidate.type), at: now)
    }
}
