// Answers from the one stored instance: where the archive has no answer of its own, or needs not be asked again.
import CachePolicy
import DICOM
import DiskCache
import EventLoop
import HTTP
import HTTPServer
import WADO

extension Gateway {
    /// The instance as the archive stores it, fetched when it is not here.
    func storedInstance(
        of target: InstanceTarget, _ located: Located, _ context: RequestContext, isPrivate: Bool
    ) async throws(Problem) -> StoredObject {
        let obtained = try await open(
            .instance(syntax: ObjectClass.stored), of: target, located, RenderingParameters(), context,
            isPrivate: isPrivate)
        return try await whole(obtained)
    }

    /// Makes one of the variants from the stored instance.
    ///
    /// - Throws: ``Problem``: 404 for a frame or attribute that it has not, 406 when the client takes none of the forms.
    func derive(
        _ variants: [ObjectClass], of target: InstanceTarget, from instance: StoredObject, _ request: RetrieveRequest,
        _ context: RequestContext, isPrivate: Bool
    ) async throws(Problem) -> Obtained {
        let instance = try await inflated(instance, of: target, context, isPrivate: isPrivate)
        context.entry.backend = instance.description.backend
        switch variants.first {
        case .frame(let number, _):
            return try await deriveFrame(number, of: target, from: instance, request, context, isPrivate: isPrivate)
        case .bulk(let tail):
            guard let path = ObjectClass.bulk(tail: tail).elementPath else { throw Derivation.noAttribute }
            return try await deriveValue(path, tail, of: target, from: instance, request, context, isPrivate)
        case .metadata(let format):
            return try await openDerived(
                .metadata(format), as: .metadata(format), mediaType: "application/dicom+\(format.rawValue)", of: target,
                from: instance, context, isPrivate: isPrivate)
        default: throw .unproven
        }
    }

    /// The instance in another transfer syntax, without a codec.
    func reencode(
        _ instance: StoredObject, to syntax: TransferSyntax, of target: InstanceTarget, _ context: RequestContext,
        isPrivate: Bool
    ) async throws(Problem) -> Obtained {
        let source = try await inflated(instance, of: target, context, isPrivate: isPrivate)
        context.entry.backend = instance.description.backend
        if source.description.transferSyntax == syntax.uid.string { return .stored(source, .derived) }
        return try await openDerived(
            .reencoded(syntax), as: .instance(syntax: syntax.uid.string), mediaType: "application/dicom",
            transferSyntax: syntax.uid.string, of: target, from: source, context, isPrivate: isPrivate)
    }

    /// A deflated instance can be read from its beginning only: it is inflated once, and kept beside the stored one.
    private func inflated(
        _ instance: StoredObject, of target: InstanceTarget, _ context: RequestContext, isPrivate: Bool
    ) async throws(Problem) -> StoredObject {
        guard let syntax = instance.description.transferSyntax.flatMap({ UID($0) }).flatMap({ TransferSyntax($0) }),
            Inflater.supports(syntax)
        else { return instance }
        if let known = context.inflated, known.etag == instance.description.etag { return known.object }
        let obtained = try await openDerived(
            .inflated, as: .instance(syntax: ObjectClass.explicitLittleEndian), mediaType: "application/dicom",
            transferSyntax: ObjectClass.explicitLittleEndian, of: target, from: instance, context,
            isPrivate: isPrivate)
        let object = try await whole(obtained)
        context.inflated = (instance.description.etag, object)
        return object
    }

    /// The object, once it is there to its end.
    func whole(_ obtained: Obtained) async throws(Problem) -> StoredObject {
        switch obtained {
        case .stored(let object, _), .slice(let object, _, _, _): return object
        case .filling(let follower, _, _), .growing(let follower, _, _, _):
            do { return try await follower.object() } catch { throw Problem(error) }
        }
    }

