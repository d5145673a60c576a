// Takes the steps of a retrieve plan, one after the other, until one leads to the object.
import CachePolicy
import DICOM
import DiskCache
import EventLoop
import FHIR
import HTTPServer
import WADO

/// The search for one object of one instance; bound to its request's loop.
struct Search {
    let gateway: Gateway
    let variants: [ObjectClass]
    let target: InstanceTarget
    let located: Located
    let request: RetrieveRequest
    let context: RequestContext
    let isPrivate: Bool
    /// What the cache held when the plan was made.
    private var held: [ObjectClass: Obtained] = [:]
    /// Those of them that are to be renewed while they are served.
    private var toRenew: Set<ObjectClass> = []
    /// What may be served only if the archives do not answer.
    private var spare: StoredObject?
    /// The stored instance that a step has fetched.
    private var fetched: Obtained?
    private var problems: [Problem] = []
    private var failed: [EndpointChoice.Candidate] = []

    init(
        gateway: Gateway, variants: [ObjectClass], target: InstanceTarget, located: Located, request: RetrieveRequest,
        context: RequestContext, isPrivate: Bool
    ) {
        self.gateway = gateway
        self.variants = variants
        self.target = target
        self.located = located
        self.request = request
        self.context = context
        self.isPrivate = isPrivate
    }

    mutating func run() async throws(Problem) -> Obtained {
        if !isPrivate { await lookUp() }
        let plan = await plan(holding: held)
        if let refusal = plan.refusal { throw Problem(refusal) }
        for planned in plan.steps {
            guard let step = planned.without(failed) else { continue }
            do throws(Problem) {
                let obtained = try await take(step)
                learn(from: step.candidates.isEmpty ? nil : obtained)
                return obtained
            } catch {
                problems.append(error)
                guard error.allowsNextStep else { break }
                // An archive that did not answer is not asked in other words.
                failed += error.isRefusal ? error.failedCandidates : step.candidates
            }
        }
        learn(from: nil)
        if let spare, problems.last?.isOutage == true { return .stored(spare, .stale) }
        try await checkFrame()
        throw Problem(afterAllSteps: problems)
    }

    /// Looks for the variants, and where they are not there, for the stored instance.
    private mutating func lookUp() async {
        guard let object = variants.first else { return }
        for variant in variants + [object.asStored].compactMap({ $0 }) where held[variant] == nil {
            guard let found = await peek(variant, as: variant) else { continue }
            held[variant] = .stored(found, toRenew.contains(variant) ? .stale : .hit)
            if satisfies(found) { return }
        }
        if object == .metadata(.json), let document = await gateway.metadataInSeries(of: target, located.demand) {
            held[object] = document
            return
        }
        let stored = ObjectClass.instance(syntax: ObjectClass.stored)
        guard held[stored] == nil, object.isDerivable else { return }
        held[stored] = await peek(stored, as: object).map { .stored($0, .hit) }
        // One that is on its way is as good, unless it will take long.
        let key = gateway.key(stored, of: target)
        guard held[stored] == nil,
            let follower = gateway.cache.following(key, epoch: object.isTimeless ? 0 : located.demand.moment.epoch),
            let description = try? await follower.description(), description.facts.map(RetrievePlan.isSmall) == true,
            gateway.freshness(of: description, at: key, as: object, located.demand) == .fresh
        else { return }
        held[stored] = .filling(follower, description, .follow)
    }

    /// What is stored, if it is good enough for what is to be made of it.
    private mutating func peek(_ variant: ObjectClass, as wanted: ObjectClass) async -> StoredObject? {
        let key = gateway.key(variant, of: target)
        guard let found = await gateway.cache.peek(key) else { return nil }
        switch gateway.freshness(of: found.description, at: key, as: wanted, located.demand) {
        case .fresh: return found
        case .renewing:
            toRenew.insert(variant)
            return found
        case .onlyInNeed:
            if spare == nil, satisfies(found) { spare = found }
            return nil
        case .outdated: return nil
        }
    }

    private func satisfies(_ object: StoredObject) -> Bool {
        request.representation.isSatisfied(
            mediaType: object.description.mediaType, transferSyntax: object.description.transferSyntax)
    }

    /// Has fetched anew, as it would be fetched if it were not there, what is served in the meantime.
    private func renew(_ object: ObjectClass) async {
        guard !located.demand.isOnlyIfCached else { return }
        for step in await plan(holding: [:]).steps {
            switch step {
            case .ask(let candidates, _), .translate(let candidates, _):
                let isTranslated = if case .translate = step { true } else { false }
                gateway.renew(
                    object, of: target, restricted(to: candidates), request.rendering, translating: isTranslated,
                    on: context.loop)
                return
            case .cached, .derive, .fetch, .asStored: continue
            }
        }
    }

