// Bulk data and pixel data of studies, series and instances, made from the stored instances, whichever way those came.
import CachePolicy
import DICOM
import DiskCache
import EventLoop
import FHIR
import HTTP
import HTTPServer
import Upstream
import WADO

extension Gateway {
    /// All values that the metadata of each instance names by a URL (PS3.18 §10.4.1.1.5).
    func streamBulkData(
        _ located: Located, _ request: RetrieveRequest, _ context: RequestContext
    ) async throws(Problem) {
        try await streamValues(
            located, request, context,
            nothing: Problem(status: 404, "No value of what was asked for is large enough to be bulk data.")
        ) { member, instance, sink throws(Problem) in
            try await self.sendBulkData(of: member, instance, to: sink, context)
        }
    }

    /// Pixel Data of each instance that has any, a part for each frame (PS3.18 §10.4.1.1.6).
    func streamPixelData(
        _ located: Located, _ request: RetrieveRequest, _ context: RequestContext
    ) async throws(Problem) {
        if let target = located.target { return try await deliverAllFrames(of: target, located, request, context) }
        try await streamValues(
            located, request, context, nothing: Problem(status: 404, "Nothing of what was asked for has pixel data.")
        ) { member, instance, sink throws(Problem) in
            let entries = try await self.bulkData(in: instance)
            guard entries.contains(where: { $0.isPixels }) else { return }
            try await self.sendFrames(of: member, instance, to: sink, context, location: nil)
        }
    }

    /// Fetches the instances a few ahead, each once, and lets the values of each be sent.
    private func streamValues(
        _ located: Located, _ request: RetrieveRequest, _ context: RequestContext, nothing: Problem,
        send: (CollectionMember, StoredObject, PartSink) async throws(Problem) -> Void
    ) async throws(Problem) {
        let sink = PartSink(
            gateway: self, context: context, located: located, type: nil, objectClass: "bulk",
            envelope: request.representation.envelope)
        var members: [CollectionMember] = []
        if let target = located.target {
            members = [CollectionMember(target: target, located: located, request: request, sopClass: nil)]
        } else {
            let plan = try await plan(located, series: located.series, request.way, context)
            members = plan.sources.flatMap { $0.members(of: located, request) ?? [] }
        }
        if case .pixelData = request.resource { members.removeAll { SOPClassKind($0.sopClass) == .withoutPixels } }
        try await each(of: members) { member throws(Problem) in
            let isPrivate = self.passesClientCredentials(member.located)
            let instance = try await self.storedInstance(
                of: member.target, member.located, context, isPrivate: isPrivate)
            return (member, instance)
        } deliver: { member, instance throws(Problem) in
            try await send(member, instance, sink)
        }
        try await sink.finish(nothing: nothing)
    }

    private func sendBulkData(
        of member: CollectionMember, _ instance: StoredObject, to sink: PartSink, _ context: RequestContext
    ) async throws(Problem) {
        for entry in try await bulkData(in: instance) {
            let tail = "\(ObjectClass.ownBulkData)/\(entry.path)"
            if entry.element.length != nil {
                do throws(Problem) {
                    let value = try await derive(
                        [.bulk(tail: tail)], of: member.target, from: instance, member.request, context,
                        isPrivate: passesClientCredentials(member.located))
                    try await sink.send(value, target: member.target)
                    continue
                } catch {
                    guard entry.isPixels, error.allowsNextVariant else { throw error }
                }
            }
            // Fragments are put together to frames; and frames are what a codec of the archive's makes.
            guard entry.isPixels else { continue }
            try await sendFrames(
                of: member, instance, to: sink, context, location: "\(member.target.path)/\(tail)")
        }
    }

