// Space that files being filled have reserved on the disk and not written yet. Knows no file.
import Synchronization

/// The sum over all fills, so that room is made for bytes that are there and for no announcement.
final class ReservedSpace: Sendable {
    private let total = Atomic<Int64>(0)

    var bytes: Int64 { total.load(ordering: .relaxed) }

    fileprivate func add(_ bytes: Int64) { total.wrappingAdd(bytes, ordering: .relaxed) }
}

/// One file's share; what was never written of it comes back with the file's last holder, as on the disk.
final class Reservation: Sendable {
    private let end: Int64
    private let written = Atomic<Int64>(0)
    private let space: ReservedSpace

    /// - Parameter end: bytes reserved, from the file's beginning.
    init(upTo end: Int64, in space: ReservedSpace) {
        self.end = end
        self.space = space
        space.add(end)
    }

    deinit { space.add(written.load(ordering: .relaxed) - end) }

    /// The file is written up to there. One call at a time.
    func wrote(upTo length: Int64) {
        let now = min(length, end)
        let before = written.exchange(now, ordering: .relaxed)
        if now != before { space.add(before - now) }
    }
}
