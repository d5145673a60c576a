// Dates as HTTP writes them. Takes and gives seconds; must not read a clock.

/// HTTP dates (RFC 9110 §5.6.7).
package enum HTTPDate {
    /// "Sun, 06 Nov 1994 08:49:37 GMT"; times outside the years 1 to 9999 are clamped to them.
    package static func format(secondsSince1970 seconds: Int64) -> String {
        let seconds = min(max(seconds, -62_135_596_800), 253_402_300_799)
        let days = floorDivide(Int(seconds), 86_400)
        let time = Int(seconds) - days * 86_400
        let (year, month, day) = civil(daysSince1970: days)
        let weekday = weekdays[((days + 4) % 7 + 7) % 7]
        return "\(weekday), \(pad(day, 2)) \(months[month - 1]) \(pad(year, 4)) "
            + "\(pad(time / 3600, 2)):\(pad(time / 60 % 60, 2)):\(pad(time % 60, 2)) GMT"
    }

    /// Reads the three forms that a recipient must know: IMF-fixdate, RFC 850 and asctime; nil for anything else.
    /// Two-digit years below 70 belong to this century.
    package static func parse(_ text: some StringProtocol) -> Int64? {
        guard text.utf8.count <= 64 else { return nil }
        let words = Substring(text).split { $0 == " " || $0 == "," }
        switch words.count {
        case 6:  // "Sun, 06 Nov 1994 08:49:37 GMT"
            guard words[5] == "GMT" else { return nil }
            return seconds(year: number(words[3], digits: [4]), month: words[2], day: words[1], time: words[4])
        case 5:  // "Sun Nov  6 08:49:37 1994"
            return seconds(year: number(words[4], digits: [4]), month: words[1], day: words[2], time: words[3])
        case 4:  // "Sunday, 06-Nov-94 08:49:37 GMT"
            let date = words[1].split(separator: "-", omittingEmptySubsequences: false)
            guard words[3] == "GMT", date.count == 3, let year = number(date[2], digits: [2]) else { return nil }
            return seconds(year: year + (year < 70 ? 2000 : 1900), month: date[1], day: date[0], time: words[2])
        default: return nil
        }
    }

    private static let weekdays = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
    private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

    private static func seconds(year: Int?, month: Substring, day: Substring, time: Substring) -> Int64? {
        let clock = time.split(separator: ":", omittingEmptySubsequences: false).map { number($0, digits: [2]) }
        guard let year, let month = months.firstIndex(of: String(month)), let day = number(day, digits: [1, 2]),
            clock.count == 3,
            let hour = clock[0], let minute = clock[1], let second = clock[2], hour < 24, minute < 60, second <= 60
        else { return nil }
        let days = daysSince1970(year: year, month: month + 1, day: day)
        guard civil(daysSince1970: days) == (year, month + 1, day) else { return nil }
        return Int64(days) * 86_400 + Int64(hour * 3600 + minute * 60 + second)
    }

    private static func number(_ text: some StringProtocol, digits: [Int]) -> Int? {
        guard digits.contains(text.utf8.count), text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        return Int(text)
    }

    private static func pad(_ value: Int, _ width: Int) -> String {
        let text = String(value)
        return String(repeating: "0", count: max(0, width - text.utf8.count)) + text
    }

    /// Days of the proleptic Gregorian calendar. Years are counted from March, so that the leap day is a year's last.
    private static func daysSince1970(year: Int, month: Int, day: Int) -> Int {
        let shifted = month > 2 ? year : year - 1
        let dayOfYear = (153 * ((month + 9) % 12) + 2) / 5 + day - 1
        return 365 * shifted + floorDivide(shifted, 4) - floorDivide(shifted, 100) + floorDivide(shifted, 400)
            + dayOfYear - 719_468
    }

    private static func civil(daysSince1970 days: Int) -> (year: Int, month: Int, day: Int) {
        let shifted = days + 719_468
        let era = floorDivide(shifted, 146_097)
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let marchMonth = (5 * dayOfYear + 2) / 153
        let month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * marchMonth + 2) / 5 + 1)
    }

    private static func floorDivide(_ value: Int, _ divisor: Int) -> Int {
        value >= 0 ? value / divisor : -((divisor - 1 - value) / divisor)
    }
}
