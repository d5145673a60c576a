// Fetches one object from the endpoints that may have it, checks it, and writes it into the cache while it arrives.
import CachePolicy
import DICOM
import DiskCache
import EventLoop
import FHIR
import HTTP
import StudyDirectory
import Upstream
import WADO

/// One fill: it belongs to the cache and ends on its own, whoever listens.
///
/// Unchecked because it runs as one task on one loop.
final class Filler: @unchecked Sendable {
    let gateway: Gateway
    let writer: FillWriter
    let object: ObjectClass
    let target: InstanceTarget
    let choice: EndpointChoice
    /// What held of the study when the request began.
    let moment: StudyMoment
    /// What stands in the object's place and is not good enough any more.
    let former: StoredObject?
    let rendering: RenderingParameters
    /// Whether the archives are asked for the object in terms of another resource.
    let translates: Bool
    /// What is known of the instance already; else the cache may know it.
    let facts: InstanceFacts?
    let loop: EventLoop
    /// Only of a private fill.
    let clientAuthorization: String?
    /// Of the errand that began it.
    let pace: Pace?
    /// Whether the present answer has proven what it is.
    private var hasBegun = false
    /// What the first answer was, once it had proven that.
    private var begun: (description: ObjectDescription, length: Int64?)?
    /// The last answer that came.
    var answered: Answered?
    /// Of a second answer, as long as it says what the first has said.
    var replay: Replay?
    /// For the report.
    private var bytes: Int64 = 0
    private var isUnchanged = false
    private var askedBackend: String?
    private(set) var hasFailed = false
    /// Those of the answer that the object comes from; nil where it is made from another resource.
    private var answerFields: HTTPFields?

    init(
        gateway: Gateway, writer: FillWriter, object: ObjectClass, target: InstanceTarget, choice: EndpointChoice,
        moment: StudyMoment, former: StoredObject?, rendering: RenderingParameters, translates: Bool,
        facts: InstanceFacts?, loop: EventLoop, clientAuthorization: String?, pace: Pace? = nil
    ) {
        self.gateway = gateway
        self.writer = writer
        self.object = object
        self.target = target
        self.choice = choice
        self.moment = moment
        self.former = former
        self.rendering = rendering
        self.translates = translates
        self.facts = facts
        self.loop = loop
        self.clientAuthorization = clientAuthorization
        self.pace = pace
    }

    /// Tries the endpoints in order until one has begun to deliver.
    func run() async {
        let start = ContinuousClock.now
        var report = FillReport(objectClass: object.word, result: .complete)
        do throws(Problem) {
            try await fillWhole()
            do { try await writer.commit() } catch { throw Problem(error) }
            if isUnchanged { report.result = .unchanged }
        } catch {
            hasFailed = true
            if error.isBackendAbsence, clientAuthorization == nil {
                let object = AbsentObject(writer.key, at: moment, translates: translates, from: choice)
                gateway.absences.remember(error, for: object, at: loop.now)
            }
            writer.fail(FillFailure(error))
            report.result = error.fillResult
        }
        (report.backend, report.bytes) = (askedBackend, isUnchanged ? 0 : bytes)
        report.duration = ContinuousClock.now - start
        gateway.reports.fill(report, loop)
    }

    /// A source that breaks off once what it sends has begun to be delivered is given one more chance.
    private func fillWhole() async throws(Problem) {
        do throws(Problem) {
            try await fillFromFirstAble()
        } catch {
            guard begun != nil, error.isBrokenOff, !Task.isCancelled else { throw error }
            hasBegun = false
            try await resume()
            if replay != nil { throw .otherContent }
        }
    }

