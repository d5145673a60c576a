// What is known of the scrubber's work; values only.

/// What a walk over the cache has found.
package struct ScrubCount: Sendable, Equatable {
    /// Objects whose every byte was read and is as it was stored.
    package var objects: Int64 = 0
    /// Bytes read of bodies.
    package var bytes: Int64 = 0
    /// Objects that were not what they should be. They were dropped, and are fetched anew when they are wanted.
    package var damaged: Int64 = 0
    /// Files, folders and other things that the cache did not put there. They were left alone.
    package var foreign: Int64 = 0
    /// Folders that could not be entered.
    package var unreadable: Int64 = 0

    package init() {}

    static func += (left: inout Self, right: Self) {
        left.objects += right.objects
        left.bytes += right.bytes
        left.damaged += right.damaged
        left.foreign += right.foreign
        left.unreadable += right.unreadable
    }
}

/// A walk over the cache that reads every object: what it has found, and how far it is.
package struct ScrubStatus: Sendable, Equatable {
    package var count = ScrubCount()
    /// Seconds since 1970 at which the walk began; nil when none ever did.
    package var started: Int64?
    /// Seconds since 1970 at which it came to its end; nil while it is under way.
    package var finished: Int64?
    /// The place of the object that was read last, below the folder `objects`.
    package var position: String?

    package init() {}

    // The file in which the scrubber keeps it, one word and its values a line:
    //
    //     started 1790000007
    //     counted 120 5000000 0 2 0      objects, bytes, damaged, foreign, unreadable
    //     finished 1790000107            or: at _/3f/a1/1.2.3/1.2.4/1.2.5/instance,stored
    //
    // A file that is lost or cut short costs a walk from the beginning.

    var text: String {
        guard let started else { return "" }
        let numbers = [count.objects, count.bytes, count.damaged, count.foreign, count.unreadable]
        return "started \(started)\ncounted \(numbers.map { "\($0)" }.joined(separator: " "))\n"
            + (finished.map { "finished \($0)\n" } ?? "at \(position ?? "-")\n")
    }

    init?(_ text: String) {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map { $0.split(separator: " ") }
        guard lines.count == 4, lines[3].isEmpty, lines[0].count == 2, lines[0][0] == "started",
            let started = Int64(lines[0][1]), lines[1].count == 6, lines[1][0] == "counted", lines[2].count == 2
        else { return nil }
        let numbers = lines[1].dropFirst().compactMap { Int64($0) }
        // Sums are made of them.
        guard numbers.count == 5, numbers.allSatisfy({ (0...1 << 53).contains($0) }) else { return nil }
        self.started = started
        count.objects = numbers[0]
        count.bytes = numbers[1]
        count.damaged = numbers[2]
        count.foreign = numbers[3]
        count.unreadable = numbers[4]
        switch lines[2][0] {
        case "finished":
            guard let finished = Int64(lines[2][1]) else { return nil }
            self.finished = finished
        case "at": position = lines[2][1] == "-" ? nil : String(lines[2][1])
        default: return nil
        }
    }
}
