// What has been found out of the archives' abilities, for a while. Process-wide; must not know how it is found out.
import FHIR
import Synchronization
import WADO

/// What the operator says and what was found out, by archive and protocol.
final class AbilityBook: Sendable {
    /// One backend in one of its protocols.
    struct Archive: Sendable, Hashable {
        var backend: String
        var type: ConnectionType
    }

    private struct Entry {
        var knowledge: Abilities.Knowledge
        var expires: ContinuousClock.Instant
    }

    private let configured: [String: [Ability: Bool]]
    private let found = Mutex<[Archive: [Ability: Entry]]>([:])

    /// - Parameter configured: by backend name.
    init(configured: [String: [Ability: Bool]]) {
        self.configured = configured
    }

    /// What counts at this moment: the operator's word before what was found out.
    func known(of archive: Archive, at now: ContinuousClock.Instant) -> Abilities {
        let entries = found.withLock { $0[archive] ?? [:] }
        var known = entries.filter { $0.value.expires > now }.mapValues { $0.knowledge }
        for (ability, isAble) in configured[archive.backend] ?? [:] { known[ability] = .configured(isAble) }
        return Abilities(known: known)
    }

    /// Notes what was found out; backends are upgraded and mended, so nothing counts for ever.
    func note(
        _ ability: Ability, _ knowledge: Abilities.Knowledge, of archive: Archive, at now: ContinuousClock.Instant
    ) {
        let expires = now + knowledge.lifetime
        found.withLock { $0[archive, default: [:]][ability] = Entry(knowledge: knowledge, expires: expires) }
    }
}

extension AbilityBook {
    /// All that counts at this moment, in the order of names.
    func findings(at now: ContinuousClock.Instant) -> [AbilityFinding] {
        var findings = configured.flatMap { backend, abilities in
            abilities.map { ability, isAble in
                AbilityFinding(
                    backend: backend, connectionType: nil, ability: ability.rawValue, isAble: isAble,
                    source: Abilities.Knowledge.configured(isAble).source)
            }
        }
        for (archive, entries) in found.withLock({ $0 }) {
            for (ability, entry) in entries
            where entry.expires > now && configured[archive.backend]?[ability] == nil {
                findings.append(
                    AbilityFinding(
                        backend: archive.backend, connectionType: archive.type.code, ability: ability.rawValue,
                        isAble: entry.knowledge.isAble, source: entry.knowledge.source, left: entry.expires - now))
            }
        }
        func order(_ finding: AbilityFinding) -> [String] {
            [finding.backend, finding.connectionType ?? "", finding.ability]
        }
        return findings.sorted { order($0).lexicographicallyPrecedes(order($1)) }
    }
}

extension Abilities.Knowledge {
    var source: String {
        switch self {
        case .configured: "configured"
        case .proven: "proven"
        case .refused(let status): "refused with status \(status)"
        }
    }

    /// How long it counts.
    var lifetime: Duration {
        switch self {
        case .configured: .zero
        // A false no can come of one odd image.
        case .refused, .proven(false): .seconds(600)
        case .proven(true): .seconds(86400)
        }
    }
}
