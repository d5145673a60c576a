// The settings by name, as written or by default: what the Configuration is built from.
import HTTP
import HTTPServer

/// What was written, checked against the table row by row, with the defaults behind it.
///
/// Names here are concrete: "backends[2].match" where the table says "backends[].match".
struct SettingValues: Sendable {
    private let table: SettingsTable
    private var values: [String: SettingValue] = [:]
    private var places: [String: Place] = [:]
    private var counts: [String: Int] = [:]

    init(table: SettingsTable) { self.table = table }

    mutating func set(_ name: String, _ value: SettingValue, at place: Place) {
        values[name] = value
        places[name] = place
    }

    /// A section or an entry that is there.
    mutating func note(_ name: String, at place: Place) { places[name] = place }

    mutating func noteEntries(_ name: String, count: Int, at place: Place) {
        counts[name] = count
        places[name] = place
    }

    /// Whether it was written at all.
    func has(_ name: String) -> Bool { places[name] != nil }

    /// Where the first of these settings that was written stands, else the nearest part around the first.
    func place(_ names: [String]) -> Place? {
        for name in names { if let place = places[name] { return place } }
        return names.first.flatMap(place)
    }

    /// Where it was written, or the nearest part around it that was.
    func place(_ name: String) -> Place? {
        var name = Substring(name)
        while !name.isEmpty {
            if let place = places[String(name)] { return place }
            guard let end = name.lastIndex(where: { $0 == "." || $0 == "[" }) else { return nil }
            name = name[..<end]
        }
        return nil
    }

    func count(_ name: String) -> Int { counts[name] ?? 0 }

    // MARK: By type; nil when neither written (rightly) nor given by default

    func text(_ name: String) -> String? {
        if case .text(let text)? = value(name) { text } else { nil }
    }

    func integer(_ name: String) -> Int64? {
        if case .integer(let number)? = value(name) { number } else { nil }
    }

    func duration(_ name: String) -> Duration? {
        if case .duration(let duration)? = value(name) { duration } else { nil }
    }

    /// A duration in whole seconds.
    func seconds(_ name: String) -> Int64? { duration(name)?.components.seconds }

    func flag(_ name: String) -> Bool? {
        if case .flag(let flag)? = value(name) { flag } else { nil }
    }

    func url(_ name: String) -> HTTPURL? {
        if case .url(let url)? = value(name) { url } else { nil }
    }

    func texts(_ name: String) -> [String] {
        list(name).compactMap { if case .text(let text) = $0 { text } else { nil } }
    }

    func addresses(_ name: String) -> [ListenAddress] {
        list(name).compactMap { if case .address(let address) = $0 { address } else { nil } }
    }

    private func list(_ name: String) -> [SettingValue] {
        if case .list(let list)? = value(name) { list } else { [] }
    }

    private func value(_ name: String) -> SettingValue? {
        if let value = values[name] { return value }
        guard let row = table[Self.pattern(of: name)] else {
            preconditionFailure("the settings table has no row \(name)")
        }
        guard case .value(let type, .byDefault(let text)) = row.kind else { return nil }
        return SettingsReader.value(ofDefault: text, type: type)
    }

    /// "backends[2].match" → "backends[].match".
    static func pattern(of name: String) -> String {
        var pattern = ""
        var isIndex = false
        for character in name {
            if character == "]" { isIndex = false }
            if !isIndex { pattern.append(character) }
            if character == "[" { isIndex = true }
        }
        return pattern
    }
}