    private func deriveFrame(
        _ number: Int, of target: InstanceTarget, from instance: StoredObject, _ request: RetrieveRequest,
        _ context: RequestContext, isPrivate: Bool
    ) async throws(Problem) -> Obtained {
        let index = try await frameIndex(of: target, from: instance, context, isPrivate: isPrivate)
        guard number <= index.numberOfFrames else {
            throw .noFrame(number, of: index.numberOfFrames, backend: instance.description.backend)
        }
        var description = instance.description
        description.transferSyntax =
            index.syntax.isEncapsulated ? index.syntax.uid.string : ObjectClass.explicitLittleEndian
        description.mediaType = PixelMediaType.type(of: description.transferSyntax ?? "")
        guard
            request.representation.accepts(
                mediaType: description.mediaType, transferSyntax: description.transferSyntax)
        else { throw .notAcceptable(have: description) }
        if let place = index.place(ofFrame: number), place.upperBound <= instance.length {
            description.etag += "-\(number)"
            return .slice(instance, place, description, .frame(number, syntax: ObjectClass.stored))
        }
        return try await openDerived(
            .frame(number, index), as: .frame(number, syntax: ObjectClass.stored), mediaType: description.mediaType,
            transferSyntax: description.transferSyntax, of: target, from: instance, context, isPrivate: isPrivate)
    }

    /// The index of an instance's frames: from the cache, else made once and kept with the instance.
    func frameIndex(
        of target: InstanceTarget, from instance: StoredObject, _ context: RequestContext, isPrivate: Bool
    ) async throws(Problem) -> FrameIndex {
        let instance = try await inflated(instance, of: target, context, isPrivate: isPrivate)
        if let known = context.frameIndex, known.etag == instance.description.etag { return known.index }
        let obtained = try await openDerived(
            .frameIndex, as: .frameIndex, mediaType: "application/octet-stream", of: target, from: instance, context,
            isPrivate: isPrivate)
        var stored = try await whole(obtained)
        if let tag = Derivation.frameIndex.tag(from: instance), stored.description.etag != tag, !isPrivate {
            // One that was being made from another copy, whose frames may lie elsewhere.
            stored = try await whole(
                try await openDerived(
                    .frameIndex, as: .frameIndex, mediaType: "application/octet-stream", of: target, from: instance,
                    context, isPrivate: true))
        }
        let index = try await onWorker(instance) { [stored] in
            let bytes = try stored.readNow(at: 0, length: Int(min(stored.length, 256 << 20)))
            return try FrameIndex(encoded: bytes, sourceLength: instance.length)
        }
        context.frameIndex = (instance.description.etag, index)
        return index
    }

    /// The values of an instance that its metadata names by a URL.
    func bulkData(in instance: StoredObject) async throws(Problem) -> [BulkDataList.Entry] {
        try await onWorker(instance) { try BulkDataList(try Part10File(StoredInstance(object: instance))).entries }
    }

    private func deriveValue(
        _ path: ElementPath, _ tail: String, of target: InstanceTarget, from instance: StoredObject,
        _ request: RetrieveRequest, _ context: RequestContext, _ isPrivate: Bool
    ) async throws(Problem) -> Obtained {
        let (place, isPlain) = try await onWorker(instance) { () -> (Range<Int64>, Bool) in
            let file = try Part10File(StoredInstance(object: instance))
            guard let element = try DataSetReader.find(path, in: file), let length = element.length else {
                throw Derivation.noAttribute
            }
            let place = element.valueOffset..<element.valueOffset + length
            return (place, !element.isBigEndian && place.upperBound <= instance.length)
        }
        var description = instance.description
        (description.mediaType, description.transferSyntax) = ("application/octet-stream", nil)
        guard request.representation.accepts(mediaType: description.mediaType, transferSyntax: nil) else {
            throw .notAcceptable(have: description)
        }
        if isPlain {
            description.etag += "-\(path)"
            return .slice(instance, place, description, .bulk(tail: tail))
        }
        return try await openDerived(
            .value(path), as: .bulk(tail: tail), mediaType: description.mediaType, of: target, from: instance, context,
            isPrivate: isPrivate)
    }

