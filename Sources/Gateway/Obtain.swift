// Look up, follow or fetch: how one object of one instance becomes something that can be delivered.
import CachePolicy
import DICOM
import DiskCache
import EventLoop
import FHIR
import HTTP
import HTTPServer
import StudyDirectory
import Upstream
import WADO

/// An object that is there, or on its way.
enum Obtained {
    case stored(StoredObject, CacheOutcome)
    case filling(Fill, ObjectDescription, CacheOutcome)
    /// A part of a stored instance that is sent as it lies there: one frame, one attribute's value.
    case slice(StoredObject, Range<Int64>, ObjectDescription, ObjectClass)

    var description: ObjectDescription {
        switch self {
        case .stored(let object, _): object.description
        case .filling(_, let description, _), .slice(_, _, let description, _): description
        }
    }

    var outcome: CacheOutcome {
        switch self {
        case .stored(_, let outcome), .filling(_, _, let outcome): outcome
        case .slice: .derived
        }
    }
}

extension Gateway {
    /// The first variant that can be had and that the client takes.
    ///
    /// - Throws: ``Problem``: 406 with what there is when no variant satisfies the client.
    func obtain(
        _ variants: [ObjectClass], of target: InstanceTarget, _ located: Located, _ request: RetrieveRequest,
        _ context: RequestContext
    ) async throws(Problem) -> Obtained {
        let isPrivate = passesClientCredentials(located)
        if !isPrivate, let found = await cached(variants, of: target, request) { return .stored(found, .hit) }
        if case .instance = variants.first {
            return try await obtainInstance(variants, of: target, located, request, context, isPrivate: isPrivate)
        }
        guard let object = variants.first, Self.isDerivable(object) else {
            try Self.checkFeasibility(of: variants, located)
            return try await fetch(variants, of: target, located, request, context, isPrivate: isPrivate)
        }
        // Pixels are the same from the stored instance; headers are the archive's own affair while it can be asked.
        if !isPrivate, Self.isSameFromInstance(object, located),
            let instance = await cache.peek(key(.instance(syntax: ObjectClass.stored), of: target)),
            !(Self.isNative(object, located) && instance.isBigEndian)
        {
            do throws(Problem) {
                return try await derive(variants, of: target, from: instance, request, context, isPrivate: false)
            } catch {
                guard error.allowsNextVariant, Self.isNative(object, located) else { throw error }
            }
        }
        if Self.isNative(object, located) {
            do throws(Problem) {
                return try await fetch(variants, of: target, located, request, context, isPrivate: isPrivate)
            } catch {
                guard error.isBackendRefusal else { throw error }
            }
        }
        let instance = try await storedInstance(of: target, located, context, isPrivate: isPrivate)
        return try await derive(variants, of: target, from: instance, request, context, isPrivate: isPrivate)
    }