    private func fillFromFirstAble() async throws(Problem) {
        var problems: [Problem] = []
        for candidate in choice.candidates {
            do throws(Problem) {
                try await fill(from: candidate)
                // A 404 says nothing where another archive has the object.
                gateway.note(problems.flatMap { $0.refusedResources.filter { $0.status != 404 } }, at: loop.now)
                return
            } catch {
                var problem = error
                if !problem.isRefusal { problem.failedCandidates = [candidate] }
                problems.append(problem)
                guard error.allowsNextEndpoint, begun == nil else { throw Problem(oneOf: problems) }
            }
        }
        throw problems.isEmpty ? Problem(choice.refusal) : Problem(oneOf: problems)
    }

    func fill(from candidate: EndpointChoice.Candidate) async throws(Problem) {
        guard let base = candidate.base else { return try await fill(fromArchive: candidate.endpoint.address) }
        let backend = try gateway.permitted(base)
        askedBackend = backend.name
        let request = try await backendRequest(to: candidate, base: base, backend: backend)
        // Of what has begun to come only the rest is of use.
        let condition = begun == nil ? condition(for: backend) : nil
        let response = try await gateway.get(
            request, if: condition, on: loop, clientAuthorization: clientAuthorization)
        if response.head.status == 304, let former, condition != nil {
            try await refill(from: former, response.head.fields)
            isUnchanged = true
            return
        }
        try await take(response, to: request, of: candidate, base: base, backend: backend)
    }

    /// Takes a backend's answer in.
    func take(
        _ response: UpstreamResponse, to request: BackendRequest, of candidate: EndpointChoice.Candidate, base: HTTPURL,
        backend: Backend
    ) async throws(Problem) {
        answerFields = translates ? nil : response.head.fields
        guard response.head.status == 200 else {
            throw refusal(with: response.head.status, by: .init(backend: backend.name, type: candidate.type))
        }
        answered = Answered(response, to: request, of: candidate, base: base)
        let body = UpstreamBody(response)
        switch request.answer {
        case .json:
            try await fillMetadata(from: body, base: base, document: response.url, backend: backend.name)
        case .xml:
            let parts = PartSource(body: body, fields: response.head.fields, backend: backend.name)
            try await fillXML(from: parts, base: base, document: response.url, backend: backend.name)
        case .dataSet, .payload, .picture:
            let parts = PartSource(body: body, fields: response.head.fields, backend: backend.name)
            try await fillOnePart(of: parts, as: request.answer, backend: backend.name)
        case .pictureOf(let image):
            let parts = PartSource(body: body, fields: response.head.fields, backend: backend.name)
            try await fillPicture(of: image, from: parts, as: request.answer, backend: backend.name)
        }
    }

    /// How a backend is asked whether what it gave before is still right.
    private func condition(for backend: Backend) -> BackendValidator.Condition? {
        guard let former, former.description.backend == backend.name, !translates else { return nil }
        return former.description.validator?.condition(isOfSameEpoch: former.description.epoch == moment.epoch)
    }

    /// What stood there is right again, under the present moment. It is copied, not marked: a header that is written over may
    /// be read, or lost, half-way, and what is renewed so is small, but for instances whose second transfer it spares.
    private func refill(from former: StoredObject, _ fields: HTTPFields) async throws(Problem) {
        var description = gateway.stamped(former.description, as: writer.key, at: moment, by: fields)
        description.validator = description.validator ?? former.description.validator
        do {
            try await writer.begin(description, expectedLength: former.length)
            hasBegun = true
            var offset: Int64 = 0
            while offset < former.length {
                let piece = try await former.read(at: offset, length: 256 << 10)
                guard !piece.isEmpty else { throw CacheError.damaged }
                try await writer.append(piece)
                offset += Int64(piece.count)
            }
        } catch let error as CacheError {
            throw Problem(error)
        } catch {
            throw .unproven
        }
    }

    /// A refused object, and which resource the archive may not have at all.
    private func refusal(with status: Int, by archive: AbilityBook.Archive) -> Problem {
        var problem = Problem(backendStatus: status, backend: archive.backend, asking: object.noun)
        if let ability = translates ? .rendered : object.ability, [404, 405, 501].contains(status) {
            problem.refusedResources = [RefusedResource(ability: ability, archive: archive, status: status)]
        }
        return problem
    }