    private func plan(holding held: [ObjectClass: Obtained]) async -> RetrievePlan {
        let isFrame = variants.first?.frameNumber != nil
        let facts =
            variants.first?.isPicture == true || (isFrame && !isPrivate)
            ? await gateway.knownFacts(of: target, context) : nil
        let syntax = gateway.memberships.storedSyntax(in: SeriesKey(study: target.study, series: target.series))
        let now = context.loop.now
        return RetrievePlan(
            for: variants, of: target, as: request, from: located.choice, holding: held.mapValues { $0.description },
            facts: facts, storedSyntax: syntax
        ) { gateway.abilities(of: $0, at: now) }
    }

    // MARK: Steps

    private mutating func take(_ step: RetrievePlan.Step) async throws(Problem) -> Obtained {
        switch step {
        case .cached(let variant):
            guard let object = held[variant] else { throw .unproven }
            if toRenew.contains(variant) { await renew(variant) }
            return object
        case .derive:
            guard let instance = held[.instance(syntax: ObjectClass.stored)] else { throw .unproven }
            return try await derived(from: instance)
        case .ask(let candidates, let variants):
            return try await ask(candidates, for: variants, translating: false)
        case .translate(let candidates, let variants):
            return try await ask(candidates, for: variants, translating: true)
        case .fetch(let candidates):
            try await checkFrame()
            let instance = try await gateway.open(
                .instance(syntax: ObjectClass.stored), of: target, restricted(to: candidates), RenderingParameters(),
                context, isPrivate: isPrivate)
            fetched = instance
            if let syntax = instance.description.transferSyntax.flatMap({ UID($0) }) {
                let series = SeriesKey(study: target.study, series: target.series)
                gateway.memberships.note(storedSyntax: syntax, in: series)
            }
            return try await derived(from: instance)
        case .asStored:
            if let fetched { return fetched }
            guard let object = held[.instance(syntax: ObjectClass.stored)] else { throw problems.last ?? .unproven }
            return object
        }
    }

    private func ask(
        _ candidates: [EndpointChoice.Candidate], for variants: [ObjectClass], translating: Bool
    ) async throws(Problem) -> Obtained {
        let located = restricted(to: candidates)
        var facts: InstanceFacts?
        if let object = variants.first {
            facts = try await gateway.proveMembership(
                for: object, of: target, located, request, context, translating: translating)
            if let facts { try checkIsImage(facts, variants, candidates) }
        }
        var last: Problem?
        for variant in variants {
            do throws(Problem) {
                let obtained = try await gateway.open(
                    variant, of: target, located, request.rendering, context, isPrivate: isPrivate,
                    translating: translating, facts: facts)
                let description = obtained.description
                if request.representation.accepts(
                    mediaType: description.mediaType, transferSyntax: description.transferSyntax)
                {
                    return obtained
                }
                last = .notAcceptable(have: description)
            } catch {
                guard error.allowsNextVariant else { throw error }
                last = error
            }
        }
        throw last ?? Problem(status: 406, "Nothing that this request accepts can be delivered.")
    }

    /// An archive that speaks WADO-URI makes a failure of the request for a picture of a report.
    private func checkIsImage(
        _ facts: InstanceFacts, _ variants: [ObjectClass], _ candidates: [EndpointChoice.Candidate]
    ) throws(Problem) {
        guard candidates.allSatisfy({ $0.type == .wadoURI }), SOPClassKind(facts.sopClass) == .withoutPixels,
            variants.allSatisfy({ $0.pictureType?.hasPrefix("image/") == true })
        else { return }
        throw .noImage
    }

    /// A frame that an archive has refused may not exist: that is asked before a large instance is fetched in vain.
    private func checkFrame() async throws(Problem) {
        guard let number = variants.first?.frameNumber, !problems.isEmpty, !problems.contains(where: { !$0.isRefusal })
        else { return }
        let frames = try await gateway.facts(of: target, located, context).numberOfFrames
        guard number <= frames else { throw .noFrame(number, of: frames) }
    }

    private func derived(from instance: Obtained) async throws(Problem) -> Obtained {
        if case .instance? = variants.first {
            return try await gateway.reencoded(instance, variants, of: target, request, context, isPrivate: isPrivate)
        }
        if case .frame(let number, _)? = variants.first,
            let frame = try await gateway.frame(number, ofGrowing: instance, request, context)
        {
            return frame
        }
        let object = try await gateway.whole(instance)
        return try await gateway.derive(variants, of: target, from: object, request, context, isPrivate: isPrivate)
    }

    private func restricted(to candidates: [EndpointChoice.Candidate]) -> Located {
        var located = located
        located.choice = located.choice.only(candidates)
        return located
    }

    // MARK: Learning

    /// A 405 or 501 speaks for itself; a 404 may mean the instance, unless the same archive was then asked again and gave
    /// it. What one path of bulk data leads to says nothing of another.
    ///
    /// - Parameter obtained: what an archive has given just now.
    private func learn(from obtained: Obtained?) {
        let refused = problems.flatMap { $0.refusedResources }
        let source = obtained?.description.backend
        gateway.note(
            refused.filter { $0.status != 404 || ($0.archive.backend == source && $0.ability != .bulkdata) }, context)
    }
}