    /// Asks the archive for the variants, best first.
    func fetch(
        _ variants: [ObjectClass], of target: InstanceTarget, _ located: Located, _ request: RetrieveRequest,
        _ context: RequestContext, isPrivate: Bool
    ) async throws(Problem) -> Obtained {
        try await proveMembership(for: variants, of: target, located, request, context)
        var last: Problem?
        for variant in variants {
            do throws(Problem) {
                let obtained = try await open(
                    variant, of: target, located, request.rendering, context, isPrivate: isPrivate)
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

    /// What no endpoint can be asked for at all is refused before anything is fetched for its sake.
    static func checkFeasibility(of variants: [ObjectClass], _ located: Located) throws(Problem) {
        guard let object = variants.first else { return }
        guard !located.choice.candidates.isEmpty else { throw Problem(located.choice.refusal) }
        let refusals = located.choice.candidates.map { BackendRequest.refusal(of: object, by: $0.type) }
        guard let first = refusals.first, let refusal = first, refusals.allSatisfy({ $0 != nil }) else { return }
        throw Problem(refusal)
    }

    /// Whether the stored instance gives what the archive would: not metadata, which archives correct, and not the bulk data
    /// paths of an archive that counts items its own way.
    private static func isSameFromInstance(_ object: ObjectClass, _ located: Located) -> Bool {
        guard isNative(object, located) else { return true }
        return switch object {
        case .metadata: false
        case .bulk(let tail): elementPath(tail)?.steps.isEmpty ?? false
        default: true
        }
    }

    /// Whether the first endpoint answers for such an object by itself.
    static func isNative(_ object: ObjectClass, _ located: Located) -> Bool {
        guard let first = located.choice.candidates.first else { return false }
        return BackendRequest.refusal(of: object, by: first.type) == nil
    }

    /// A variant from the cache, or what the archive stores when the client takes that.
    private func cached(
        _ variants: [ObjectClass], of target: InstanceTarget, _ request: RetrieveRequest
    ) async -> StoredObject? {
        for variant in variants + [variants.first?.asStored].compactMap({ $0 }) {
            guard let object = await cache.peek(key(variant, of: target)) else { continue }
            let description = object.description
            if request.representation.isSatisfied(
                mediaType: description.mediaType, transferSyntax: description.transferSyntax)
            {
                return object
            }
        }
        return nil
    }

    func key(_ object: ObjectClass, of target: InstanceTarget) -> ObjectKey {
        ObjectKey(study: target.study, series: target.series, instance: target.instance, object: object)
    }

    /// Whether this series' endpoint gets the client's own credentials: then nothing of it is cached or shared.
    func passesClientCredentials(_ located: Located) -> Bool {
        located.choice.candidates.contains { candidate in
            candidate.base.flatMap { upstream.backend(for: $0) }?.credentials == .client
        }
    }

    /// Looks one object up and, when it is nowhere, starts its fill and follows it like everybody else.
    func open(
        _ object: ObjectClass, of target: InstanceTarget, _ located: Located, _ rendering: RenderingParameters,
        _ context: RequestContext, isPrivate: Bool
    ) async throws(Problem) -> Obtained {
        let key = key(object, of: target)
        let fill: Fill
        var outcome = CacheOutcome.follow
        if isPrivate {
            let writer = cache.privateFill(key)
            start(writer, object, target, located, rendering, context, isPrivate: true)
            (fill, outcome) = (writer.fill, .bypass)
        } else {
            let opening: Opening
            do { opening = try await cache.open(key) } catch { throw Problem(error) }
            switch opening {
            case .hit(let object): return .stored(object, .hit)
            case .follow(let running): fill = running
            case .fill(let writer):
                start(writer, object, target, located, rendering, context, isPrivate: false)
                (fill, outcome) = (writer.fill, .miss)
            }
        }
        do {
            let description = try await fill.description()
            context.entry.backend = description.backend
            if outcome != .follow { context.entry.upstreamFirstByte = ContinuousClock.now - context.startedAt }
            return .filling(fill, description, outcome)
        } catch {
            throw Problem(error)
        }
    }

    /// The fill belongs to the cache: it runs on when this client leaves.
    private func start(
        _ writer: FillWriter, _ object: ObjectClass, _ target: InstanceTarget, _ located: Located,
        _ rendering: RenderingParameters, _ context: RequestContext, isPrivate: Bool
    ) {
        let filler = Filler(
            gateway: self, writer: writer, object: object, target: target, choice: located.choice,
            rendering: rendering, loop: context.exchange.loop,
            clientAuthorization: isPrivate ? context.exchange.request.fields["authorization"] : nil)
        runFill(on: context.exchange.loop) { await filler.run() }
    }

    /// Runs a fill to its end, whoever listens, and counts it.
    func runFill(on loop: EventLoop, _ body: @escaping @Sendable () async -> Void) {
        runningFills.began()
        loop.spawn {
            await body()
            self.runningFills.ended()
        }
    }

    // MARK: Membership

    /// Frames, pictures and bulk data carry no UIDs: that the instance belongs to this series of this study is proven before
    /// they are asked for, by the directory's own list, by an object whose data set was checked, or by its metadata.
    ///
    /// A data set proves itself, and pictures that need the image's size or number of frames need more than a listing.
    private func proveMembership(
        for variants: [ObjectClass], of target: InstanceTarget, _ located: Located, _ request: RetrieveRequest,
        _ context: RequestContext
    ) async throws(Problem) {
        guard let object = variants.first else { return }
        switch object {
        case .instance, .metadata, .frameIndex: return
        case .frame, .bulk:
            if located.isListed { return }
        case .rendered, .thumbnail:
            let isURI = located.choice.candidates.first?.type == .wadoURI
            if located.isListed, !isURI, !request.rendering.needsDimensions { return }
        }
        _ = try await facts(of: target, located, context)
    }

    /// What is known of an instance: from the cache, else from its metadata or, of an archive without metadata, its file.
    func facts(
        of target: InstanceTarget, _ located: Located, _ context: RequestContext
    ) async throws(Problem) -> InstanceFacts {
        let isPrivate = passesClientCredentials(located)
        if let facts = await cachedFacts(of: target), !isPrivate { return facts }
        let speaksRS = located.choice.candidates.first?.type == .wadoRS
        let object: ObjectClass = speaksRS ? .metadata(.json) : .instance(syntax: ObjectClass.stored)
        let obtained = try await open(
            object, of: target, located, RenderingParameters(), context, isPrivate: isPrivate)
        if let facts = obtained.description.facts { return facts }
        guard case .filling(let fill, _, _) = obtained else { throw .unproven }
        do {
            guard let facts = try await fill.object().description.facts else { throw Problem.unproven }
            return facts
        } catch let error as CacheError {
            throw Problem(error)
        } catch {
            throw .unproven
        }
    }

    func cachedFacts(of target: InstanceTarget) async -> InstanceFacts? {
        let proofs: [ObjectClass] = [
            .instance(syntax: ObjectClass.stored), .metadata(.json),
            .instance(syntax: ObjectClass.explicitLittleEndian),
        ]
        for proof in proofs {
            if let facts = await cache.peek(key(proof, of: target))?.description.facts { return facts }
        }
        return nil
    }
}

extension StoredObject {
    /// Archives differ in how they turn samples wider than a word around, so that one that answers by itself is asked.
    fileprivate var isBigEndian: Bool { description.transferSyntax == "1.2.840.10008.1.2.2" }
}

extension ObjectClass {
    /// The same object as the archive holds it; nil when that is no question.
    var asStored: ObjectClass? {
        switch self {
        case .instance: .instance(syntax: Self.stored)
        case .frame(let number, _): .frame(number, syntax: Self.stored)
        default: nil
        }
    }
}

extension Problem {
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
