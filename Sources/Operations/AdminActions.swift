// What the admin listener can have the process do, as closures: the routes know neither gateway nor cache.
package import DICOM
package import DiskCache
package import EventLoop
package import Gateway
package import StudyDirectory

/// What an admin call can ask of the gateway.
package struct AdminActions: Sendable {
    /// Answers what the gateway's explanation holds.
    package var explain: @Sendable (UID, UID?, EventLoop) async -> Result<JSONValue, DirectoryError>
    /// Target and Accept of a request.
    package var explainRequest: @Sendable (String, String, EventLoop) async -> Result<JSONValue, ExplainError>
    package var statistics: @Sendable () -> CacheStatistics
    /// Answers what is known of the backends' abilities.
    package var abilities: @Sendable () -> JSONValue
    /// Answers bytes freed.
    package var purge: @Sendable (UID, UID?) async -> Int64

    package init(
        explain: @escaping @Sendable (UID, UID?, EventLoop) async -> Result<JSONValue, DirectoryError>,
        explainRequest: @escaping @Sendable (String, String, EventLoop) async -> Result<JSONValue, ExplainError>,
        statistics: @escaping @Sendable () -> CacheStatistics, abilities: @escaping @Sendable () -> JSONValue,
        purge: @escaping @Sendable (UID, UID?) async -> Int64
    ) {
        self.explain = explain
        self.explainRequest = explainRequest
        self.statistics = statistics
        self.abilities = abilities
        self.purge = purge
    }
}

/// Where the process stands.
package enum AdminPhase: Sendable {
    /// Sources and cache are being opened.
    case starting
    case ready(AdminActions)
    /// No new work is taken.
    case draining
}
