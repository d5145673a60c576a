// Which stored objects a process may believe without having read them whole. Pure; DiskCache keeps it in a file.

/// The runs of the process over one cache folder, numbered, and those whose objects are suspect.
///
/// Each header holds the number of the run that stored it. A run that did not end in good order is suspect from then on,
/// until a pass over the whole tree has read what it stored. Numbers, and no times: the wall clock may be set back, and a
/// file's times with it, which would make something new look old and so proven.
///
/// The file, four lines of text, the last one the checksum of those before:
///
///     run 1790000007
///     suspects 1790000003 1790000006      from, up to but not including; equal when there are none
///     ended yes                           or no: the run is under way, or was killed
///     sum 2d06800538d394c2…
package struct RunLedger: Hashable, Sendable {
    /// The number of the present run.
    package private(set) var run: Int64
    /// The numbers of earlier runs whose objects must be read whole before they are believed.
    package private(set) var suspects: Range<Int64>
    private var hasEnded = false

    /// Begins a run after the one that left `text`.
    ///
    /// - Parameters:
    ///   - text: nil, or anything but a ledger, when it was lost: then every object is suspect.
    ///   - now: seconds since 1970, from which numbers start when there are none: beyond those of a lost ledger, since
    ///     nobody starts a process every second.
    package init(after text: String?, now: Int64) {
        guard let text, let last = Self.read(text) else {
            run = max(1, now)
            suspects = 0..<run
            return
        }
        run = last.run + 1
        suspects = last.suspects
        if !last.hasEnded { suspects = (suspects.isEmpty ? last.run : suspects.lowerBound)..<run }
    }

    /// A run whose number could not be written: what it stores is suspect to every later one.
    package static let unrecorded = RunLedger(run: .max, suspects: 0..<Int64.max, hasEnded: false)
    /// Whether the number may go to the file.
    package var isRecorded: Bool { run < .max }

    private init(run: Int64, suspects: Range<Int64>, hasEnded: Bool) {
        self.run = run
        self.suspects = suspects
        self.hasEnded = hasEnded
    }

    /// Whether an object that was stored in this run must be read whole before it is believed. One from the future is the
    /// work of a ledger that was lost.
    package func isSuspect(_ stored: Int64) -> Bool { stored > run || suspects.contains(stored) }

    /// Every object of the suspect runs was read.
    package mutating func allWereRead() { suspects = run..<run }

    /// The run ends in good order: what it stored needs no second look. What was suspect stays so.
    package mutating func end() { hasEnded = true }

    /// The file's text.
    package var text: String {
        let text =
            "run \(run)\nsuspects \(suspects.lowerBound) \(suspects.upperBound)\nended \(hasEnded ? "yes" : "no")\n"
        return text + "sum \(ContentHash.name(Array(text.utf8)))\n"
    }

    private static func read(_ text: String) -> RunLedger? {
        let words = text.split(whereSeparator: \.isWhitespace).map(String.init)
        guard words.count == 9, let run = Int64(words[1]), let from = Int64(words[3]), let to = Int64(words[4]),
            (0..<Int64.max).contains(run), 0 <= from, from <= to, to <= run
        else { return nil }
        let ledger = RunLedger(run: run, suspects: from..<to, hasEnded: words[6] == "yes")
        return ledger.text == text ? ledger : nil
    }
}