    /// An object that is made, looked up and shared like one that is fetched.
    private func openDerived(
        _ derivation: Derivation, as object: ObjectClass, mediaType: String, transferSyntax: String? = nil,
        of target: InstanceTarget, from instance: StoredObject, _ context: RequestContext, isPrivate: Bool
    ) async throws(Problem) -> Obtained {
        let key = key(object, of: target)
        let follower: Follower
        // What was purged must not come back in its parts.
        if isPrivate || instance.isUnlinked {
            let writer: FillWriter
            (writer, follower) = cache.privateFill(key)
            start(writer, derivation, mediaType, transferSyntax, target, instance, context)
        } else {
            switch try await opening(key, for: derivation, from: instance) {
            case .hit(let object): return .stored(object, .hit)
            case .follow(let running): follower = running
            case .fill(let writer, let own):
                start(writer, derivation, mediaType, transferSyntax, target, instance, context)
                follower = own
            }
        }
        do { return .filling(follower, try await follower.description(), .derived) } catch { throw Problem(error) }
    }

    /// What is made from an instance is as fresh as that is. What holds beside the very copy that it was made from, such as the
    /// places of frames, is told by its tag.
    private func opening(
        _ key: ObjectKey, for derivation: Derivation, from instance: StoredObject
    ) async throws(Problem) -> Opening {
        let (tag, source) = (derivation.tag(from: instance), instance.description)
        do {
            return try await cache.open(key, epoch: key.object.isTimeless ? 0 : source.epoch) { made in
                if let tag { return made.etag == tag }
                return key.object.isTimeless || (made.epoch == source.epoch && made.storedAt >= source.storedAt)
            }
        } catch {
            throw Problem(error)
        }
    }

    private func start(
        _ writer: FillWriter, _ derivation: Derivation, _ mediaType: String, _ transferSyntax: String?,
        _ target: InstanceTarget, _ instance: StoredObject, _ context: RequestContext
    ) {
        var description = instance.description
        (description.mediaType, description.transferSyntax) = (mediaType, transferSyntax)
        // The archive can tell of the instance only whether it is still right.
        description.validator = nil
        let filler = DerivedFiller(
            writer: writer, derivation: derivation, description: description, target: target, instance: instance,
            workers: derivers)
        let loop = context.loop
        run(writer, on: loop) { self.reports.fill(await filler.run(), loop) }
    }

    private func onWorker<Value: Sendable>(
        _ instance: StoredObject, _ body: @escaping @Sendable () throws -> Value
    ) async throws(Problem) -> Value {
        try await workers.run { () throws(Problem) -> Value in
            do { return try body() } catch { throw Problem(deriving: error, from: instance) }
        }
    }
}

/// A fill whose bytes are made on a worker.
struct DerivedFiller: Sendable {
    let writer: FillWriter
    let derivation: Derivation
    let description: ObjectDescription
    let target: InstanceTarget
    let instance: StoredObject
    let workers: WorkerPool

    func run() async -> FillReport {
        let start = ContinuousClock.now
        var report = FillReport(objectClass: writer.key.object.word, backend: description.backend, result: .complete)
        report.isDerived = true
        let channel = PieceChannel()
        workers.submit { [derivation, instance, target] in
            do {
                try derivation.write(from: instance, of: target) { try channel.send($0) }
                channel.finish(.success(()))
            } catch {
                channel.finish(.failure(Problem(deriving: error, from: instance)))
            }
        }
        do throws(Problem) {
            report.bytes = try await write(from: channel)
            do { try await writer.commit() } catch { throw Problem(error) }
        } catch {
            channel.abandon()
            writer.fail(FillFailure(error))
            report.result = error.fillResult
        }
        report.duration = ContinuousClock.now - start
        return report
    }

    /// - Returns: how many bytes were made.
    private func write(from channel: PieceChannel) async throws(Problem) -> Int64 {
        var description = description
        description.etag = derivation.tag(from: instance) ?? newTag()
        var hasBegun = false
        var placeholders = 0
        var bytes: Int64 = 0
        while let piece = try await channel.next() {
            do {
                // Begun with the first piece: a frame that cannot be read is told with a status.
                if !hasBegun { try await writer.begin(description, expectedLength: nil) }
                hasBegun = true
                try await writer.append(piece)
            } catch { throw Problem(error) }
            bytes += Int64(piece.count)
            if case .metadata = derivation { placeholders += piece.count { $0 == baseURLPlaceholder } }
        }
        if !hasBegun {
            do { try await writer.begin(description, expectedLength: nil) } catch { throw Problem(error) }
        }
        if let facts = description.facts { writer.amend(placeholders: placeholders, facts: facts) }
        return bytes
    }
}
