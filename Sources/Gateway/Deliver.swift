// From objects to an answer: envelope, head, conditions, range, and the body at the client's own pace.
import CachePolicy
import DICOM
import DiskCache
import HTTP
import HTTPServer
import WADO

extension Gateway {
    /// Delivers one instance's objects, in order, under one envelope.
    func deliver(
        _ objects: [[ObjectClass]], of target: InstanceTarget, _ located: Located, _ request: RetrieveRequest,
        _ context: RequestContext
    ) async throws(Problem) {
        try await checkPicture(of: target, located, request, context)
        if try await deliverPresentation(of: target, located, request, context) { return }
        guard objects.count > 1 else {
            guard let variants = objects.first else { throw Problem(status: 400, "No frame was asked for.") }
            do throws(Problem) {
                try await deliverOne(variants, of: target, located, request, context)
            } catch {
                // The damaged object is gone: what is obtained now comes from its archive.
                guard error.isDamage, !context.hasBegun else { throw error }
                try await deliverOne(variants, of: target, located, request, context)
            }
            return
        }
        guard request.representation.envelope != .single else {
            throw Problem(
                status: 406, "Several frames need multipart/related; the request accepts single-part answers only.")
        }
        try await deliverList(objects, of: target, located, request, context)
    }

    private func deliverOne(
        _ variants: [ObjectClass], of target: InstanceTarget, _ located: Located, _ request: RetrieveRequest,
        _ context: RequestContext
    ) async throws(Problem) {
        let obtained = try await obtain(variants, of: target, located, request, context)
        try await send([try await settled(obtained)], of: target, request, context)
    }

    /// Waits for what must be whole before it can be sent: documents whose placeholders are counted at their end.
    func settled(_ obtained: Obtained) async throws(Problem) -> Obtained {
        guard case .filling(let follower, let description, let outcome) = obtained,
            description.mediaType.hasPrefix("application/dicom+")
        else { return obtained }
        do {
            return .stored(try await follower.object(), outcome)
        } catch .notKept {
            // It passes through: sent without a length.
            return obtained
        } catch {
            throw Problem(error)
        }
    }

    /// A list of frames is sent one after the other, the next looked for before the present one is sent: a list of any
    /// length costs two descriptors. That every frame exists is made sure before the status line says 200.
    private func deliverList(
        _ objects: [[ObjectClass]], of target: InstanceTarget, _ located: Located, _ request: RetrieveRequest,
        _ context: RequestContext
    ) async throws(Problem) {
        // How many frames there are, and how large, also decides by which way they are had.
        try await checkFrames(of: objects, target, located, context)
        var next = try await obtain(objects[0], of: target, located, request, context)
        let sink = PartSink(
            gateway: self, context: context, located: located, type: next.description.mediaType,
            objectClass: next.objectClass.word)
        for index in objects.indices {
            let present = next
            // What passes through waits for its client, and with it perhaps what the next one waits for.
            let isPassedThrough = present.isPassedThrough
            if isPassedThrough { try await sink.send(present, target: target) }
            if index + 1 < objects.count {
                next = try await obtain(objects[index + 1], of: target, located, request, context)
            }
            if !isPassedThrough { try await sink.send(present, target: target) }
        }
        try await sink.finish()
    }

    private func checkFrames(
        of objects: [[ObjectClass]], _ target: InstanceTarget, _ located: Located, _ context: RequestContext
    ) async throws(Problem) {
        let last = objects.compactMap { $0.first?.frameNumber }.max() ?? 1
        let facts = try await facts(of: target, located, context)
        if objects.first?.first?.isPicture == true, SOPClassKind(facts.sopClass) == .withoutPixels { throw .noImage }
        guard last <= facts.numberOfFrames else { throw .noFrame(last, of: facts.numberOfFrames) }
    }

    // MARK: Sending

    func send(
        _ obtained: [Obtained], of target: InstanceTarget, _ request: RetrieveRequest, _ context: RequestContext
    ) async throws(Problem) {
        let answer = compose(obtained, of: target, request, context)
        try await verifyBeginning(of: answer.pieces)
        if let (head, body) = whole(answer, context) {
            context.respond(head, body: body)
            return
        }
        let base = baseBytes(context)
        let decision = answer.decide(for: context.exchange.request, baseLength: base.count)
        try await context.begin(decision.head, length: decision.length)
        if !context.isHead {
            for piece in decision.pieces { try await send(piece, base: base, context) }
        }
        try await context.finish()
    }

    /// The bytes that a placeholder stands for.
    func baseBytes(_ context: RequestContext) -> [UInt8] { Array((context.origin + settings.dicomWebRoot).utf8) }

