// `wadogate cache warm`: hands the running gateway what to bring into its cache, a few hundred items at a time, and tells how far
// it is.
import CLinux
import Configuration
import FHIR
import Glibc

func cacheWarm(_ arguments: Arguments) -> ExitStatus {
    reporting("cache warm") { () throws(CommandFailure) in
        // Before anything begins, so that Ctrl-C always ends in good order.
        let interrupt = Interrupt()
        var run = try WarmCommand(arguments, interrupt: interrupt)
        return try run.run()
    }
}

private struct WarmCommand {
    private let client: AdminClient
    private let interrupt: Interrupt
    private let parameters: [(String, String)]
    private let asJSON: Bool
    private let journal: WarmJournal?
    private let items: [String]
    private let began = ContinuousClock.now
    private var progress: WarmProgress
    private var display: WarmDisplay

    /// Items of one call: their lines fit the body that the gateway takes.
    private static let itemsPerCall = 400

    init(_ arguments: Arguments, interrupt: Interrupt) throws(CommandFailure) {
        self.interrupt = interrupt
        asJSON = arguments.has("json")
        var parameters: [(String, String)] = []
        if let jobs = arguments["jobs"] {
            guard let number = Int(jobs), (1...16).contains(number) else {
                throw CommandFailure(.usage, "--jobs takes a number from 1 to 16")
            }
            parameters.append(("jobs", jobs))
        }
        if let rate = arguments["rate"] {
            let text = rate.hasSuffix("/s") ? String(rate.dropLast(2)) : rate
            do throws(ValueError) {
                let bytes = try ByteText.read(text)
                guard bytes >= 1024 else { throw ValueError("at least 1KiB/s") }
                parameters.append(("rate", "\(bytes)"))
            } catch {
                throw CommandFailure(.usage, "--rate: \(error)")
            }
        }
        self.parameters = parameters
        let named = try Self.items(arguments.operands)
        let journal = try arguments["resume"].map { path throws(CommandFailure) in try WarmJournal(path) }
        self.journal = journal
        items = named.filter { journal?.done.contains($0) != true }
        client = try AdminClient(arguments)
        progress = WarmProgress(total: named.count, earlier: named.count - items.count)
        display = WarmDisplay(isQuiet: asJSON)
    }

    /// The operands, and for `-` the lines of standard input; each once.
    private static func items(_ operands: [String]) throws(CommandFailure) -> [String] {
        var items: [String] = []
        var seen: Set<String> = []
        func add(_ text: String) throws(CommandFailure) {
            _ = try StudyOperand(text)
            if seen.insert(text).inserted { items.append(text) }
        }
        for operand in operands {
            guard operand == "-" else {
                try add(operand)
                continue
            }
            while let line = readLine() {
                let text = line.filter { !$0.isWhitespace }
                if !text.isEmpty, !text.hasPrefix("#") { try add(text) }
            }
        }
        guard !items.isEmpty else {
            throw CommandFailure(.usage, "name a STUDY or STUDY/SERIES, or - for a list on standard input")
        }
        return items
    }

    mutating func run() throws(CommandFailure) -> ExitStatus {
        var end: CommandFailure?
        do throws(CommandFailure) {
            for start in stride(from: 0, to: items.count, by: Self.itemsPerCall) {
                try warm(items[start..<min(items.count, start + Self.itemsPerCall)])
            }
        } catch {
            end = error
        }
        display.clear()
        if asJSON { say(progress.json + "\n") } else { complain(progress.summary(after: elapsed) + "\n") }
        if let end {
            let hint =
                journal == nil
                ? "; what has come is kept, and costs nothing the next time" : "; the same command goes on"
            throw CommandFailure(end.status, end.sentence + hint)
        }
        return progress.failed == 0 ? .success : .failure
    }

    private var elapsed: Duration { ContinuousClock.now - began }

    private mutating func warm(_ items: ArraySlice<String>) throws(CommandFailure) {
        var bytes: [UInt8] = []
        let body = Array((items.joined(separator: "\n") + "\n").utf8)
        let target = CacheSelectionOptions.target("/cache/warm", parameters)
        let connection = try client.begin("POST", target, sending: body, interrupt: interrupt, into: &bytes)
        while true {
            while let end = bytes.firstIndex(of: UInt8(ascii: "\n")) {
                try take(Array(bytes[..<end]))
                bytes.removeFirst(end + 1)
            }
            display.show(progress, after: elapsed)
            do throws(PlainConnection.Failure) {
                // Now and then the clock moves on without news.
                guard let piece = try connection.next(within: .milliseconds(250)) else { continue }
                if piece.isEmpty { return }
                bytes += piece
            } catch {
                throw client.failure(error)
            }
        }
    }

    private mutating func take(_ line: [UInt8]) throws(CommandFailure) {
        let value = try AdminClient.read(line)
        let ending = progress.take(value)
        let item = value.text("item")
        if asJSON, value["summary"] == nil { say(String(decoding: line, as: UTF8.self) + "\n") }
        switch ending {
        case nil: break
        case .done:
            journal?.append(item)
            display.tell("done    \(item)", isFailure: false)
        case .failed(let reason): display.tell("failed  \(item): \(reason)", isFailure: true)
        }
    }
}

/// A bar on a terminal; elsewhere a line for each item that has ended.
private struct WarmDisplay {
    private let isTerminal: Bool
    private let isQuiet: Bool
    private var lastShown: ContinuousClock.Instant?
    /// Redrawn no faster than eyes follow.
    private static let interval = Duration.milliseconds(100)

    init(isQuiet: Bool) {
        self.isQuiet = isQuiet
        isTerminal = isatty(2) != 0
    }

    mutating func show(_ progress: WarmProgress, after elapsed: Duration) {
        let now = ContinuousClock.now
        guard isTerminal, lastShown.map({ now - $0 >= Self.interval }) ?? true else { return }
        lastShown = now
        let columns = Int(clinux_terminal_columns(2))
        complain("\r" + progress.bar(after: elapsed, columns: columns > 0 ? columns : 80) + "\u{1B}[K")
    }

    mutating func clear() {
        if isTerminal, lastShown != nil { complain("\r\u{1B}[K") }
        lastShown = nil
    }

    mutating func tell(_ line: String, isFailure: Bool) {
        if isQuiet { return }
        if isTerminal, !isFailure { return }
        clear()
        if isFailure { complain(line + "\n") } else { say(line + "\n") }
    }
}
