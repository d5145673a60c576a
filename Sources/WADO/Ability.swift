// What an archive can and cannot do, as far as that is known. Pure: who finds it out, and how long it counts, is decided elsewhere.

/// Something that not every archive can do: a kind of resource, or a parameter of its pictures.
///
/// The raw value is the key under `abilities` in the configuration.
package enum Ability: String, Sendable, Hashable, CaseIterable {
    // Resources: an archive without one says so with a status.
    case metadata, frames, bulkdata, rendered, thumbnail
    // Parameters: there are archives that ignore one silently and answer with another picture.
    case viewport, region, flip, window, sigmoid, quality, annotation, presentation, charset
    case iccProfile = "icc_profile"
    case frameNumber = "frame_number"
    // Of objects: there are archives that re-encode those for which no transfer syntax is named.
    case storedSyntax = "stored_syntax"

    /// Whether an archive may ignore it silently, so that it counts only when it is configured or proven.
    package var isParameter: Bool {
        switch self {
        case .metadata, .frames, .bulkdata, .rendered, .thumbnail: false
        default: true
        }
    }

    /// Whether pictures can show it.
    package var canBeProbed: Bool { isParameter && ![.presentation, .charset, .storedSyntax].contains(self) }
}

/// What is known of one archive's abilities in one protocol.
package struct Abilities: Sendable, Hashable {
    /// How it is known.
    package enum Knowledge: Sendable, Hashable {
        /// The operator says so.
        case configured(Bool)
        /// A probe's answer differed as it must, or did not.
        case proven(Bool)
        /// The archive refused such a request with this status a while ago.
        case refused(status: Int)

        package var isAble: Bool {
            switch self {
            case .configured(let isAble), .proven(let isAble): isAble
            case .refused: false
            }
        }
    }

    package var known: [Ability: Knowledge]

    package init(known: [Ability: Knowledge] = [:]) { self.known = known }

    /// Nil: not known.
    package func has(_ ability: Ability) -> Bool? { known[ability]?.isAble }

    /// Whether an archive is not to be asked for a resource.
    ///
    /// - Parameter unlessOnlyWay: what it once refused may have been one instance's fault (501 says "this SOP class"), so that
    ///   where nothing else leads to the object it is asked again; what the operator says counts always.
    package func lacks(_ ability: Ability, unlessOnlyWay: Bool) -> Bool {
        switch known[ability] {
        case nil: false
        case .refused: !unlessOnlyWay
        case .configured(let isAble), .proven(let isAble): !isAble
        }
    }

    /// How a lack is known, for a person.
    package func reason(_ ability: Ability) -> String {
        switch known[ability] {
        case .configured: "its configuration says so"
        case .proven: "a probe has shown it"
        case .refused(let status): "it answered such a request with \(status) a while ago"
        case nil: "nothing is known"
        }
    }

    /// Those of a picture's needs that the archive is known to lack.
    package func lacking(of needs: Set<Ability>) -> [Ability] { sorted(needs) { has($0) == false } }

    /// Those of a picture's needs of which nothing is known yet.
    package func unknown(of needs: Set<Ability>) -> [Ability] { sorted(needs) { has($0) == nil } }

    private func sorted(_ needs: Set<Ability>, where isMeant: (Ability) -> Bool) -> [Ability] {
        Ability.allCases.filter { needs.contains($0) && isMeant($0) }
    }
}

/// Rendering parameters as one archive reads them, and what it must be able to do for them.
package struct RenderingQuery: Sendable, Hashable {
    /// Query items without a leading "&"; empty when there are none.
    package var items: String
    package var needs: Set<Ability>
}
