// The time of day for log lines, in UTC.
import Glibc

/// A moment as RFC 3339 writes it, to the millisecond: "2026-11-24T13:00:00.123Z".
package struct Timestamp: Sendable, CustomStringConvertible {
    private let seconds: Int64
    private let milliseconds: Int64

    /// - Parameter milliseconds: since 1970, from year 1 to 9999.
    package init(milliseconds: Int64) {
        seconds = milliseconds / 1000 - (milliseconds % 1000 < 0 ? 1 : 0)
        self.milliseconds = milliseconds - seconds * 1000
    }

    package static func now() -> Timestamp {
        var time = timespec()
        // clock_gettime fills one structure and can't fail for this clock.
        unsafe _ = clock_gettime(CLOCK_REALTIME, &time)
        return Timestamp(milliseconds: Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000)
    }

    package var description: String {
        let days = seconds / 86400 - (seconds % 86400 < 0 ? 1 : 0)
        let second = seconds - days * 86400
        let (year, month, day) = Self.date(ofDay: days)
        return "\(padded(year, 4))-\(padded(month, 2))-\(padded(day, 2))T"
            + "\(padded(second / 3600, 2)):\(padded(second / 60 % 60, 2)):\(padded(second % 60, 2))."
            + "\(padded(milliseconds, 3))Z"
    }

    /// The Gregorian date of a day counted from 1970-01-01; counted in eras of 400 years that begin in March, so that the
    /// leap day is a year's last.
    private static func date(ofDay day: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let shifted = day + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let marchMonth = (5 * dayOfYear + 2) / 153
        let month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
        return (
            yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * marchMonth + 2) / 5 + 1
        )
    }

    private func padded(_ number: Int64, _ width: Int) -> String {
        let text = String(number)
        return String(repeating: "0", count: max(0, width - text.count)) + text
    }
}
