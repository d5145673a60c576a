// One row of the settings table, and the table as a whole. The rows themselves stand in SettingsTable+Rows.swift.

/// One row of the settings table.
///
/// Names are dotted paths; `[]` stands for each entry of a list: "backends[].timeouts.connect".
package struct Setting: Sendable {
    package enum Kind: Sendable {
        /// A scalar or a list of scalars.
        case value(ValueType, Presence)
        case section(Section)
        /// A list of mappings, each made of the rows below `name[]`.
        case entries(oneOf: Bool)
    }

    package enum Presence: Sendable {
        /// As it would be written in YAML.
        case byDefault(String)
        /// Without it something else holds, which the text says. The example is what the reference shows.
        case optional(example: String)
        /// Its section cannot do without it.
        case required(example: String)
    }

    package enum Section: Sendable {
        /// Always there; its rows have defaults.
        case plain
        /// Means something by being there.
        case optional
        /// Optional, and exactly one of its rows is given.
        case oneOf
    }

    package let name: String
    package let kind: Kind
    /// For the reference: what it does, and what holds without it.
    package let text: String

    /// The last component: "connect".
    package var key: String { String(name[(name.lastIndex(of: ".").map(name.index(after:)) ?? name.startIndex)...]) }

    /// What it is a row of: "backends[].timeouts"; empty at the top.
    package var parent: String { name.lastIndex(of: ".").map { String(name[..<$0]) } ?? "" }

    /// WADOGATE_CACHE_MAX_SIZE; nil for rows of list entries, which have no name of their own.
    package var environmentName: String? {
        name.contains("[]") ? nil : "WADOGATE_" + name.uppercased().map { $0 == "." ? "_" : String($0) }.joined()
    }

    var isRequired: Bool {
        if case .value(_, .required) = kind { true } else { false }
    }

    /// What holds without it, as YAML; nil when nothing does.
    package var defaultText: String? {
        if case .value(_, .byDefault(let text)) = kind { text } else { nil }
    }
}

extension Setting {
    static func value(_ name: String, _ type: ValueType, default text: String, _ words: String) -> Setting {
        Setting(name: name, kind: .value(type, .byDefault(text)), text: words)
    }

    static func optional(_ name: String, _ type: ValueType, example: String, _ words: String) -> Setting {
        Setting(name: name, kind: .value(type, .optional(example: example)), text: words)
    }

    static func required(_ name: String, _ type: ValueType, example: String, _ words: String) -> Setting {
        Setting(name: name, kind: .value(type, .required(example: example)), text: words)
    }

    static func section(_ name: String, _ words: String) -> Setting { .section(name, .plain, words) }

    static func section(_ name: String, _ section: Section, _ words: String) -> Setting {
        Setting(name: name, kind: .section(section), text: words)
    }

    static func entries(_ name: String, oneOf: Bool = false, _ words: String) -> Setting {
        Setting(name: name, kind: .entries(oneOf: oneOf), text: words)
    }
}

/// Every setting there is: reading, errors, defaults and the reference file all come from it.
package struct SettingsTable: Sendable {
    /// In the order of the reference; a section stands before its rows.
    package let rows: [Setting]
    private let byName: [String: Int]
    private let byParent: [String: [Int]]

    init(_ rows: [Setting]) {
        self.rows = rows
        byName = Dictionary(uniqueKeysWithValues: rows.indices.map { (rows[$0].name, $0) })
        byParent = Dictionary(grouping: rows.indices) { rows[$0].parent }
    }

    package subscript(name: String) -> Setting? { byName[name].map { rows[$0] } }

    /// The keys of a section's rows.
    func words(of parent: String) -> [String] { rows(of: parent).map(\.key) }

    /// The rows of a section, "" for the top and "backends[]" for an entry.
    func rows(of parent: String) -> [Setting] { byParent[parent, default: []].map { rows[$0] } }
}
