// Holds a YAML tree against the settings table: every key known, every value of its type and within its bounds.

/// One walk through the tree. It never stops at the first problem.
struct SettingsReader {
    private let table: SettingsTable
    private(set) var values: SettingValues
    private(set) var problems: [Problem] = []

    init(table: SettingsTable) {
        self.table = table
        values = SettingValues(table: table)
    }

    mutating func read(_ root: YAMLNode) {
        readMapping(root, pattern: "", name: "")
    }

    // MARK: Mappings

    private mutating func readMapping(_ node: YAMLNode, pattern: String, name: String, oneOf: Bool = false) {
        guard case .mapping(let entries) = node.content else {
            let what = name.isEmpty ? "the configuration" : "`\(name)`"
            let keys = table.rows(of: pattern).prefix(4).map(\.key).joined(separator: ", ")
            problems.append(
                Problem(
                    "\(what) must be a mapping with keys such as \(keys), found \(node.kindInWords)", at: node.place))
            return
        }
        let written = entries.filter { !$0.value.isNull }
        for entry in written {
            let key = pattern.isEmpty ? entry.key : "\(pattern).\(entry.key)"
            guard let row = table[key], row.parent == pattern else {
                problems.append(unknown(entry, pattern: pattern))
                continue
            }
            readRow(row, entry.value, name: name.isEmpty ? entry.key : "\(name).\(entry.key)")
        }
        checkPresence(of: Set(written.map(\.key)), pattern: pattern, name: name, oneOf: oneOf, at: node.place)
    }

    private mutating func readRow(_ row: Setting, _ node: YAMLNode, name: String) {
        switch row.kind {
        case .value(let type, _):
            do throws(ProblemAt) {
                values.set(name, try value(node, type: type), at: node.place)
            } catch {
                problems.append(Problem("`\(name)`: \(error.message)", at: error.place))
            }
        case .section(let section):
            values.note(name, at: node.place)
            if case .oneOf = section {
                readMapping(node, pattern: row.name, name: name, oneOf: true)
            } else {
                readMapping(node, pattern: row.name, name: name)
            }
        case .entries(let oneOf):
            guard case .sequence(let items) = node.content else {
                problems.append(
                    Problem(
                        "`\(name)` must be a list (each entry begins with `- `), found \(node.kindInWords)",
                        at: node.place))
                return
            }
            values.noteEntries(name, count: items.count, at: node.place)
            for (index, item) in items.enumerated() {
                let entry = "\(name)[\(index)]"
                values.note(entry, at: item.place)
                readMapping(item, pattern: "\(row.name)[]", name: entry, oneOf: oneOf)
            }
        }
    }

    private mutating func checkPresence(
        of keys: Set<String>, pattern: String, name: String, oneOf: Bool, at place: Place
    ) {
        let rows = table.rows(of: pattern)
        for row in rows where row.isRequired && !keys.contains(row.key) {
            problems.append(Problem("`\(name)` needs `\(row.key)`: \(row.text)", at: place))
        }
        guard oneOf else { return }
        let given = rows.filter { keys.contains($0.key) }
        if given.count != 1 {
            let found = given.isEmpty ? "none" : given.map(\.key).joined(separator: " and ")
            let choices = rows.map(\.key).joined(separator: ", ")
            problems.append(Problem("`\(name)` takes exactly one of \(choices); found \(found)", at: place))
        }
    }

    // MARK: Unknown keys

    private func unknown(_ entry: YAMLNode.Entry, pattern: String) -> Problem {
        let key = entry.key
        let siblings = table.rows(of: pattern)
        let whereabouts = pattern.isEmpty ? "" : " in `\(pattern.replacing("[]", with: ""))`"
        var hint = ""
        if let row = siblings.first(where: { $0.key == key + "_file" }) {
            hint = "; secrets do not stand in the configuration: write `\(row.key)` with the path of a file"
        } else if let near = nearest(to: key, among: siblings.map(\.key)) {
            hint = "; did you mean `\(near)`?"
        } else if let row = table.rows.first(where: { $0.key == key }) {
            hint = "; there is `\(row.name)`"
        } else if let near = nearest(to: key, among: table.rows.map(\.key)),
            let row = table.rows.first(where: { $0.key == near })
        {
            hint = "; did you mean `\(row.name)`?"
        } else {
            hint = "; there are \(siblings.map(\.key).joined(separator: ", "))"
        }
        return Problem("unknown key `\(key.prefix(60))`\(whereabouts)\(hint)", at: entry.place)
    }

    // MARK: Values

    private struct ProblemAt: Error {
        let message: String
        let place: Place
    }

    private func value(_ node: YAMLNode, type: ValueType) throws(ProblemAt) -> SettingValue {
        switch (node.content, type) {
        case (.scalar(let text, _), _):
            return try scalar(text, type, at: node.place)
        case (.sequence(let items), .list(let element, let most)):
            guard items.count <= most else {
                throw ProblemAt(message: "at most \(most) entries, found \(items.count)", place: node.place)
            }
            var list: [SettingValue] = []
            for item in items {
                guard case .scalar(let text, _) = item.content else {
                    throw ProblemAt(
                        message: "expected \(element.inWords), found \(item.kindInWords)", place: item.place)
                }
                list.append(try scalar(text, element, at: item.place))
            }
            return .list(list)
        default:
            throw ProblemAt(message: "expected \(type.inWords), found \(node.kindInWords)", place: node.place)
        }
    }

    private func scalar(_ text: String, _ type: ValueType, at place: Place) throws(ProblemAt) -> SettingValue {
        do throws(ValueError) {
            return try type.read(text)
        } catch {
            throw ProblemAt(message: error.message, place: place)
        }
    }

    /// The value of a default, which the table's own tests have read before.
    static func value(ofDefault text: String, type: ValueType) -> SettingValue? {
        guard case .list = type else { return try? type.read(text) }
        let reader = SettingsReader(table: SettingsTable([]))
        guard let node = try? YAMLReader.read(Array(text.utf8), from: Place(source: "default")) else { return nil }
        return try? reader.value(node, type: type)
    }
}
