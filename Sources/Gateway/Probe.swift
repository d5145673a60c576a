// Finds out whether an archive honours parameters of pictures that it might ignore silently: asks it for the pictures of a
// ProbePlan, and notes what came out. What the pictures say is decided in WADO.
import CachePolicy
import DICOM
import EventLoop
import FHIR
import HTTP
import Upstream
import WADO

/// What a probe is made with: one archive, and a client's request for a picture.
struct Probe: Sendable {
    let archive: AbilityBook.Archive
    let base: HTTPURL
    let target: InstanceTarget
    let subject: ProbePlan.Subject
    let loop: EventLoop
    /// Of archives that get it; they may give a client another answer than they give the next.
    let clientAuthorization: String?

    /// - Parameters:
    ///   - frame: as the client's request names it.
    ///   - type: the media type of the client's picture.
    ///   - facts: what is known of the instance.
    init(
        of archive: AbilityBook.Archive, base: HTTPURL, with target: InstanceTarget, frame: Int?, type: String,
        rendering: RenderingParameters, facts: InstanceFacts?, on loop: EventLoop, clientAuthorization: String?
    ) {
        let facts = facts ?? InstanceFacts(study: target.study, series: target.series, instance: target.instance)
        subject = ProbePlan.Subject(frame: frame, type: type, rendering: rendering, facts: facts)
        self.archive = archive
        self.base = base
        self.target = target
        self.loop = loop
        self.clientAuthorization = clientAuthorization
    }
}

/// What is known of an archive after a probe.
struct Proof {
    var known: Abilities
    /// Why nothing was found out of an ability.
    var problems: [Ability: Problem] = [:]

    /// - Throws: ``Problem`` unless the archive is known to have all of them.
    func require(_ needs: Set<Ability>, of type: ConnectionType) throws(Problem) {
        let missing = Ability.allCases.filter { needs.contains($0) && known.has($0) != true }
        guard !missing.isEmpty else { return }
        throw missing.lazy.compactMap { problems[$0] }.first
            ?? Problem(BackendRequest.refusal(lacking: missing, type: type))
    }
}

extension Gateway {
    private typealias Failures = [Ability: ProbeFlights.Failure]

    /// Finds out abilities by pictures of one instance. Of each ability, an archive is asked by one request at a time; the
    /// others wait for what it finds.
    func prove(_ abilities: [Ability], by probe: Probe) async -> Proof {
        var problems: [Ability: Problem] = [:]
        // What frame numbers do decides which picture the rest is tried on.
        let rest = abilities.filter { $0.canBeProbed && $0 != .frameNumber }
        for group in [abilities.filter { $0 == .frameNumber }, rest] {
            problems.merge(await proveTogether(group, by: probe)) { old, _ in old }
            let known = abilityBook.known(of: probe.archive, at: probe.loop.now)
            let isOfFrame = probe.subject.frame != nil && group == [.frameNumber]
            if isOfFrame, known.has(.frameNumber) != true { break }
        }
        return Proof(known: abilityBook.known(of: probe.archive, at: probe.loop.now), problems: problems)
    }

    private func proveTogether(_ abilities: [Ability], by probe: Probe) async -> [Ability: Problem] {
        var open = abilities
        var problems: [Ability: Problem] = [:]
        while true {
            open = unknown(of: open, probe)
            guard let first = open.first else { return problems }
            let mine = probeFlights.claim(open, of: probe.archive)
            if !mine.isEmpty {
                // Others may have found out some of them just before they were claimed.
                let failures = await ask(unknown(of: mine, probe), probe)
                // Of a client that has left nothing was found out: the next one tries itself.
                let isCut = Task.isCancelled
                for ability in mine {
                    probeFlights.land(ability, of: probe.archive, isCut ? nil : failures[ability])
                    problems[ability] = failures[ability]?.problem
                }
                open.removeAll(where: mine.contains)
            } else if let failure = await probeFlights.landing(of: first, of: probe.archive), failure.concerns(probe) {
                problems[first] = failure.problem
                open.removeFirst()
            }
        }
    }

    private func unknown(of abilities: [Ability], _ probe: Probe) -> [Ability] {
        let known = abilityBook.known(of: probe.archive, at: probe.loop.now)
        return abilities.filter { known.has($0) == nil }
    }

