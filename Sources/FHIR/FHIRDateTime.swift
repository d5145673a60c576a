// Points in time as FHIR writes them, only as far as comparing them goes. Reads no clock.

/// The first and the last moment that a FHIR `date`, `dateTime` or `instant` can mean.
///
/// "2026-11" means the whole month. A text without a time zone is taken as UTC. Spec: FHIR R4 datatypes, dateTime, Period.
struct FHIRDateTime {
    /// Nanoseconds since 1970-01-01T00:00:00Z.
    let first: Int64
    /// Inclusive.
    let last: Int64

    /// Nil when the text is none of the three types, or lies outside the years 1700 to 2250.
    init?(_ text: String) {
        let parts = text.utf8.split(separator: UInt8(ascii: "T"), maxSplits: 1, omittingEmptySubsequences: false)
        guard let date = parts.first else { return nil }
        let numbers = date.split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false).map { Self.number($0) }
        guard (1...3).contains(numbers.count), let year = numbers[0], 1700...2250 ~= year else { return nil }
        var month = 1
        var day = 1
        if numbers.count > 1 {
            guard let value = numbers[1], 1...12 ~= value else { return nil }
            month = value
        }
        if numbers.count > 2 {
            guard let value = numbers[2], 1...31 ~= value else { return nil }
            day = value
        }
        let start = Self.days(year, month, day) * 86_400 * Self.second
        switch (numbers.count, parts.count) {
        case (1, 1):
            first = start
            last = Self.days(year + 1, 1, 1) * 86_400 * Self.second - 1
        case (2, 1):
            first = start
            last = Self.days(month == 12 ? year + 1 : year, month % 12 + 1, 1) * 86_400 * Self.second - 1
        case (3, 1):
            first = start
            last = start + 86_400 * Self.second - 1
        case (3, 2):
            guard let time = Self.time(parts[1]) else { return nil }
            first = start + time.nanoseconds
            last = first + time.precision - 1
        default:
            return nil
        }
    }

    private static let second: Int64 = 1_000_000_000

    private static func number(_ digits: some Collection<UInt8>) -> Int? {
        guard (1...9).contains(digits.count) else { return nil }
        var value = 0
        for digit in digits {
            guard UInt8(ascii: "0")...UInt8(ascii: "9") ~= digit else { return nil }
            value = value * 10 + Int(digit - UInt8(ascii: "0"))
        }
        return value
    }

    /// "13:00", "13:00:05.25", each with "Z", "+01:00" or nothing behind it.
    private static func time(_ text: Substring.UTF8View.SubSequence) -> (nanoseconds: Int64, precision: Int64)? {
        var offset: Int64 = 0
        var clock = text
        if clock.last == UInt8(ascii: "Z") {
            clock = clock.dropLast()
        } else if let sign = clock.lastIndex(where: { $0 == UInt8(ascii: "+") || $0 == UInt8(ascii: "-") }) {
            let zone = clock[clock.index(after: sign)...].split(separator: UInt8(ascii: ":")).map { number($0) }
            guard zone.count == 2, let hours = zone[0], hours <= 14, let minutes = zone[1], minutes < 60 else {
                return nil
            }
            offset = Int64(hours * 3600 + minutes * 60) * second
            if clock[sign] == UInt8(ascii: "-") { offset = -offset }
            clock = clock[..<sign]
        }
        let fields = clock.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
        guard (2...3).contains(fields.count), let hour = number(fields[0]), hour <= 24, let minute = number(fields[1]),
            minute < 60
        else { return nil }
        var nanoseconds = Int64(hour * 3600 + minute * 60) * second - offset
        guard fields.count == 3 else { return (nanoseconds, 60 * second) }
        let seconds = fields[2].split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard (1...2).contains(seconds.count), let whole = number(seconds[0]), whole <= 60 else { return nil }
        nanoseconds += Int64(whole) * second
        guard seconds.count == 2 else { return (nanoseconds, second) }
        var unit = second
        for digit in seconds[1].prefix(9) {
            guard let value = number(CollectionOfOne(digit)) else { return nil }
            unit /= 10
            nanoseconds += Int64(value) * unit
        }
        return (nanoseconds, unit)
    }

    /// Days since 1970-01-01 in the Gregorian calendar; years are counted from March, so that leap days come last.
    private static func days(_ year: Int, _ month: Int, _ day: Int) -> Int64 {
        let shifted = month > 2 ? year : year - 1
        let era = shifted / 400
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return Int64(era * 146_097 + dayOfEra - 719_468)
    }
}
