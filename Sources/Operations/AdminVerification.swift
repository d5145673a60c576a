// A verification of stored objects as an answer that goes on: what a worker thread reports, told from the loop.
import CachePolicy
import DiskCache
import EventLoop
import Synchronization

/// One verification. It goes on to its end when its client leaves.
final class AdminVerification: Sendable {
    private struct State {
        var status = ScrubStatus()
        var isOver = false
    }

    private let selection: CacheSelection
    private let cache: AdminCacheActions
    private let state = Mutex(State())
    /// Between lines.
    private static let interval = Duration.milliseconds(250)

    init(_ selection: CacheSelection, _ cache: AdminCacheActions) {
        self.selection = selection
        self.cache = cache
    }

    /// Writes how far it is now and then, and in the end what it has found.
    func run(on loop: EventLoop, _ write: AdminLineSink) async throws(AdminClientGone) {
        loop.spawn {
            let end = await self.cache.verify(self.selection) { status in self.state.withLock { $0.status = status } }
            self.state.withLock { ($0.status, $0.isOver) = (end, true) }
        }
        var wait = Duration.milliseconds(10)
        while true {
            await loop.pause(for: wait)
            // Short at first: most selections are small.
            wait = min(wait * 2, Self.interval)
            let (status, isOver) = state.withLock { ($0.status, $0.isOver) }
            if isOver { return try await write(.object([("summary", status.json)])) }
            if wait == Self.interval { try await write(status.json) }
        }
    }
}

extension ScrubStatus {
    var json: JSONValue {
        func moment(_ seconds: Int64?) -> JSONValue { seconds.map { .time(seconds: $0) } ?? .null }
        return .object([
            ("started", moment(started)), ("finished", moment(finished)), ("objects", .integer(count.objects)),
            ("bytes", .integer(count.bytes)), ("damaged", .integer(count.damaged)),
            ("foreign", .integer(count.foreign)), ("unreadable", .integer(count.unreadable)),
            ("position", .optional(position)),
        ])
    }
}
