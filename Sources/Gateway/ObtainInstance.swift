// A whole instance in a transfer syntax that the client takes: as it is stored, or re-encoded here.
import CachePolicy
import DICOM
import DiskCache
import WADO

extension Gateway {
    /// The stored instance itself when its syntax is one of those asked for, or re-encoded where no codec is needed.
    ///
    /// - Throws: ``Problem`` 406 with what there is when a codec would be needed.
    func reencoded(
        _ source: Obtained, _ variants: [ObjectClass], of target: InstanceTarget, _ request: RetrieveRequest,
        _ context: RequestContext, isPrivate: Bool
    ) async throws(Problem) -> Obtained {
        let description = source.description
        if request.representation.isSatisfied(
            mediaType: description.mediaType, transferSyntax: description.transferSyntax)
        {
            return source
        }
        guard let syntax = description.transferSyntax.flatMap({ UID($0) }).flatMap({ TransferSyntax($0) }) else {
            throw .notAcceptable(have: description)
        }
        for case .instance(let wanted) in variants {
            guard let wanted = UID(wanted).flatMap({ TransferSyntax($0) }),
                Reencoder.supports(syntax, to: wanted)
            else { continue }
            let instance = try await whole(source)
            return try await reencode(instance, to: wanted, of: target, context, isPrivate: isPrivate)
        }
        throw .notAcceptable(have: description)
    }
}
