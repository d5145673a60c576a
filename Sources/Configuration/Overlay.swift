// `--set name=value` and WADOGATE_NAME: values that are laid over the file's before anything is checked.

/// One value from outside the file.
struct Overlay {
    let path: [YAMLNode.Step]
    let value: YAMLNode

    /// - Parameter text: "cache.max_size=10GiB", "backends[0].match=http://…", "backends=[{name: pacs, match: …}]".
    /// - Throws: ``ConfigurationError`` when it is no `name=value`, or the name isn't a path or not a setting's.
    init(assignment text: String, table: SettingsTable) throws(ConfigurationError) {
        guard let equals = text.firstIndex(of: "=") else {
            throw Self.failure(
                "write name=value, such as cache.max_size=10GiB", at: Place(source: "--set \(text.prefix(60))"))
        }
        let name = String(text[..<equals])
        let place = Place(source: "--set \(name.prefix(60))")
        guard let path = Self.path(name) else {
            throw Self.failure("\(quoted(name)) is no setting's name", at: place)
        }
        guard let row = table[Self.pattern(path)] else {
            let hint =
                nearest(to: Self.pattern(path), among: table.rows.map(\.name)).map { "; did you mean \($0)?" } ?? ""
            throw Self.failure("there is no setting \(quoted(name))\(hint)", at: place)
        }
        let isList = if case .value(.list, _) = row.kind { true } else { false }
        guard isList || text.index(after: equals) != text.endIndex else {
            throw Self.failure("a value is missing behind the =", at: place)
        }
        self.path = path
        value = try Self.node(String(text[text.index(after: equals)...]), row: row, at: place)
    }

    /// The overlays that environment variables make.
    static func all(
        environment: [String: String], table: SettingsTable, problems: inout [Problem]
    ) -> [Overlay] {
        var overlays: [Overlay] = []
        for row in table.rows {
            guard let variable = row.environmentName, let text = environment[variable] else { continue }
            let place = Place(source: "environment \(variable)")
            do throws(ConfigurationError) {
                overlays.append(
                    Overlay(path: path(row.name) ?? [], value: try node(text, row: row, at: place)))
            } catch {
                problems += error.problems
            }
        }
        return overlays
    }

    /// A warning for each variable that begins like a setting's and is none: a slip of the finger would count for nothing.
    static func unknownVariables(in environment: [String: String], table: SettingsTable) -> [Problem] {
        let known = table.rows.compactMap(\.environmentName) + ["WADOGATE_CONFIG"]
        return environment.keys.sorted().compactMap { name in
            guard name.hasPrefix("WADOGATE_"), !known.contains(name), !isOrchestrators(name, environment) else {
                return nil
            }
            let hint = nearest(to: name, among: known).map { "; did you mean \($0)?" } ?? ""
            return Problem(
                "no setting has this variable, so that it counts for nothing\(hint)",
                at: Place(source: "environment \(name.prefix(60))"))
        }
    }

    /// Kubernetes gives every container of a namespace the addresses of a service called wadogate.
    private static func isOrchestrators(_ name: String, _ environment: [String: String]) -> Bool {
        name.hasPrefix("WADOGATE_SERVICE_") || name.hasPrefix("WADOGATE_PORT_")
            || (name == "WADOGATE_PORT" && environment[name]?.contains("://") == true)
    }

    private init(path: [YAMLNode.Step], value: YAMLNode) {
        self.path = path
        self.value = value
    }

    /// A value's text stands for itself; lists are separated by commas or written as YAML; sections are YAML.
    private static func node(_ text: String, row: Setting, at place: Place) throws(ConfigurationError) -> YAMLNode {
        switch row.kind {
        case .value(.list, _)
        where text.hasPrefix("[") && text.hasSuffix("]") && !isIPv6(String(text.dropFirst().dropLast())):
            return try yaml(text, at: place)
        case .value(.list, _):
            let items = text.split(separator: ",").map { item in
                YAMLNode(.scalar(String(item.trimming(" ")), isPlain: false), at: place)
            }
            return YAMLNode(.sequence(items), at: place)
        case .value:
            return YAMLNode(.scalar(text, isPlain: text.isEmpty), at: place)
        case .section, .entries:
            return try yaml(text, at: place)
        }
    }

    private static func yaml(_ text: String, at place: Place) throws(ConfigurationError) -> YAMLNode {
        try YAMLReader.read(Array(text.utf8), from: place) ?? .null(place)
    }

    /// "backends[0].match" or "backends.0.match" → its steps; nil when it is neither.
    private static func path(_ name: String) -> [YAMLNode.Step]? {
        var steps: [YAMLNode.Step] = []
        let dotted = name.replacing("[", with: ".").replacing("]", with: "")
        for part in dotted.split(separator: ".", omittingEmptySubsequences: false) {
            guard !part.isEmpty, part.utf8.count <= 64 else { return nil }
            if let index = Int(part) {
                guard index >= 0, !steps.isEmpty else { return nil }
                steps.append(.index(index))
            } else {
                steps.append(.key(String(part)))
            }
        }
        return steps
    }

    private static func pattern(_ path: [YAMLNode.Step]) -> String {
        path.reduce(into: "") { pattern, step in
            switch step {
            case .key(let key): pattern += pattern.isEmpty ? key : ".\(key)"
            case .index: pattern += "[]"
            }
        }
    }

    private static func failure(_ message: String, at place: Place) -> ConfigurationError {
        ConfigurationError(problems: [Problem(message, at: place)])
    }
}

extension Substring {
    /// Without that character at both ends.
    func trimming(_ character: Character) -> Substring {
        var text = self
        while text.first == character { text.removeFirst() }
        while text.last == character { text.removeLast() }
        return text
    }
}