    /// A part for each frame; where its form is not what the client takes, the archive may have a codec.
    private func sendFrames(
        of member: CollectionMember, _ instance: StoredObject, to sink: PartSink, _ context: RequestContext,
        location: String?
    ) async throws(Problem) {
        let isPrivate = passesClientCredentials(member.located)
        let index = try await frameIndex(of: member.target, from: instance, context, isPrivate: isPrivate)
        for number in 1...max(1, index.numberOfFrames) {
            var request = member.request
            request.resource = .frames([number])
            guard let variants = request.objects?.first else { throw .unproven }
            let frame: Obtained
            do throws(Problem) {
                frame = try await derive(
                    variants, of: member.target, from: instance, request, context, isPrivate: isPrivate)
            } catch {
                guard error.allowsNextVariant else { throw error }
                frame = try await obtain(variants, of: member.target, member.located, request, context)
            }
            try await sink.send(frame, target: member.target, location: location)
        }
    }

    // MARK: One instance

    /// A list of frames costs memory before the first is sent.
    private static let mostFramesAtOnce = 100_000

    /// Pixel Data is a part for each frame (PS3.18 §10.4.1.1.6), wherever the frames come from.
    private func deliverAllFrames(
        of target: InstanceTarget, _ located: Located, _ request: RetrieveRequest, _ context: RequestContext
    ) async throws(Problem) {
        let frames = try await facts(of: target, located, context).numberOfFrames
        guard frames <= Self.mostFramesAtOnce else {
            throw Problem(
                status: 413,
                "The instance has \(frames) frames, more than are delivered at once. Ask for them by frames/1,2,… .")
        }
        var all = request
        all.resource = .frames(Array(1...max(1, frames)))
        guard let objects = all.objects else { throw .unproven }
        try await deliver(objects, of: target, located, all, context)
    }

    /// Pixel Data by its bulk data path: the archive's own answer, or, from one that knows no such paths, one value where
    /// the pixels are native, and a part for each frame where they are encapsulated.
    func streamPixelValue(
        _ located: Located, _ request: RetrieveRequest, _ context: RequestContext
    ) async throws(Problem) {
        guard let target = located.target, case .bulk(let tail) = request.resource else { throw .unproven }
        guard let first = located.choice.candidates.first else { throw Problem(located.choice.refusal) }
        let object = ObjectClass.bulk(tail: tail)
        let known = abilities(of: first, at: context.loop.now)
        guard first.type == .wadoRS, !object.isOwnBulkData, known.has(.bulkdata) != false else {
            return try await derivePixelValue(tail, of: target, located, request, context)
        }
        if !located.isListed { _ = try await facts(of: target, located, context) }
        let (response, backend, _) = try await collection(
            "\(target.path)/\(tail)", accept: "multipart/related; type=\"application/octet-stream\"",
            from: located.choice.restful, asking: "bulk data", context)
        let parts = PartSource(body: UpstreamBody(response), fields: response.head.fields, backend: backend.name)
        let sink = PartSink(
            gateway: self, context: context, located: located, type: "application/octet-stream", objectClass: "bulk")
        try await sink.sendBulk(parts, backend: backend.name, representation: request.representation)
    }

    private func derivePixelValue(
        _ tail: String, of target: InstanceTarget, _ located: Located, _ request: RetrieveRequest,
        _ context: RequestContext
    ) async throws(Problem) {
        guard ObjectClass.bulk(tail: tail).elementPath != nil else {
            throw Problem(status: 404, "There is no such bulk data: this gateway names none by this path.")
        }
        let isPrivate = passesClientCredentials(located)
        let instance = try await storedInstance(of: target, located, context, isPrivate: isPrivate)
        let syntax = instance.description.transferSyntax.flatMap { UID($0) }.flatMap { TransferSyntax($0) }
        if syntax?.isEncapsulated == true, ObjectClass.bulk(tail: tail).elementPath?.steps.isEmpty == true {
            return try await deliverAllFrames(of: target, located, request, context)
        }
        let obtained = try await derive(
            [.bulk(tail: tail)], of: target, from: instance, request, context, isPrivate: isPrivate)
        try await send([obtained], of: target, request, context)
    }
}

extension BulkDataList.Entry {
    /// Whether it is the instance's own Pixel Data, and not that of an icon.
    fileprivate var isPixels: Bool { path.steps.isEmpty && element.tag == .pixelData }
}