    private func backendRequest(
        to candidate: EndpointChoice.Candidate, base: HTTPURL, backend: Backend
    ) async throws(Problem) -> BackendRequest {
        if case .bulk(let tail) = object, tail.hasPrefix("bulkdata/~") {
            guard let reference = gateway.bulkTokens.reference(in: tail, of: target),
                reference.backend == backend.name,
                gateway.upstream.backend(for: reference.url)?.name == backend.name
            else {
                var problem = Problem(
                    status: 404, "This bulk data reference was not made by this gateway for this instance.")
                problem.allowsNextEndpoint = true
                throw problem
            }
            return BackendRequest(url: reference.url, accept: "*/*", answer: .payload)
        }
        let archive = AbilityBook.Archive(backend: backend.name, type: candidate.type)
        var facts = facts
        if facts == nil, object.isPicture { facts = await gateway.cachedFacts(of: target) }
        func request(by abilities: Abilities) throws(Problem) -> BackendRequest {
            var abilities = abilities
            if translates { abilities.known[.thumbnail] = .configured(false) }
            do {
                return try BackendRequest(
                    for: object, of: target, rendering: rendering, from: candidate.type, base: base,
                    abilities: abilities, facts: facts)
            } catch {
                throw Problem(error)
            }
        }
        var proof = Proof(known: gateway.abilityBook.known(of: archive, at: loop.now))
        let first = try request(by: proof.known)
        let unknown = proof.known.unknown(of: first.needs.union(first.wants))
        let isHopeless = !proof.known.lacking(of: first.needs).isEmpty
        if !isHopeless, unknown.isEmpty { return first }
        if !isHopeless, let type = object.pictureType {
            proof = await gateway.prove(
                unknown,
                by: Probe(
                    of: archive, base: base, with: target, frame: object.frameNumber, type: type,
                    rendering: rendering, facts: facts, on: loop, clientAuthorization: clientAuthorization))
        }
        let second = try request(by: proof.known)
        try proof.require(second.needs, of: candidate.type)
        return second
    }

    private func fill(fromArchive archive: String) async throws(Problem) {
        askedBackend = archive
        if let refusal = BackendRequest.refusal(of: object, by: .archive) { throw Problem(refusal) }
        guard
            let path = gateway.directory.archiveFile(
                archive: archive, study: target.study, series: target.series, instance: target.instance)
        else {
            var problem = Problem(status: 404, "Archive \(archive) has no such instance.", backend: archive)
            problem.allowsNextEndpoint = true
            throw problem
        }
        let file = try await FileBody(path: path, archive: archive, workers: gateway.workers)
        var fields = HTTPFields()
        fields.append("Content-Type", "application/dicom")
        fields.append("Content-Length", "\(file.length)")
        try await fillOnePart(
            of: PartSource(body: file, fields: fields, backend: archive), as: .dataSet, backend: archive)
    }

    // MARK: What arrives

    private func fillOnePart(
        of parts: PartSource, as answer: BackendRequest.Answer, backend: String
    ) async throws(Problem) {
        guard let fields = try await parts.nextPart() else {
            throw .badBody(from: backend, "an answer without any part")
        }
        try await fill(part: fields, of: parts, as: answer, backend: backend)
        if try await parts.nextPart() != nil {
            throw .badBody(from: backend, "several parts where one was asked for")
        }
    }

