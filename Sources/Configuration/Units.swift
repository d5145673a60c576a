// Bytes and durations as operators write them: a whole number and a unit. Pure.

/// "10GiB", "512KB", "4096B".
package enum ByteText {
    private static let units: [(name: String, factor: Int64)] = [
        ("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10),
        ("TB", 1_000_000_000_000), ("GB", 1_000_000_000), ("MB", 1_000_000), ("KB", 1000), ("B", 1),
    ]

    /// - Throws: ``ValueError`` with a sentence for the one who wrote it.
    package static func read(_ text: String) throws(ValueError) -> Int64 {
        let (number, unit) = try split(text, example: "10GiB")
        guard let factor = units.first(where: { $0.name.lowercased() == unit.lowercased() })?.factor else {
            throw ValueError(
                unit.isEmpty && number != 0
                    ? "\(quoted(text)) needs a unit, such as \(number)MiB or \(number)B"
                    : "\(quoted(unit)) is no unit of bytes; use B, KiB, MiB, GiB, TiB or KB, MB, GB, TB")
        }
        let (value, overflow) = number.multipliedReportingOverflow(by: factor)
        guard !overflow else { throw ValueError("\(quoted(text)) is too large a number") }
        return value
    }

    /// In the largest unit that divides it exactly: "1536MiB", "10GB", "1001B".
    package static func write(_ bytes: Int64) -> String {
        for (name, factor) in units.sorted(by: { $0.factor > $1.factor }) where bytes >= factor && bytes % factor == 0 {
            return "\(bytes / factor)\(name)"
        }
        return "\(bytes)B"
    }

    /// A spelling for people: "1.4 GiB".
    package static func approximate(_ bytes: Int64) -> String {
        for (name, factor) in units where name.contains("i") && bytes >= factor {
            let tenths = (bytes / (factor / 64)) * 10 / 64
            return tenths >= 1000 ? "\(tenths / 10) \(name)" : "\(tenths / 10).\(tenths % 10) \(name)"
        }
        return "\(bytes) B"
    }
}

/// "250ms", "30s", "5m", "12h", "7d".
package enum DurationText {
    private static let units: [(name: String, milliseconds: Int64)] = [
        ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1),
    ]

    /// - Throws: ``ValueError`` with a sentence for the one who wrote it.
    package static func read(_ text: String) throws(ValueError) -> Duration {
        let (number, unit) = try split(text, example: "30s")
        guard let factor = units.first(where: { $0.name == unit.lowercased() })?.milliseconds else {
            throw ValueError(
                unit.isEmpty
                    ? "\(quoted(text)) needs a unit: \(number)ms, \(number)s, \(number)m, \(number)h or \(number)d"
                    : "\(quoted(unit)) is no unit of time; use ms, s, m, h or d")
        }
        let (value, overflow) = number.multipliedReportingOverflow(by: factor)
        guard !overflow else { throw ValueError("\(quoted(text)) is too long a time") }
        return .milliseconds(value)
    }

    /// A spelling for people, in the largest unit that it fills: "3d", "59m".
    package static func approximate(_ duration: Duration) -> String {
        let milliseconds = duration.components.seconds * 1000
        for (name, factor) in units where milliseconds >= factor { return "\(milliseconds / factor)\(name)" }
        return "0s"
    }

    /// The shortest exact spelling, to the millisecond.
    package static func write(_ duration: Duration) -> String {
        let (seconds, attoseconds) = duration.components
        let milliseconds = seconds * 1000 + attoseconds / 1_000_000_000_000_000
        for (name, factor) in units where milliseconds >= factor && milliseconds % factor == 0 {
            return "\(milliseconds / factor)\(name)"
        }
        return milliseconds == 0 ? "0s" : "\(milliseconds)ms"
    }
}

/// The whole number that a text begins with and the unit behind it.
private func split(_ text: String, example: String) throws(ValueError) -> (number: Int64, unit: String) {
    let digits = text.prefix { ("0"..."9").contains($0) }
    guard !digits.isEmpty else {
        throw ValueError("expected a whole number and a unit such as \(example), found \(quoted(text))")
    }
    guard let number = Int64(digits) else { throw ValueError("\(quoted(text)) is too large a number") }
    let unit = text.dropFirst(digits.count).drop { $0 == " " }
    guard !unit.hasPrefix(".") && !unit.hasPrefix(",") else {
        throw ValueError("\(quoted(text)) is not a whole number; use a smaller unit")
    }
    return (number, String(unit))
}
