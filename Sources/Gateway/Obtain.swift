// Look up, follow or fetch: how one object of one instance becomes something that can be delivered.
import CachePolicy
import DICOM
import DiskCache
import EventLoop
import FHIR
import HTTP
import HTTPServer
import StudyDirectory
import Synchronization
import Upstream
import WADO

/// An object that is there, or on its way.
enum Obtained {
    case stored(StoredObject, CacheOutcome)
    case filling(Follower, ObjectDescription, CacheOutcome)
    /// A part of a stored instance that is sent as it lies there: one frame, one attribute's value.
    case slice(StoredObject, Range<Int64>, ObjectDescription, ObjectClass)
    /// The same of an instance that is on its way.
    case growing(Follower, Range<Int64>, ObjectDescription, ObjectClass)

    var description: ObjectDescription {
        switch self {
        case .stored(let object, _): object.description
        case .filling(_, let description, _), .slice(_, _, let description, _),
            .growing(_, _, let description, _):
            description
        }
    }

    /// Whether it cannot be kept, and comes no faster than its client takes it.
    var isPassedThrough: Bool {
        switch self {
        case .filling(let follower, _, _), .growing(let follower, _, _, _): follower.fill.isPassedThrough
        case .stored, .slice: false
        }
    }

    var outcome: CacheOutcome {
        switch self {
        case .stored(_, let outcome), .filling(_, _, let outcome): outcome
        case .slice, .growing: .derived
        }
    }

    /// The same with another outcome, for one who knows more; what is derived stays derived.
    func told(_ outcome: CacheOutcome) -> Obtained {
        switch self {
        case .stored(let object, .hit): .stored(object, outcome)
        case .filling(let fill, let description, .follow): .filling(fill, description, outcome)
        case .stored, .filling, .slice, .growing: self
        }
    }
}

extension Gateway {
    /// One object of one instance, by the first way that leads to it.
    ///
    /// - Parameter variants: the object in the forms that the client takes, best first.
    /// - Throws: ``Problem``: 406 with what there is when no form satisfies the client.
    func obtain(
        _ variants: [ObjectClass], of target: InstanceTarget, _ located: Located, _ request: RetrieveRequest,
        _ context: RequestContext
    ) async throws(Problem) -> Obtained {
        let isPrivate = passesClientCredentials(located)
        // An errand has no credentials to pass on.
        if isPrivate, context.isErrand { throw .notKept }
        var search = Search(
            gateway: self, variants: variants, target: target, located: located, request: request, context: context,
            isPrivate: isPrivate)
        return try await search.run()
    }

    /// What is known of an endpoint's archive; nothing, when its address lies on no configured backend.
    func abilities(of candidate: EndpointChoice.Candidate, at now: ContinuousClock.Instant) -> Abilities {
        upstream.abilities(of: candidate, in: abilityBook, at: now)
    }

    func key(_ object: ObjectClass, of target: InstanceTarget) -> ObjectKey {
        ObjectKey(study: target.study, series: target.series, instance: target.instance, object: object)
    }

    /// Whether this series' endpoint gets the client's own credentials: then nothing of it is cached or shared.
    func passesClientCredentials(_ located: Located) -> Bool { passesClientCredentials(located.choice.candidates) }

    func passesClientCredentials(_ candidates: [EndpointChoice.Candidate]) -> Bool {
        candidates.contains { candidate in
            candidate.base.flatMap { upstream.backend(for: $0) }?.credentials == .client
        }
    }

    /// Looks one object up and, when it is nowhere, starts its fill and follows it like everybody else.
    ///
    /// - Parameters:
    ///   - translating: whether the archives are asked for it in terms of another resource.
    ///   - facts: the instance's, where they were found out just now: what is still being published is not in the cache.
    func open(
        _ object: ObjectClass, of target: InstanceTarget, _ located: Located, _ rendering: RenderingParameters,
        _ context: RequestContext, isPrivate: Bool, translating: Bool = false, facts: InstanceFacts? = nil
    ) async throws(Problem) -> Obtained {
        let key = key(object, of: target)
        let follower: Follower
        var outcome = CacheOutcome.follow
        if isPrivate {
            if let own = context.ownInstance, own.fill.key == key, let follower = own.fill.join() {
                return .filling(follower, try await description(of: follower), .bypass)
            }
            let writer: FillWriter
            (writer, follower) = cache.privateFill(key)
            start(writer, object, target, located, rendering, context, facts, isPrivate: true, translating)
            outcome = .bypass
        } else {
            switch try await opening(key, located.demand) {
            case .hit(let object): return .stored(object, .hit)
            case .follow(let running):
                follower = running
                fillTurns.join(running.fill, as: context.account)
            case .fill(let writer, let own):
                try check(
                    writer, AbsentObject(key, at: located.demand.moment, translates: translating, from: located.choice),
                    located.demand, at: context.loop.now)
                start(
                    writer, object, target, located, rendering, context, facts, isPrivate: false, translating,
                    over: await cache.peek(key))
                (follower, outcome) = (own, .miss)
            }
        }
        let description = try await description(of: follower)
        context.entry.backend = description.backend
        if outcome != .follow { context.entry.upstreamFirstByte = ContinuousClock.now - context.startedAt }
        if isPrivate, object == .instance(syntax: ObjectClass.stored) { context.ownInstance = follower }
        return .filling(follower, description, follower.fill.isPassedThrough ? .bypass : outcome)
    }