    /// Writes the present part, whose head these fields are.
    func fill(
        part fields: HTTPFields, of parts: PartSource, as answer: BackendRequest.Answer, backend: String
    ) async throws(Problem) {
        // Pixels carry no UIDs, so that what they say of themselves counts where they say anything.
        if answer != .dataSet, let location = fields["content-location"],
            ContentLocation.contradicts(location, target, frame: object.frameNumber)
        {
            throw .badBody(
                from: backend, "the \(object.noun) of another instance than the one asked for", detail: location)
        }
        let expected = parts.announcedLength(of: fields)
        var inspector = BodyInspector(object: object, target: target, answer: answer, fields: fields, backend: backend)
        var held: [UInt8] = []
        var length: Int64 = 0
        while let piece = try await parts.nextBytes() {
            length += Int64(piece.count)
            if let expected, length > expected { throw .wrongLength(from: backend) }
            if hasBegun {
                try await append(piece)
                continue
            }
            held += piece
            if let description = try inspector.inspect(piece) {
                try await begin(description, expecting: expected)
                try await append(held)
                held = []
            }
        }
        // An attribute's value may be empty; nothing else may.
        if length == 0, !object.isBulk { throw .badBody(from: backend, "an empty body") }
        if let expected, length != expected { throw .wrongLength(from: backend) }
        if !hasBegun {
            try await begin(try inspector.finish(), expecting: length)
            try await append(held)
        }
    }

    private func fillMetadata(
        from body: UpstreamBody, base: HTTPURL, document: HTTPURL, backend: String
    ) async throws(Problem) {
        var rewriter = JSONMetadataRewriter(
            expecting: .init(study: target.study, series: target.series, instance: target.instance), base: base,
            document: document, token: gateway.bulkTokenMaker(backend))
        try await Problem.reading(from: backend) {
            while let piece = try await body.next() {
                try await appendRewritten(try rewriter.feed(piece), .json, backend)
            }
            try endMetadata(try rewriter.finish(), backend)
        }
    }

    private func fillXML(
        from parts: PartSource, base: HTTPURL, document: HTTPURL, backend: String
    ) async throws(Problem) {
        guard try await parts.nextPart() != nil else { throw .badBody(from: backend, "an answer without any part") }
        var rewriter = XMLMetadataRewriter(
            expecting: .init(study: target.study, series: target.series, instance: target.instance), base: base,
            document: document, token: gateway.bulkTokenMaker(backend))
        try await Problem.reading(from: backend) {
            while let piece = try await parts.nextBytes() {
                try await appendRewritten(try rewriter.feed(piece), .xml, backend)
            }
            try endMetadata(try rewriter.finish(), backend)
        }
        if try await parts.nextPart() != nil {
            throw .badBody(from: backend, "the metadata of several instances where one was asked for")
        }
    }

    private func appendRewritten(
        _ bytes: [UInt8], _ format: ObjectClass.Format, _ backend: String
    ) async throws(Problem) {
        if bytes.isEmpty { return }
        if !hasBegun {
            let type = "application/dicom+\(format.rawValue)"
            try await begin(ObjectDescription(mediaType: type, backend: backend), expecting: nil)
        }
        try await append(bytes)
    }

    private func endMetadata(_ summary: JSONMetadataRewriter.Summary, _ backend: String) throws(Problem) {
        guard summary.dataSets == 1, let facts = summary.facts else {
            throw .badBody(from: backend, "the metadata of \(summary.dataSets) instances where one was asked for")
        }
        writer.amend(placeholders: summary.placeholders, facts: facts)
    }

    private func begin(_ description: ObjectDescription, expecting length: Int64?) async throws(Problem) {
        if let begun {
            // What follows must be the same body.
            guard begun.description.mediaType == description.mediaType,
                begun.description.transferSyntax == description.transferSyntax,
                begun.length == nil || length == nil || begun.length == length
            else { throw .otherContent }
            hasBegun = true
            return
        }
        begun = (description, length)
        var description = gateway.stamped(description, as: writer.key, at: moment, by: answerFields)
        description.etag = newTag()
        do { try await writer.begin(description, expectedLength: length) } catch { throw Problem(error) }
        hasBegun = true
    }

