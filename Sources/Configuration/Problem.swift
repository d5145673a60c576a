// Where a setting was written and what is wrong with it: what `wadogate check` prints.

/// Where a value or a key was written.
package struct Place: Sendable, Hashable, CustomStringConvertible {
    /// The file's name as the operator gave it, "--set cache.path" or "environment WADOGATE_CACHE_PATH".
    package let source: String
    /// From 1; nil when the source is one line by nature.
    package let line: Int?
    package let column: Int?

    package init(source: String, line: Int? = nil, column: Int? = nil) {
        self.source = source
        self.line = line
        self.column = column
    }

    package var description: String {
        guard let line else { return source }
        guard let column else { return "\(source):\(line)" }
        return "\(source):\(line):\(column)"
    }
}

/// One thing that is wrong with the configuration, in a sentence that says what to do.
package struct Problem: Sendable, Hashable, CustomStringConvertible {
    /// Nil when nothing was written anywhere: a setting that is missing altogether.
    package let place: Place?
    package let message: String

    package init(_ message: String, at place: Place? = nil) {
        self.place = place
        self.message = message
    }

    package var description: String { place.map { "\($0): \(message)" } ?? message }
}

/// Everything that is wrong with the configuration; never empty.
package struct ConfigurationError: Error, Sendable, CustomStringConvertible {
    package let problems: [Problem]
    /// What was seen beside them and keeps nobody from starting.
    package let warnings: [Problem]

    package init(problems: [Problem], warnings: [Problem] = []) {
        self.problems = problems
        self.warnings = warnings
    }

    package var description: String { problems.map(\.description).joined(separator: "\n") }
}
