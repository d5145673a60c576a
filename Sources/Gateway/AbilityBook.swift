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

extension Abilities.Knowledge {
    /// How long it counts.
    fileprivate var lifetime: Duration {
        switch self {
        case .configured: .zero
        case .refused: .seconds(600)
        case .proven(true): .seconds(86400)
        case .proven(false): .seconds(3600)
        }
    }
}
