import Configuration

/// A configuration without files behind it, from text.
func configuration(
    _ text: String, set assignments: [String] = [], environment: [String: String] = [:], looksAtFiles: Bool = false
) throws(ConfigurationError) -> Configuration {
    try Configuration(
        Configuration.Sources(
            file: ("wadogate.yaml", Array(text.utf8)), environment: environment, assignments: assignments,
            looksAtFiles: looksAtFiles))
}

/// What is wrong with a configuration, one line each.
func problems(
    _ text: String, set assignments: [String] = [], environment: [String: String] = [:], looksAtFiles: Bool = false
) -> [String] {
    do throws(ConfigurationError) {
        _ = try configuration(text, set: assignments, environment: environment, looksAtFiles: looksAtFiles)
        return []
    } catch {
        return error.problems.map(\.description)
    }
}

/// The least that a gateway needs.
let least = "directory: [{ archive: { path: /srv/dicom } }]\n"