    func append(_ piece: [UInt8]) async throws(Problem) {
        var bytes = piece
        if let replay {
            guard let new = replay.take(piece) else { throw .otherContent }
            if replay.isThrough { self.replay = nil }
            bytes = new
        }
        self.bytes += Int64(bytes.count)
        do { try await writer.append(bytes) } catch { throw Problem(error) }
        await pace?.took(bytes.count)
    }
}

/// A validator that no other fill has.
func newTag() -> String { String(UInt64.random(in: .min ... .max), radix: 36) }

extension Gateway {
    /// The configured backend of an endpoint's address.
    ///
    /// - Throws: ``Problem`` 502 when the address lies on none: addresses come from data, and only configured ones are contacted.
    func permitted(_ base: HTTPURL) throws(Problem) -> Backend {
        if let backend = upstream.backend(for: base) { return backend }
        var problem = Problem(
            status: 502,
            "The endpoint named for this series lies on no configured backend, so it is not contacted. Its operator can "
                + "add a backend whose match covers it.", detail: "endpoint \(base)")
        problem.allowsNextEndpoint = true
        throw problem
    }

    /// - Parameter range: only the body from there on is asked for, of the body with that validator.
    func get(
        _ request: BackendRequest, if condition: BackendValidator.Condition? = nil, on loop: EventLoop,
        clientAuthorization: String?, range: (from: Int64, of: EntityTag)? = nil
    ) async throws(Problem) -> UpstreamResponse {
        var fields = HTTPFields()
        fields.append("Accept", request.accept)
        if let condition { fields.append(condition.field, condition.value) }
        if let range {
            fields.append("Range", "bytes=\(range.from)-")
            fields.append("If-Range", range.of.description)
        }
        do {
            return try await upstream.get(
                UpstreamRequest(url: request.url, fields: fields, clientAuthorization: clientAuthorization), on: loop)
        } catch {
            throw Problem(error)
        }
    }

    /// Seals URLs that do not follow DICOMweb's paths. Those on another backend than the one that named them, and those that
    /// name another study, series or instance, are dropped: they come from data, and credentials would go with them.
    func bulkTokenMaker(_ backend: String) -> (HTTPURL, InstanceFacts) -> String? {
        { [bulkTokens, upstream] url, facts in
            let target = InstanceTarget(study: facts.study, series: facts.series, instance: facts.instance)
            guard upstream.backend(for: url)?.name == backend, !BulkReference.namesOther(url, than: target) else {
                return nil
            }
            return bulkTokens.tail(for: url, on: backend, of: target)
        }
    }
}

extension Problem {
    /// The most telling of the failures of all endpoints: what the client asked wrongly, then a fault, since behind it the
    /// object may lie, then what is not there.
    init(oneOf problems: [Problem]) {
        let order: [(Problem) -> Bool] = [
            { $0.status == 406 }, { $0.status == 400 }, { $0.status >= 502 }, { $0.status == 501 }, { _ in true },
        ]
        for test in order {
            if let problem = problems.first(where: test) {
                self = problem
                refusedResources = problems.flatMap { $0.refusedResources }
                failedCandidates = problems.flatMap { $0.failedCandidates }
                return
            }
        }
        self = .unproven
    }

    /// What tells most when no step of a plan has led anywhere: a fault, since behind it the object may lie; that the
    /// instance is not there; which forms there are.
    init(afterAllSteps problems: [Problem]) {
        let order: [(Problem) -> Bool] = [
            { !$0.isRefusal && $0.status >= 502 }, { !$0.isRefusal }, { $0.status == 406 }, { $0.status != 501 },
            { _ in true },
        ]
        self = order.lazy.compactMap { problems.last(where: $0) }.first ?? .unproven
    }
}

extension ObjectClass {
    var frameNumber: Int? {
        switch self {
        case .frame(let number, _), .rendered(let number?, _, _), .thumbnail(let number?, _, _): number
        default: nil
        }
    }

    var isBulk: Bool { if case .bulk = self { true } else { false } }
}
