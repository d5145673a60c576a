// By which ways one object of one instance can be had, best first. Pure: what the cache holds and what archives can do are
// arguments, and the steps are a value that `explain` prints and the gateway takes one after the other.
package import CachePolicy
package import DICOM
package import FHIR
internal import HTTP

/// The ways by which one object of one instance can be had.
///
/// A cached object comes first, then what can be made from the cached instance, then the archives that answer for such
/// objects by themselves, then those that answer in the other protocol, and last the instance, fetched once and kept. A frame
/// of a small instance is not asked for by itself: the instance costs hardly more, and everything else can be made from it.
package struct RetrievePlan: Sendable, Hashable {
    package enum Step: Sendable, Hashable {
        /// Send what the cache holds.
        case cached(ObjectClass)
        /// Make it from the stored instance, which the cache holds.
        case derive
        /// Ask these endpoints for the first of the variants that one of them has.
        case ask([EndpointChoice.Candidate], [ObjectClass])
        /// Ask these for it in terms of another resource or of the other protocol.
        case translate([EndpointChoice.Candidate], [ObjectClass])
        /// Fetch the instance as it is stored, keep it, and make it from that.
        case fetch([EndpointChoice.Candidate])
        /// Send the instance as it is stored, since no better form can be had.
        case asStored
    }

    /// An endpoint that is not asked, and why.
    package struct PassedOver: Sendable, Hashable {
        package var endpoint: String
        package var reason: String
    }

    /// To be taken in order until one succeeds; empty when the object cannot be had at all.
    package private(set) var steps: [Step] = []
    package private(set) var passedOver: [PassedOver] = []
    /// What the client is told when there is no step.
    package private(set) var refusal: WADOError?

    /// - Parameters:
    ///   - variants: the object in the forms that the client takes, best first.
    ///   - holding: those of the variants, of their stored form and of the stored instance that the cache holds.
    ///   - facts: the instance's size and frames, where they are known.
    ///   - storedSyntax: the transfer syntax in which the archive stores it, or others of its series; nil when it is not known.
    ///   - abilities: what is known of each endpoint's archive.
    package init(
        for variants: [ObjectClass], of target: InstanceTarget, as request: RetrieveRequest,
        from choice: EndpointChoice,
        holding: [ObjectClass: ObjectDescription], facts: InstanceFacts?, storedSyntax: UID? = nil,
        abilities: (EndpointChoice.Candidate) -> Abilities
    ) {
        guard let object = variants.first else { return }
        for variant in variants + [object.asStored].compactMap({ $0 }) {
            guard let held = holding[variant],
                request.representation.isSatisfied(mediaType: held.mediaType, transferSyntax: held.transferSyntax)
            else { continue }
            steps = [.cached(variant)]
            break
        }
        let kept = holding[.instance(syntax: ObjectClass.stored)]
        if case .instance = object {
            planInstance(variants, kept: kept, choice)
        } else {
            planPart(variants, of: target, request, kept: kept, facts, storedSyntax, choice, abilities)
        }
        if steps.isEmpty { refusal = refusal(of: object, choice) }
    }

    // MARK: Instances

    private mutating func planInstance(
        _ variants: [ObjectClass], kept: ObjectDescription?, _ choice: EndpointChoice
    ) {
        let stored = ObjectClass.instance(syntax: ObjectClass.stored)
        let named = variants.filter { $0 != stored }
        let transcoders = choice.candidates.filter { $0.type == .wadoRS }
        if kept != nil {
            steps.append(.derive)
            append(Step.ask, transcoders, named)
        } else {
            if variants.first != stored { append(Step.ask, transcoders, named) }
            if !choice.candidates.isEmpty { steps.append(.fetch(choice.candidates)) }
        }
        // An archive that takes transferSyntax without a word sends its file as it is: asked only where that would be refused.
        if !variants.contains(stored) { append(Step.ask, choice.candidates.filter { $0.type == .wadoURI }, named) }
        if variants.contains(stored), !steps.isEmpty { steps.append(.asStored) }
    }

    // MARK: Frames, metadata, bulk data, pictures

    private mutating func planPart(
        _ variants: [ObjectClass], of target: InstanceTarget, _ request: RetrieveRequest, kept: ObjectDescription?,
        _ facts: InstanceFacts?, _ storedSyntax: UID?, _ choice: EndpointChoice,
        _ abilities: (EndpointChoice.Candidate) -> Abilities
    ) {
        guard let object = variants.first else { return }
        var native: [EndpointChoice.Candidate] = []
        var translating: [EndpointChoice.Candidate] = []
        let isThumbnail = if case .thumbnail = object { true } else { false }
        let isDerivable = object.isDerivable
        for candidate in choice.candidates
        where BackendRequest.refusal(of: object, by: candidate.type) == nil && !object.isOwnBulkData {
            let known = abilities(candidate)
            if let refusal = lack(of: object, known, facts, target, request, candidate) {
                passedOver.append(PassedOver(endpoint: candidate.endpoint.id, reason: refusal))
                continue
            }
            let isRefused = object.ability.map { known.lacks($0, unlessOnlyWay: !isDerivable && !isThumbnail) } ?? false
            let hasPictures = !known.lacks(.rendered, unlessOnlyWay: true)
            if isRefused, let ability = object.ability {
                passedOver.append(
                    PassedOver(
                        endpoint: candidate.endpoint.id,
                        reason: "no \(object.word) of its own: \(known.reason(ability))"))
            }
            if candidate.type == .wadoRS, !isRefused { native.append(candidate) }
            if candidate.type == .wadoURI || isThumbnail, hasPictures { translating.append(candidate) }
        }
        if kept != nil, isDerivable, object.isSameFromInstance(kept, isNative: !native.isEmpty) {
            steps.append(.derive)
        }
        let isInstanceFirst =
            kept == nil && !native.isEmpty && Self.isBetterAsInstance(object, facts, storedSyntax, request)
        if isInstanceFirst { steps.append(.fetch(choice.candidates)) }
        append(Step.ask, native, variants)
        append(Step.translate, translating, variants)
        guard isDerivable, !isInstanceFirst, !steps.contains(.derive) else { return }
        if kept != nil {
            steps.append(.derive)
        } else if !choice.candidates.isEmpty {
            steps.append(.fetch(choice.candidates))
        }
    }

    /// Bytes of pixels, before compression, up to which several frames' instance is fetched for the sake of one.
    private static let smallInstance = 128 << 20

    /// Whether a frame is better had with its whole instance: when that is small or has no other frame, and the client takes
    /// the frame as it is stored. Where the stored syntax is not known, one instance of the series tells it.
    private static func isBetterAsInstance(
        _ object: ObjectClass, _ facts: InstanceFacts?, _ storedSyntax: UID?, _ request: RetrieveRequest
    ) -> Bool {
        guard case .frame = object, let facts, isSmall(facts) else { return false }
        guard let syntax = (facts.transferSyntax ?? storedSyntax)?.string else { return true }
        let delivered = PixelMediaType.isRaw(syntax) ? ObjectClass.explicitLittleEndian : syntax
        return request.representation.accepts(
            mediaType: PixelMediaType.type(of: delivered), transferSyntax: delivered)
    }

    /// Whether an instance has one frame, or all of them are small.
    package static func isSmall(_ facts: InstanceFacts) -> Bool {
        guard let rows = facts.rows, let columns = facts.columns else { return false }
        // They come from outside: real ones have 16 bits, and larger ones must not make the product overflow.
        let bytesPerFrame = 2 * max(1, min(rows, 65535)) * max(1, min(columns, 65535))
        return facts.numberOfFrames == 1 || facts.numberOfFrames <= smallInstance / bytesPerFrame
    }

    /// Why an archive cannot make this picture; nil when it can, or when that is to be found out.
    private func lack(
        of object: ObjectClass, _ known: Abilities, _ facts: InstanceFacts?, _ target: InstanceTarget,
        _ request: RetrieveRequest, _ candidate: EndpointChoice.Candidate
    ) -> String? {
        guard object.isPicture, let base = candidate.base else { return nil }
        if candidate.type == .wadoURI, known.lacks(.rendered, unlessOnlyWay: true) {
            return "no pictures: \(known.reason(.rendered))"
        }
        do {
            let asked = try BackendRequest(
                for: object, of: target, rendering: request.rendering, from: candidate.type, base: base,
                abilities: known, facts: facts)
            let lacking = known.lacking(of: asked.needs)
            return lacking.isEmpty
                ? nil : lacking.map { "no \($0.rawValue): \(known.reason($0))" }.joined(separator: "; ")
        } catch {
            // What depends on a size that is not known yet is decided when it is.
            return facts == nil || error.status != 501 ? nil : error.message
        }
    }

    private mutating func append(
        _ make: ([EndpointChoice.Candidate], [ObjectClass]) -> Step, _ candidates: [EndpointChoice.Candidate],
        _ variants: [ObjectClass]
    ) {
        if !candidates.isEmpty, !variants.isEmpty { steps.append(make(candidates, variants)) }
    }

    private func refusal(of object: ObjectClass, _ choice: EndpointChoice) -> WADOError {
        guard !choice.candidates.isEmpty else { return choice.refusal }
        let refusals = choice.candidates.compactMap { BackendRequest.refusal(of: object, by: $0.type) }
        if let refusal = refusals.first, refusals.count == choice.candidates.count { return refusal }
        return WADOError(
            status: 501,
            message: "No archive of this series can make the \(object.word) image as asked ("
                + passedOver.map { $0.reason }.joined(separator: "; ")
                + "); another picture than the one asked for is never sent. What an archive can do may be said under "
                + "abilities in its configuration.")
    }
}