    func send(_ piece: AnswerPiece, base: [UInt8], _ context: RequestContext) async throws(Problem) {
        switch piece {
        case .bytes(let bytes): try await context.write(bytes)
        case .stored(let object, let range): try await send(object, range, context)
        case .filling(let follower, let from, let to): try await follow(follower, from: from, to: to, context)
        case .completed(let object, let range, _): try await complete(object, range, base: base, context)
        case .completing(let follower): try await complete(follower, base: base, context)
        }
    }

    /// A stored range, its blocks checked a few at a time just before they are sent.
    private func send(_ object: StoredObject, _ range: Range<Int64>, _ context: RequestContext) async throws(Problem) {
        let step: Int64 = 4 << 20
        var offset = range.lowerBound
        while offset < range.upperBound {
            let end = min(range.upperBound, offset + step)
            try await verify(object, offset..<end)
            try await context.write(object.region(offset..<end))
            offset = end
        }
    }

    private func verify(_ object: StoredObject, _ range: Range<Int64>) async throws(Problem) {
        if object.isVerified(range) { return }
        do { try await object.verify(range) } catch { throw Problem(error) }
    }

    /// What is in the file so far, then what arrives: each client at its own pace, the file between it and the backend.
    private func follow(
        _ follower: Follower, from: Int64, to: Int64?, _ context: RequestContext
    ) async throws(Problem) {
        follower.skip(to: from)
        var sent: Int64 = 0
        while let piece = try await next(of: follower, upTo: to) {
            switch piece {
            case .file(let descriptor, let offset, let length):
                sent += length
                try await context.write(
                    FileRegion(descriptor: descriptor, offset: offset, length: length, owner: follower.fill))
            case .bytes(let bytes):
                sent += Int64(bytes.count)
                try await context.write(bytes)
            }
        }
        // It may have turned out half-way.
        if follower.fill.isPassedThrough { context.entry.cache = .bypass }
        follower.leave()
        if let to, sent < to - from {
            throw Problem(status: 502, "What is being fetched has ended before the part that was asked for.")
        }
    }

    private func next(of follower: Follower, upTo end: Int64?) async throws(Problem) -> Follower.Piece? {
        do { return try await follower.next(upTo: end) } catch { throw Problem(error) }
    }

    private func complete(
        _ object: StoredObject, _ range: Range<Int64>, base: [UInt8], _ context: RequestContext
    ) async throws(Problem) {
        var offset = range.lowerBound
        try await verify(object, range)
        while offset < range.upperBound {
            let piece: [UInt8]
            let count = Int(min(Self.documentStep, range.upperBound - offset))
            do { piece = try await object.read(at: offset, length: count) } catch { throw Problem(error) }
            guard !piece.isEmpty else { throw Problem(status: 503, "A stored document ends before its end.") }
            try await context.write(completing(piece, base: base))
            offset += Int64(piece.count)
        }
    }

    /// Bytes of a document that are completed at once.
    private static let documentStep: Int64 = 128 << 10

    private func complete(_ follower: Follower, base: [UInt8], _ context: RequestContext) async throws(Problem) {
        var sent: Int64 = 0
        while let piece = try await next(of: follower, upTo: sent + Self.documentStep) {
            let bytes: [UInt8]
            do { bytes = try await follower.bytes(of: piece, on: workers) } catch { throw Problem(error) }
            try await context.write(completing(bytes, base: base))
            sent += Int64(bytes.count)
        }
        follower.leave()
    }

    /// A damaged object shall be found out before the status line is sent.
    private func verifyBeginning(of pieces: [AnswerPiece]) async throws(Problem) {
        for case .stored(let object, let range) in pieces {
            let end = min(range.upperBound, range.lowerBound + (4 << 20))
            try await verify(object, range.lowerBound..<end)
        }
    }
}

/// Replaces each placeholder by the base URL.
func completing(_ bytes: [UInt8], base: [UInt8]) -> [UInt8] {
    guard bytes.contains(baseURLPlaceholder) else { return bytes }
    var completed: [UInt8] = []
    completed.reserveCapacity(bytes.count + 4096)
    for run in bytes.split(separator: baseURLPlaceholder, omittingEmptySubsequences: false) {
        completed += run
        completed += base
    }
    completed.removeLast(base.count)
    return completed
}

extension StoredObject {
    /// A range of the body in the file.
    func region(_ range: Range<Int64>) -> FileRegion {
        FileRegion(
            descriptor: descriptor, offset: bodyOffset + range.lowerBound, length: range.upperBound - range.lowerBound,
            owner: self)
    }
}
