// Everything an operator may decide, checked: the settings of each room in that room's own words. Reads files and the
// table; knows nothing of how the rooms use what it says.
package import DiskCache
package import Gateway
package import HTTPServer
package import Operations
package import StudyDirectory
package import Upstream

/// The checked configuration of one process.
package struct Configuration: Sendable {
    package var listen: [ListenAddress]
    package var tls: TLSFiles?
    package var server: HTTPServerSettings
    /// How long answers under way may go on when the process ends.
    package var drainTimeout: Duration
    /// Without its secret, which main reads from ``secretFile`` or asks of the cache.
    package var gateway: GatewaySettings
    /// The file of the secret; nil: the cache keeps one.
    package var secretFile: String?
    package var sources: [SourceSettings]
    /// The archives, not the FHIR servers: those stand in ``sources``.
    package var backends: [Backend]
    package var cache: DiskCacheSettings
    package var admin: AdminSettings
    package var adminListen: [ListenAddress]
    package var log: LogSettings
    /// Nil: one for each core.
    package var loops: Int?
    package var workers: Int
    /// What keeps nobody from starting and yet is worth a look.
    package var warnings: [Problem] = []

    /// PEM files of the listeners.
    package struct TLSFiles: Sendable, Hashable {
        package var certificate: String
        package var key: String
        /// Who signs client certificates; a client that shows none is refused when access is by mutual TLS.
        package var clientAuthority: String?
    }
}

extension Configuration {
    /// Where settings come from; the later ones count before the earlier ones.
    package struct Sources: Sendable {
        /// The YAML file's bytes and its name in problems; nil: defaults only.
        package var file: (name: String, bytes: [UInt8])?
        /// All of the process's environment; of what isn't a setting's, names that begin like one's are warned of.
        package var environment: [String: String]
        /// What stood behind each `--set`.
        package var assignments: [String]
        /// Whether the files that settings name are looked at.
        package var looksAtFiles: Bool

        package init(
            file: (name: String, bytes: [UInt8])? = nil, environment: [String: String] = [:],
            assignments: [String] = [],
            looksAtFiles: Bool = true
        ) {
            self.file = file
            self.environment = environment
            self.assignments = assignments
            self.looksAtFiles = looksAtFiles
        }
    }

    /// Reads and checks everything.
    ///
    /// - Throws: ``ConfigurationError`` with all problems that can be seen at once; a file that is no YAML has only that one.
    package init(_ sources: Sources, table: SettingsTable = .standard) throws(ConfigurationError) {
        var problems: [Problem] = []
        let start = Place(source: sources.file?.name ?? "defaults")
        var root = YAMLNode(.mapping([]), at: start)
        if let file = sources.file, let node = try YAMLReader.read(file.bytes, from: start, isFile: true) {
            root = node
        }

        var overlays = Overlay.all(environment: sources.environment, table: table, problems: &problems)
        for assignment in sources.assignments {
            do throws(ConfigurationError) {
                overlays.append(try Overlay(assignment: assignment, table: table))
            } catch {
                problems += error.problems
            }
        }
        for overlay in overlays where !root.replace(overlay.path[...], with: overlay.value) {
            problems.append(
                Problem("there is no such entry, and entries are added one after the other", at: overlay.value.place))
        }

        var reader = SettingsReader(table: table)
        reader.read(root)
        var builder = ConfigurationBuilder(values: reader.values, problems: problems + reader.problems)
        builder.warnings = Overlay.unknownVariables(in: sources.environment, table: table)
        builder.looksAtFiles = sources.looksAtFiles
        self = try builder.build()
    }
}
