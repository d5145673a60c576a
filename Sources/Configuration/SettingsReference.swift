// Config/wadogate.yaml: every setting with its default and what it means, written from the table.

/// Writes the table as a YAML file.
package struct SettingsReference {
    private let table: SettingsTable
    private let showsExamples: Bool
    private var lines: [String] = []

    /// The file that ships: what has a default is set to it, everything else is shown behind a `#`.
    package static func text(of table: SettingsTable = .standard) -> String {
        write(table, showsExamples: false)
    }

    /// The same with every example in force, except that of several alternatives the first is; for tests.
    package static func withExamples(of table: SettingsTable = .standard) -> String {
        write(table, showsExamples: true)
    }

    private static func write(_ table: SettingsTable, showsExamples: Bool) -> String {
        var reference = SettingsReference(table: table, showsExamples: showsExamples)
        reference.lines = [
            "# Every setting of wadogate with its default. Written from the settings table by `wadogate help settings`.",
            "#",
            "# A line that begins with # and a blank explains the setting below it. A line that begins with # and no blank is",
            "# a setting without a default, shown by an example: take the # away to use it.",
            "#",
            "# Each setting can also be given as --set name=value (--set cache.max_size=1TiB) and as an environment variable",
            "# (WADOGATE_CACHE_MAX_SIZE=1TiB). The command line counts before the environment, the environment before this file.",
        ]
        reference.rows(of: "", indent: 0, isOff: false)
        return reference.lines.joined(separator: "\n") + "\n"
    }

    /// - Parameter bullet: the list entry's dash, which the first row takes.
    private mutating func rows(of parent: String, indent: Int, isOff: Bool, bullet: Bool = false, oneOf: Bool = false) {
        for (index, row) in table.rows(of: parent).enumerated() {
            if indent == 0 { lines.append("") }
            let isOff = isOff || (oneOf && index > 0 && !bullet)
            self.row(row, indent: indent, isOff: isOff, dash: bullet && (index == 0 || oneOf))
        }
    }

    private mutating func row(_ row: Setting, indent: Int, isOff: Bool, dash: Bool) {
        comment(row, indent: dash ? indent - 2 : indent)
        switch row.kind {
        case .value(_, .byDefault(let text)):
            setting("\(row.key): \(text)", indent: indent, isOff: isOff, dash: dash)
        case .value(_, .optional(let example)), .value(_, .required(let example)):
            setting("\(row.key): \(example)", indent: indent, isOff: isOff || !showsExamples, dash: dash)
        case .section(.plain):
            setting("\(row.key):", indent: indent, isOff: isOff, dash: dash)
            rows(of: row.name, indent: indent + 2, isOff: isOff)
        case .section(let section):
            let isOff = isOff || !showsExamples
            setting("\(row.key):", indent: indent, isOff: isOff, dash: dash)
            var oneOf = false
            if case .oneOf = section { oneOf = true }
            rows(of: row.name, indent: indent + 2, isOff: isOff, oneOf: oneOf)
        case .entries(let oneOf):
            let isOff = isOff || !showsExamples
            setting("\(row.key):", indent: indent, isOff: isOff, dash: dash)
            rows(of: "\(row.name)[]", indent: indent + 4, isOff: isOff, bullet: true, oneOf: oneOf)
        }
    }

    private mutating func setting(_ text: String, indent: Int, isOff: Bool, dash: Bool) {
        let start = dash ? indent - 2 : indent
        lines.append(String(repeating: " ", count: start) + (isOff ? "#" : "") + (dash ? "- " : "") + text)
    }

    private mutating func comment(_ row: Setting, indent: Int) {
        var text = row.text
        switch row.kind {
        case .value(.bytes(let bounds), _):
            text += " From \(ByteText.write(bounds.lowerBound)) to \(ByteText.write(bounds.upperBound))."
        case .value(.duration(let bounds), _):
            text += " From \(DurationText.write(bounds.lowerBound)) to \(DurationText.write(bounds.upperBound))."
        case .value(.integer(let bounds), _):
            text += " From \(bounds.lowerBound) to \(bounds.upperBound)."
        case .value(.choice(let words), _) where words.count > 1:
            text += " One of: \(words.joined(separator: ", "))."
        default: break
        }
        let margin = String(repeating: " ", count: max(0, indent)) + "#"
        var line = margin
        for word in text.split(separator: " ") {
            if line.count + 1 + word.count > 110 {
                lines.append(line)
                line = margin
            }
            line += " " + word
        }
        lines.append(line)
    }
}