    /// Asks for all pictures of some abilities, and notes what they say.
    private func ask(_ abilities: [Ability], _ probe: Probe) async -> Failures {
        if abilities.isEmpty { return [:] }
        let known = abilityBook.known(of: probe.archive, at: probe.loop.now)
        var plan = ProbePlan(abilities, with: probe.subject)
        var fault: Problem?
        while let picture = plan.next {
            let (answer, problem) = await answer(to: picture, probe, known)
            // Without the first picture the client's request would fare the same without its parameters.
            if plan.isAtStart || answer == .failed { fault = fault ?? problem }
            plan.take(answer)
        }
        var failures: Failures = [:]
        for ability in abilities {
            switch plan.verdict(on: ability) {
            case .able: note(ability, nil, probe)
            case .lacking(let reason): note(ability, reason, probe)
            case .undecided(let reason):
                var problem = fault ?? Problem(undecided: ability, of: probe.archive, reason)
                // Another picture is not there than the one that the client asked for: of that one nothing is remembered.
                problem.isBackendAbsence = false
                failures[ability] = ProbeFlights.Failure(
                    problem: problem, target: problem.isOfArchive ? nil : probe.target)
            }
        }
        return failures
    }

    private func note(_ ability: Ability, _ reason: String?, _ probe: Probe) {
        let knowledge = Abilities.Knowledge.proven(reason == nil)
        abilityBook.note(ability, knowledge, of: probe.archive, at: probe.loop.now)
        reports.finding(
            AbilityFinding(
                backend: probe.archive.backend, connectionType: probe.archive.type.code, ability: ability.rawValue,
                isAble: knowledge.isAble, source: knowledge.source, reason: reason, left: knowledge.lifetime))
    }

    // MARK: One picture

    /// The picture's head and digest, or what came instead and how a client would be told of it.
    private func answer(
        to picture: ProbePicture, _ probe: Probe, _ known: Abilities
    ) async -> (ProbeAnswer, Problem?) {
        let backend = probe.archive.backend
        do throws(Problem) {
            let request: BackendRequest
            do {
                request = try BackendRequest(
                    for: .rendered(frame: picture.frame, parameters: "", type: picture.type), of: probe.target,
                    rendering: picture.rendering, from: probe.archive.type, base: probe.base, abilities: known,
                    facts: picture.facts)
            } catch {
                return (.noPicture, Problem(error))
            }
            let response = try await get(request, on: probe.loop, clientAuthorization: probe.clientAuthorization)
            let status = response.head.status
            guard status == 200 else {
                let problem = Problem(backendStatus: status, backend: backend, asking: "rendered image")
                return ([429, 502, 503, 504].contains(status) ? .failed : .refused(status: status), problem)
            }
            let parts = PartSource(body: UpstreamBody(response), fields: response.head.fields, backend: backend)
            if let answer = try await Self.picture(of: parts) { return (answer, nil) }
            return (.noPicture, .badBody(from: backend, "something else where a picture was asked for"))
        } catch {
            return (.failed, error)
        }
    }

    /// Nil for what is not one picture, or too large to be looked at. No more of it is held than its head.
    private static func picture(of parts: PartSource) async throws(Problem) -> ProbeAnswer? {
        guard try await parts.nextPart() != nil else { return nil }
        var head: [UInt8] = []
        var digest = BlockHasher()
        var length = 0
        while let piece = try await parts.nextBytes() {
            length += piece.count
            if length > probeLimit { return nil }
            head += piece.prefix(PictureHead.limit - head.count)
            digest.update(piece.span)
        }
        guard let found = PictureHead(head), try await parts.nextPart() == nil else { return nil }
        return .picture(found, digest: digest.finish())
    }

    /// Bytes of one picture.
    private static let probeLimit = 32 << 20
}

extension ProbeFlights.Failure {
    /// Whether another request would fare as that one did.
    fileprivate func concerns(_ probe: Probe) -> Bool {
        target == nil || (target == probe.target && probe.clientAuthorization == nil)
    }
}

extension Problem {
    fileprivate init(undecided ability: Ability, of archive: AbilityBook.Archive, _ reason: String) {
        self.init(
            status: 501,
            "Whether backend \(archive.backend) honours \"\(ability.rawValue)\" could not be found out with this image: "
                + "\(reason). Another picture than the one asked for is never sent. If it does, its operator can say so "
                + "under abilities in its configuration.", backend: archive.backend)
        allowsNextEndpoint = true
    }

    /// Whether it took the archive's time, or would: those who wait are not to wait as long again.
    fileprivate var isOfArchive: Bool { status == 503 || status == 504 }
}