extension RetrievePlan.Step {
    /// The endpoints that it asks.
    package var candidates: [EndpointChoice.Candidate] {
        switch self {
        case .cached, .derive, .asStored: []
        case .ask(let candidates, _), .translate(let candidates, _), .fetch(let candidates): candidates
        }
    }

    /// The same step without endpoints that have failed; nil when none is left.
    package func without(_ failed: [EndpointChoice.Candidate]) -> RetrievePlan.Step? {
        let left = candidates.filter { !failed.contains($0) }
        if left.count == candidates.count { return self }
        if left.isEmpty { return nil }
        return switch self {
        case .cached, .derive, .asStored: self
        case .ask(_, let variants): .ask(left, variants)
        case .translate(_, let variants): .translate(left, variants)
        case .fetch: .fetch(left)
        }
    }
}

extension ObjectClass {
    /// The same object as the archive holds it; nil when that is no question.
    package var asStored: ObjectClass? {
        switch self {
        case .instance: .instance(syntax: Self.stored)
        case .frame(let number, _): .frame(number, syntax: Self.stored)
        default: nil
        }
    }

    /// The ability that an archive needs to answer for such objects by itself; nil: every archive has it.
    package var ability: Ability? {
        switch self {
        case .instance, .frameIndex, .members: nil
        case .frame: .frames
        case .bulk: .bulkdata
        case .metadata: .metadata
        case .rendered: .rendered
        case .thumbnail: .thumbnail
        }
    }