    /// Fetches nothing for a client that forbids it, and spares a backend the same question when it said a moment ago that there
    /// is no such thing.
    private func check(
        _ writer: FillWriter, _ object: AbsentObject, _ demand: Demand, at now: ContinuousClock.Instant
    ) throws(Problem) {
        var refusal = demand.renewedSince == nil ? absences.value(for: object, at: now) : nil
        if refusal != nil { negativeHitCount.wrappingAdd(1, ordering: .relaxed) }
        if demand.isOnlyIfCached { refusal = .notStored }
        guard let refusal else { return }
        writer.fail(FillFailure(refusal))
        throw refusal
    }

    private func description(of follower: Follower) async throws(Problem) -> ObjectDescription {
        do { return try await follower.description() } catch { throw Problem(error) }
    }

    /// The fill belongs to the cache: it runs on when this client leaves.
    private func start(
        _ writer: FillWriter, _ object: ObjectClass, _ target: InstanceTarget, _ located: Located,
        _ rendering: RenderingParameters, _ context: RequestContext, _ facts: InstanceFacts?, isPrivate: Bool,
        _ translates: Bool, over former: StoredObject? = nil
    ) {
        context.fillsBegun += 1
        let filler = Filler(
            gateway: self, writer: writer, object: object, target: target, choice: located.choice,
            moment: located.demand.moment, former: former, rendering: rendering, translates: translates, facts: facts,
            loop: context.loop, clientAuthorization: isPrivate ? context.clientAuthorization : nil,
            pace: context.errand.pace)
        runInTurn(writer, context) { await filler.run() }
    }

    /// Runs a fill that asks backends, once it is its client's turn. Until then it ends with its last listener.
    func runInTurn(_ writer: FillWriter, _ context: RequestContext, _ body: @escaping @Sendable () async -> Void) {
        let client = context.account
        let task = runFill(on: context.loop) {
            guard let account = await self.fillTurns.take(for: client, fill: writer.fill) else {
                return writer.fail(FillFailure(FillUnwanted()))
            }
            writer.start()
            await body()
            self.fillTurns.giveBack(account)
        }
        writer.whenUnwanted { task.cancel() }
    }

    /// Fetches anew what is served in the meantime; nobody waits for it.
    func renew(
        _ object: ObjectClass, of target: InstanceTarget, _ located: Located, _ rendering: RenderingParameters,
        translating: Bool, on loop: EventLoop
    ) {
        let key = key(object, of: target)
        guard failedRenewals.value(for: key, at: loop.now) == nil else { return }
        runFill(on: loop) {
            guard let opening = try? await self.opening(key, located.demand, mustBeFresh: true),
                case .fill(let writer, let own) = opening
            else { return }
            own.skip(to: .max)
            guard let account = await self.fillTurns.take(for: .errand, fill: writer.fill) else { return }
            writer.start()
            let filler = Filler(
                gateway: self, writer: writer, object: object, target: target, choice: located.choice,
                moment: located.demand.moment, former: await self.cache.peek(key), rendering: rendering,
                translates: translating, facts: nil, loop: loop, clientAuthorization: nil)
            await filler.run()
            own.leave()
            self.fillTurns.giveBack(account)
            if filler.hasFailed { self.failedRenewals.remember((), for: key, at: loop.now) }
        }
    }

    /// Runs a fill to its end, or until nobody wants it any more, and counts it.
    func run(_ writer: FillWriter, on loop: EventLoop, _ body: @escaping @Sendable () async -> Void) {
        let task = runFill(on: loop, body)
        writer.whenUnwanted { task.cancel() }
        writer.start()
    }

    /// Runs a fill to its end, whoever listens, and counts it.
    @discardableResult
    func runFill(on loop: EventLoop, _ body: @escaping @Sendable () async -> Void) -> Task<Void, Never> {
        runningFills.began()
        return loop.spawn {
            await body()
            self.runningFills.ended()
        }
    }

    // MARK: Membership

