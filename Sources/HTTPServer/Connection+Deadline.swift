// A connection's time-outs. One timer for each connection, moved only when a deadline comes nearer than it.
import CLinux
import EventLoop

/// What a connection waits for at most how long.
struct ConnectionDeadline {
    enum Kind { case head, idle, stall, linger }

    var kind: Kind?
    var time = ContinuousClock.now
    /// Fires at or before `time`; then looks again.
    var timer: LoopTimer?
    var timerTime = ContinuousClock.now
    /// What the kernel still held for the client when a stall deadline was set.
    var unacknowledged: Int32 = 0
}

extension Connection {
    func setDeadline(_ kind: ConnectionDeadline.Kind) {
        let settings = server.settings
        let delay =
            switch kind {
            case .head: settings.headerTimeout
            case .idle: settings.idleTimeout
            case .stall: settings.writeStallTimeout
            case .linger: settings.lingerTimeout
            }
        deadline.kind = kind
        deadline.time = loop.now + delay
        if kind == .stall { deadline.unacknowledged = clinux_unacknowledged(descriptor) }
        if deadline.timer != nil, deadline.timerTime <= deadline.time { return }
        deadline.timer?.cancel()
        armTimer()
    }

    func clearDeadline() { deadline.kind = nil }

    /// Sets the stall deadline, or moves it when the client took something. A request that is still being read keeps its own.
    func waitForProgress(hasProgressed: Bool) {
        switch phase {
        case .answering, .closing: if hasProgressed || deadline.kind != .stall { setDeadline(.stall) }
        case .head, .body, .lingering, .closed: break
        }
    }

    private func armTimer() {
        deadline.timerTime = deadline.time
        deadline.timer = loop.schedule(after: deadline.time - ContinuousClock.now) { [weak self] in self?.timerFired() }
    }

    private func timerFired() {
        deadline.timer = nil
        guard let kind = deadline.kind else { return }
        if loop.now < deadline.time { return armTimer() }
        // A client may read slowly from a full socket for long before the kernel takes more from us.
        if kind == .stall, clinux_unacknowledged(descriptor) < deadline.unacknowledged { return setDeadline(.stall) }
        deadline.kind = nil
        expire(kind)
    }

    private func expire(_ kind: ConnectionDeadline.Kind) {
        switch kind {
        case .idle, .linger: close()
        case .stall:
            server.log(.writeStalled(peer: peer))
            lose(.clientGone)
        case .head:
            if case .head = phase, input.isEmpty { return close() }
            refuse(408, "The request did not come within \(server.settings.headerTimeout).")
        }
    }
}
