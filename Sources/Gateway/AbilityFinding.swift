// What is told of the archives' abilities: what was found out, for the log, and what is known, for operators.

/// One thing that is known of an archive.
package struct AbilityFinding: Sendable, Equatable {
    /// The backend's configured name.
    package var backend: String
    /// The connection type's code; nil: in each of its protocols.
    package var connectionType: String?
    /// The ability's key in the configuration.
    package var ability: String
    package var isAble: Bool
    /// How it is known: "configured", "proven", or "refused" with the archive's status.
    package var source: String
    /// Of a probe: why the archive is not able, behind its name.
    package var reason: String?
    /// How long it still counts; nil: as long as the configuration.
    package var left: Duration?

    package init(
        backend: String, connectionType: String?, ability: String, isAble: Bool, source: String, reason: String? = nil,
        left: Duration? = nil
    ) {
        self.backend = backend
        self.connectionType = connectionType
        self.ability = ability
        self.isAble = isAble
        self.source = source
        self.reason = reason
        self.left = left
    }
}

extension Gateway {
    /// What is known of the archives at this moment, the operator's word and what was found out, in the order of names.
    package func abilities() -> [AbilityFinding] { abilityBook.findings(at: .now) }
}
