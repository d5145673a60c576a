// The short way: a hit whose record, descriptor and pages are at hand is answered on the loop, without a task.
import CachePolicy
import DiskCache
import HTTP
import StudyDirectory
import WADO

extension Gateway {
    /// Answers at once when nothing has to be waited for.
    ///
    /// - Returns: false when the long way must be taken.
    /// - Throws: ``Problem`` when the principal may not see the study or its record's status forbids.
    func deliverAtOnce(_ request: RetrieveRequest, _ context: RequestContext) throws(Problem) -> Bool {
        guard let study = request.study, let series = request.series, let instance = request.instance,
            let objects = request.objects, objects.count == 1, !hasClientCredentials,
            let resolution = directory.cached(study), let moment = epochs.known(resolution)
        else { return false }
        try authorize(context.principal, resolution.record)
        try Self.checkStatus(of: resolution.record)
        let demand = demand(of: context, at: moment)
        guard demand.renewedSince == nil else { return false }
        context.resolution = resolution
        let target = InstanceTarget(study: study, series: series, instance: instance)
        for variant in objects[0] + [objects[0].first?.asStored].compactMap({ $0 }) {
            let key = key(variant, of: target)
            guard let object = cache.openCached(key) else { continue }
            let description = object.description
            // What is to be renewed goes the long way.
            guard freshness(of: description, at: key, demand) == .fresh else { return false }
            guard
                request.representation.isSatisfied(
                    mediaType: description.mediaType, transferSyntax: description.transferSyntax)
            else { continue }
            let answer = compose([.stored(object, .hit)], of: target, request, context)
            guard let (head, body) = whole(answer, context) else { return false }
            context.entry.backend = description.backend
            recheckIfDue(resolution, at: moment, on: context.loop)
            context.respond(head, body: body)
            return true
        }
        return false
    }
}