    /// Frames, pictures and bulk data carry no UIDs: that the instance belongs to this series of this study is proven before
    /// they are asked for, by the directory's own list, by an object whose data set was checked, or by its metadata.
    ///
    /// A data set proves itself, and pictures that need the image's size or number of frames need more than a listing.
    ///
    /// - Parameter translating: whether the archives are asked for it in terms of another resource.
    /// - Returns: what is known of the instance, where the proof has told it.
    func proveMembership(
        for object: ObjectClass, of target: InstanceTarget, _ located: Located, _ request: RetrieveRequest,
        _ context: RequestContext, translating: Bool
    ) async throws(Problem) -> InstanceFacts? {
        switch object {
        case .instance, .metadata, .frameIndex, .members: return nil
        case .frame, .bulk:
            if located.isListed { return nil }
        // A small picture of the image's shape is made into a thumbnail.
        case .thumbnail where translating: break
        case .rendered, .thumbnail:
            let isURI = located.choice.candidates.first?.type == .wadoURI
            if located.isListed, !isURI, !request.rendering.needsDimensions { return nil }
        }
        return try await facts(of: target, located, context)
    }

    /// What is known of an instance: from the cache, else from its metadata or, of an archive without metadata, its file.
    func facts(
        of target: InstanceTarget, _ located: Located, _ context: RequestContext
    ) async throws(Problem) -> InstanceFacts {
        let isPrivate = passesClientCredentials(located)
        if let facts = await knownFacts(of: target, context), !isPrivate { return facts }
        let facts = try await foundFacts(of: target, located, context, isPrivate: isPrivate)
        context.facts = facts
        return facts
    }

    /// What this request has found out of an instance, or the cache knows of it: by which way it is had must not depend on
    /// whether what has told it is stored already.
    func knownFacts(of target: InstanceTarget, _ context: RequestContext) async -> InstanceFacts? {
        if let facts = context.facts, facts.instance == target.instance { return facts }
        return await cachedFacts(of: target)
    }

    private func foundFacts(
        of target: InstanceTarget, _ located: Located, _ context: RequestContext, isPrivate: Bool
    ) async throws(Problem) -> InstanceFacts {
        let withMetadata = located.choice.candidates.filter {
            $0.type == .wadoRS && abilities(of: $0, at: context.loop.now).has(.metadata) != false
        }
        if !withMetadata.isEmpty {
            var restful = located
            restful.choice = located.choice.only(withMetadata)
            do throws(Problem) {
                return try await facts(from: .metadata(.json), of: target, restful, context, isPrivate: isPrivate)
            } catch {
                guard error.allowsNextStep else { throw error }
                note(error.refusedResources.filter { $0.status != 404 }, context)
            }
        }
        return try await facts(
            from: .instance(syntax: ObjectClass.stored), of: target, located, context, isPrivate: isPrivate)
    }

    private func facts(
        from object: ObjectClass, of target: InstanceTarget, _ located: Located, _ context: RequestContext,
        isPrivate: Bool
    ) async throws(Problem) -> InstanceFacts {
        let obtained = try await open(
            object, of: target, located, RenderingParameters(), context, isPrivate: isPrivate)
        if let facts = obtained.description.facts { return facts }
        guard case .filling(let follower, _, _) = obtained else { throw .unproven }
        do {
            guard let facts = try await follower.object().description.facts else { throw Problem.unproven }
            return facts
        } catch let error as CacheError {
            throw Problem(error)
        } catch {
            throw .unproven
        }
    }

    /// Remembers for a while that archives have no such resources.
    func note(_ refused: [RefusedResource], _ context: RequestContext) {
        note(refused, at: context.loop.now)
    }

    func note(_ refused: [RefusedResource], at now: ContinuousClock.Instant) {
        for one in refused { abilityBook.note(one.ability, .refused(status: one.status), of: one.archive, at: now) }
    }

    /// What any copy of an instance has told of it: its UIDs, its class, its size and its frames stay what they are, whatever is
    /// corrected in its header.
    func cachedFacts(of target: InstanceTarget) async -> InstanceFacts? {
        let proofs: [ObjectClass] = [
            .instance(syntax: ObjectClass.stored), .metadata(.json),
            .instance(syntax: ObjectClass.explicitLittleEndian),
        ]
        for proof in proofs {
            if let facts = await cache.peek(key(proof, of: target))?.description.facts { return facts }
        }
        let membership = await membership(of: SeriesKey(study: target.study, series: target.series))
        return membership?.member(target.instance)?.facts(study: target.study, series: target.series)
    }
}

extension Problem {
    static func noFrame(_ number: Int, of frames: Int, backend: String? = nil) -> Problem {
        Problem(status: 404, "Frame \(number) does not exist: the instance has \(frames).", backend: backend)
    }

    static let noImage = Problem(
        status: 406,
        "The instance is no image, so there is no picture of it. Available: application/dicom and its metadata.")

    static let unproven = Problem(
        status: 502, "It could not be proven that the instance belongs to this study, so nothing of it is delivered.")

    static func notAcceptable(have description: ObjectDescription) -> Problem {
        let syntax = description.transferSyntax.map { "; transfer-syntax=\($0)" } ?? ""
        var problem = Problem(
            status: 406,
            "None of the representations that the request accepts can be had. Available: \(description.mediaType)\(syntax).",
            backend: description.backend)
        problem.allowsNextVariant = true
        return problem
    }
}
