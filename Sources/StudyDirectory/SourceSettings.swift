// What an operator may say of a source.
package import HTTP
package import Upstream

/// One source of studies; their order in the configuration is the order of asking.
package struct SourceSettings: Sendable {
    /// What is asked, and where it is.
    package enum Kind: Sendable {
        /// A FHIR server; `url` is its base.
        case fhir(url: HTTPURL, backend: Backend)
        /// A folder of FHIR JSON.
        case files(path: String)
        /// A folder of DICOM Part 10 files: directory and backend in one.
        case archive(name: String, path: String)
    }

    package var kind: Kind
    /// How long a server's answer counts without asking again.
    package var freshFor: Duration = .seconds(300)
    /// How long the last answer of a server that cannot be asked still serves.
    package var maxStale: Duration = .seconds(7 * 86400)
    /// How long "no such study" counts, and a study that has no images yet.
    package var negativeFor: Duration = .seconds(10)

    package init(kind: Kind) { self.kind = kind }
}

/// Bounds that are the same for all sources.
package struct DirectoryLimits: Sendable {
    /// Studies remembered for each server.
    package var records = 10_000
    /// Instances in them, all together: bounds the memory where studies are large.
    package var instances = 1_000_000
    /// How long a request waits for a server when an older record could serve instead.
    package var patience: Duration = .seconds(2)
    /// How long a server that could not be connected is left alone.
    package var downFor: Duration = .seconds(2)
    /// One look-up in all, however many requests it takes.
    package var lookup: Duration = .seconds(60)
    /// The largest answer to one search, all its pages together, in bytes.
    package var answer = 32 << 20
    /// At least so long between two scans of a folder.
    package var scanInterval: Duration = .seconds(2)

    package init() {}
}
