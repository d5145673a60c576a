// A clock that never goes back, whatever the machine's does. Pure: it is told the time.

/// Makes the wall clock's time steady: when that is set back, the difference is kept, so that what is used later still
/// counts as used later. Times are milliseconds since 1970.
package struct SteadyClock: Sendable {
    private var last: Int64
    private var ahead: Int64 = 0

    /// Times beyond it (the year 2300) are nobody's: they are not believed.
    package static let end: Int64 = 10_413_792_000_000

    /// - Parameter last: the latest time that was told before, by an earlier process too.
    package init(last: Int64 = 0) { self.last = Self.believed(last) }

    private static func believed(_ time: Int64) -> Int64 { (0..<end).contains(time) ? time : 0 }

    /// An earlier process told this time: none before it is told from now on.
    package mutating func advance(to time: Int64) { last = max(last, Self.believed(time)) }

    /// The time, given what the wall clock says.
    package mutating func time(at wall: Int64) -> Int64 {
        let wall = min(max(0, wall), Self.end)
        if wall + ahead < last { ahead = last - wall }
        last = min(wall + ahead, Self.end)
        return last
    }
}
