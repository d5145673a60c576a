// What is to be told of a warm while it goes on: sums, rate, time left, a bar. Pure.
import Configuration
import FHIR

/// The state of one run over all its calls.
struct WarmProgress {
    fileprivate struct Item {
        var instances: Int64 = 0
        var expected: Int64?
        var present: Int64 = 0
        var fetchedBytes: Int64 = 0
        var presentBytes: Int64 = 0

        var fraction: Double {
            guard let expected, expected > 0 else { return 0 }
            return min(1, Double(instances) / Double(expected))
        }
    }

    /// How an item ended.
    enum Ending {
        case done
        case failed(String)
    }

    /// Items in all, and those that an earlier run has done.
    let total: Int
    let earlier: Int
    private var running: [String: Item] = [:]
    private var sum = Item()
    private(set) var done = 0
    private(set) var failed = 0

    init(total: Int, earlier: Int) {
        self.total = total
        self.earlier = earlier
    }

    /// Takes in one line of the gateway's answer.
    ///
    /// - Returns: how the item has ended, if it has.
    mutating func take(_ line: FHIR.JSONValue) -> Ending? {
        guard let name = line["item"]?.string else { return nil }
        let item = Item(
            instances: line.count("instances"), expected: line["expected"]?.integer.map { Int64($0) },
            present: line.count("present"), fetchedBytes: line.count("fetched_bytes"),
            presentBytes: line.count("present_bytes"))
        let state = line.text("state")
        guard state == "done" || state == "failed" else {
            running[name] = item
            return nil
        }
        running[name] = nil
        sum.add(item)
        if state == "done" { done += 1 } else { failed += 1 }
        return state == "done" ? .done : .failed(line.text("reason"))
    }

    private var all: Item { running.values.reduce(into: sum) { $0.add($1) } }

    /// "[######----------]  12/30  1.4 GiB  38.2 MiB/s  2:13 left", no wider than the terminal.
    func bar(after elapsed: Duration, columns: Int) -> String {
        let all = all
        let ended = earlier + done + failed
        let part = Double(done + failed) + running.values.reduce(0) { $0 + $1.fraction }
        let fraction = total > 0 ? (Double(earlier) + part) / Double(total) : 1
        var text = "  \(ended)/\(total)  \(ByteText.approximate(all.fetchedBytes))"
        let seconds = elapsed / .seconds(1)
        if seconds >= 1 { text += "  \(Self.rate(all.fetchedBytes, seconds))" }
        if seconds >= 2, part > 0, ended < total {
            text += "  \(Self.clock(seconds * (Double(total - earlier) - part) / part)) left"
        }
        let width = max(0, min(30, columns - text.count - 3))
        guard width >= 5 else { return String(text.dropFirst(2).prefix(max(0, columns - 1))) }
        let filled = Int(Double(width) * min(1, fraction))
        return "[" + String(repeating: "#", count: filled) + String(repeating: "-", count: width - filled) + "]" + text
    }

    /// One line for the end.
    func summary(after elapsed: Duration) -> String {
        let all = all
        let seconds = elapsed / .seconds(1)
        var text = "\(done) of \(total - earlier) brought into the cache"
        if earlier > 0 { text += ", \(earlier) by an earlier run" }
        text += ": \(all.instances) instances, \(all.present) of them there already; "
        text += "\(ByteText.approximate(all.fetchedBytes)) fetched"
        if seconds >= 1, all.fetchedBytes > 0 { text += " at \(Self.rate(all.fetchedBytes, seconds))" }
        return text + (failed > 0 ? "; \(failed) failed" : "")
    }

    var json: String {
        let all = all
        return #"{"summary":{"items":\#(total),"earlier":\#(earlier),"done":\#(done),"failed":\#(failed),"#
            + #""instances":\#(all.instances),"present":\#(all.present),"fetched_bytes":\#(all.fetchedBytes),"#
            + #""present_bytes":\#(all.presentBytes)}}"#
    }

    private static func rate(_ bytes: Int64, _ seconds: Double) -> String {
        "\(ByteText.approximate(Int64(Double(bytes) / seconds)))/s"
    }

    private static func clock(_ seconds: Double) -> String {
        let whole = Int(min(max(0, seconds), 360_000))
        func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
        return whole >= 3600
            ? "\(whole / 3600):\(two(whole / 60 % 60)):\(two(whole % 60))" : "\(whole / 60):\(two(whole % 60))"
    }
}

extension WarmProgress.Item {
    fileprivate mutating func add(_ other: Self) {
        instances += other.instances
        present += other.present
        fetchedBytes += other.fetchedBytes
        presentBytes += other.presentBytes
    }
}
