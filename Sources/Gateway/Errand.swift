// What sets the gateway's own errands apart from clients' requests: how fast they may go, and that clients come first.
import EventLoop

/// How an errand holds itself back.
struct Errand: Sendable {
    /// Nil: as fast as archive and disk are.
    var pace: Pace?
    /// Instances under way at once; nil: as many as for a client.
    var instancesAtOnce: Int?
}

/// Bytes that may come in a second, over all that one errand has under way.
///
/// Unchecked because it is touched on its errand's loop only.
final class Pace: @unchecked Sendable {
    private let bytesPerSecond: Double
    private let loop: EventLoop
    /// When the bytes so far are due at this pace.
    private var due: ContinuousClock.Instant
    /// A pause this short costs more than it evens out.
    private static let shortest = Duration.milliseconds(10)
    /// What was not used for so long is not made up for.
    private static let longestCatchUp = Duration.milliseconds(250)

    init(bytesPerSecond: Int64, on loop: EventLoop) {
        self.bytesPerSecond = Double(max(1, bytesPerSecond))
        self.loop = loop
        due = loop.now
    }

    /// Suspends after bytes have come, until others may come.
    func took(_ count: Int) async {
        loop.assertOnLoop()
        let now = ContinuousClock.now
        due = max(due, now - Self.longestCatchUp) + .seconds(Double(count) / bytesPerSecond)
        if due - now >= Self.shortest { await loop.pause(for: due - now) }
    }
}
