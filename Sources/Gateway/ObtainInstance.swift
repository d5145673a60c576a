// A whole instance in a transfer syntax that the client takes: as it is stored, re-encoded here, or transcoded by its archive.
import CachePolicy
import DICOM
import DiskCache
import FHIR
import WADO

extension Gateway {
    /// The first variant of an instance that can be had; none of them is in the cache as it was asked for.
    ///
    /// - Throws: ``Problem``: 406 with what there is when a codec would be needed that no archive offers.
    func obtainInstance(
        _ variants: [ObjectClass], of target: InstanceTarget, _ located: Located, _ request: RetrieveRequest,
        _ context: RequestContext, isPrivate: Bool
    ) async throws(Problem) -> Obtained {
        try Self.checkFeasibility(of: variants, located)
        let stored = ObjectClass.instance(syntax: ObjectClass.stored)
        let transcodes = located.choice.candidates.first?.type == .wadoRS
        let kept = isPrivate ? nil : await cache.peek(key(stored, of: target))
        if kept == nil, transcodes || variants.first == stored {
            do throws(Problem) {
                return try await fetch(variants, of: target, located, request, context, isPrivate: isPrivate)
            } catch {
                guard error.allowsNextVariant || error.isBackendRefusal, variants.first != stored else { throw error }
            }
        }
        let source =
            if let kept { Obtained.stored(kept, .hit) } else {
                try await open(stored, of: target, located, RenderingParameters(), context, isPrivate: isPrivate)
            }
        if let obtained = try await reencoded(source, variants, of: target, request, context, isPrivate: isPrivate) {
            return obtained
        }
        // What is left needs a codec: the archive may have one.
        let named = variants.filter { $0 != stored }
        if !named.isEmpty, kept != nil && transcodes || !transcodes && !variants.contains(stored) {
            do throws(Problem) {
                return try await fetch(named, of: target, located, request, context, isPrivate: isPrivate)
            } catch {
                guard error.allowsNextVariant || error.isBackendRefusal else { throw error }
            }
        }
        guard variants.contains(stored) else { throw .notAcceptable(have: source.description) }
        return source
    }

    /// The stored instance itself when its syntax is one of those asked for, or re-encoded where no codec is needed.
    private func reencoded(
        _ source: Obtained, _ variants: [ObjectClass], of target: InstanceTarget, _ request: RetrieveRequest,
        _ context: RequestContext, isPrivate: Bool
    ) async throws(Problem) -> Obtained? {
        let description = source.description
        if request.representation.isSatisfied(
            mediaType: description.mediaType, transferSyntax: description.transferSyntax)
        {
            return source
        }
        guard let syntax = description.transferSyntax.flatMap({ UID($0) }).flatMap({ TransferSyntax($0) }) else {
            return nil
        }
        for case .instance(let wanted) in variants {
            guard let wanted = UID(wanted).flatMap({ TransferSyntax($0) }),
                Reencoder.supports(syntax, to: wanted)
            else { continue }
            let instance: StoredObject
            switch source {
            case .stored(let object, _), .slice(let object, _, _, _): instance = object
            case .filling(let fill, _, _):
                do { instance = try await fill.object() } catch { throw Problem(error) }
            }
            return try await reencode(instance, to: wanted, of: target, context, isPrivate: isPrivate)
        }
        return nil
    }
}
