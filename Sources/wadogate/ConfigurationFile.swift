// From a command's options to the configuration: which file, the environment, and `--set`.
import Configuration
import Glibc

/// Where a command's configuration comes from.
enum ConfigurationFile {
    static let standardPath = "/etc/wadogate/wadogate.yaml"

    /// Reads and checks the configuration that the options ask for.
    ///
    /// - Returns: the configuration, and the file's name if there is one.
    /// - Throws: ``ConfigurationError``, also when the file can't be read.
    static func read(_ arguments: Arguments) throws(ConfigurationError) -> (Configuration, file: String?) {
        let environment = environment()
        var path = arguments["config"] ?? environment["WADOGATE_CONFIG"]
        if path == nil, unsafe access(standardPath, F_OK) == 0 { path = standardPath }
        var sources = Configuration.Sources(environment: environment, assignments: arguments.all("set"))
        if let path { sources.file = (path, try contents(of: path)) }
        return (try Configuration(sources), path)
    }

    /// Prints what is wrong, a line each.
    static func report(_ error: ConfigurationError) {
        warn(of: error.warnings)
        complain(error.problems.map { "\($0)\n" }.joined())
        let count = error.problems.count
        complain("wadogate: the configuration has \(count) \(count == 1 ? "problem" : "problems")\n")
    }

    /// Prints what keeps nobody from starting, a line each.
    static func warn(of warnings: [Problem]) { complain(warnings.map { "warning: \($0)\n" }.joined()) }

    private static func contents(of path: String) throws(ConfigurationError) -> [UInt8] {
        // One byte more than a configuration may have, so that it is refused and not cut.
        if let bytes = SmallFile.read(path, most: (1 << 20) + 1) { return bytes }
        let reason = unsafe String(cString: strerror(errno))
        throw ConfigurationError(problems: [Problem(reason, at: Place(source: path))])
    }

    private static func environment() -> [String: String] {
        var variables: [String: String] = [:]
        // environ is a list of C strings that ends with nil; nothing in this process changes it.
        var next = unsafe environ
        while let entry = unsafe next.pointee {
            let text = unsafe String(cString: entry)
            if text.hasPrefix("WADOGATE_"), let equals = text.firstIndex(of: "=") {
                variables[String(text[..<equals])] = String(text[text.index(after: equals)...])
            }
            unsafe next += 1
        }
        return variables
    }
}