    package var isPicture: Bool {
        switch self {
        case .rendered, .thumbnail: true
        default: false
        }
    }

    /// Whether it can be made from the stored instance.
    package var isDerivable: Bool {
        switch self {
        case .frame, .metadata, .frameIndex: true
        case .bulk: elementPath != nil
        default: false
        }
    }

    /// Under this path lies what our own metadata names. It is always made from the stored instance: an archive may use the
    /// same words and count items from another number.
    package static let ownBulkData = "bulkdata/stored"

    /// Whether this is bulk data under a path of our own making.
    package var isOwnBulkData: Bool {
        guard case .bulk(let tail) = self else { return false }
        return tail.hasPrefix(Self.ownBulkData + "/")
    }

    /// The attribute that a bulk data path names ("bulkdata/stored/00081140/1/00420011"; what an archive calls
    /// "bulkdata/00420011" is read likewise).
    package var elementPath: ElementPath? {
        guard case .bulk(let tail) = self else { return nil }
        let parts = tail.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.first == "bulkdata" else { return nil }
        return ElementPath(parts.dropFirst(isOwnBulkData ? 2 : 1))
    }

    /// Whether the stored instance gives what an archive would that answers by itself: not metadata, whose references lead
    /// to its own bulk data, not the paths of an archive that counts items its own way, and not samples wider than a word
    /// of Big Endian files, which archives turn around in several ways.
    fileprivate func isSameFromInstance(_ instance: ObjectDescription?, isNative: Bool) -> Bool {
        guard isNative else { return true }
        if instance?.transferSyntax == "1.2.840.10008.1.2.2" { return false }
        return switch self {
        case .metadata: false
        case .bulk: elementPath?.steps.isEmpty ?? false
        default: true
        }
    }
}
