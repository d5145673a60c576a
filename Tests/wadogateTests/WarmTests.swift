import FHIR
import Foundation
import Testing

@testable import wadogate

/// What is told of a warm, and what it notes.
@Suite struct WarmTests {
    private func line(
        _ item: String, _ state: String, instances: Int = 0, expected: Int? = nil, fetched: Int = 0, present: Int = 0
    ) throws -> FHIR.JSONValue {
        let text =
            #"{"item":"\#(item)","state":"\#(state)","instances":\#(instances),"present":\#(present),"#
            + #""expected":\#(expected.map { "\($0)" } ?? "null"),"fetched_bytes":\#(fetched),"reason":"gone"}"#
        return try JSONReader.read(Array(text.utf8))
    }

    @Test func sumsUpWhatHasEndedAndWhatIsUnderWay() throws {
        var progress = WarmProgress(total: 5, earlier: 1)
        #expect(progress.take(try line("a", "running", instances: 1, expected: 4, fetched: 1 << 20)) == nil)
        #expect(progress.take(try line("a", "running", instances: 2, expected: 4, fetched: 2 << 20)) == nil)
        guard case .done? = progress.take(try line("b", "done", instances: 3, fetched: 6 << 20, present: 1)),
            case .failed("gone")? = progress.take(try line("c", "failed"))
        else {
            Issue.record("no endings")
            return
        }
        // Of four, one and a half are left: two have ended and half of one.
        let bar = progress.bar(after: .seconds(10), columns: 80)
        #expect(bar == "[#####################---------]  3/5  8.0 MiB  819 KiB/s  0:06 left")
        let summary = progress.summary(after: .seconds(10))
        #expect(summary.hasPrefix("1 of 4 brought into the cache, 1 by an earlier run: 5 instances, 1 of them"))
        #expect(summary.hasSuffix("; 1 failed"))
        #expect(progress.json.contains(#""items":5,"earlier":1,"done":1,"failed":1,"instances":5,"present":1"#))
    }

    @Test(arguments: [0, 1, 5, 20, 40, 80, 500])
    func theBarFitsTheTerminal(columns: Int) throws {
        var progress = WarmProgress(total: 1000, earlier: 0)
        _ = progress.take(try line("a", "done", instances: 3, fetched: 1 << 40))
        let bar = progress.bar(after: .seconds(100_000), columns: columns)
        #expect(bar.count <= max(0, columns - 1))
    }

    @Test func aJournalIsReadBackLineByLine() throws {
        let path = FileManager.default.temporaryDirectory.appending(path: "wadogate-\(UUID())").path
        defer { try? FileManager.default.removeItem(atPath: path) }
        let first = try WarmJournal(path)
        #expect(first.done.isEmpty)
        first.append("1.2")
        first.append("1.3/1.4")
        let whole = try String(contentsOfFile: path, encoding: .utf8)
        try (whole + "1.5").write(toFile: path, atomically: false, encoding: .utf8)
        let second = try WarmJournal(path)
        #expect(second.done == ["1.2", "1.3/1.4"])
        second.append("1.6")
        #expect(try WarmJournal(path).done.isSuperset(of: ["1.2", "1.3/1.4", "1.6"]))
        #expect(throws: CommandFailure.self) { try WarmJournal("/nowhere/at/all") }
    }

    @Test(arguments: [
        (["cache", "purge", "--all"], "cache purge", 1), (["serve"], "serve", 0), (["cache"], nil, 0),
        (["cache", "x"], nil, 0), (["help", "cache"], "help", 1),
    ])
    func findsCommandsOfOneAndTwoWords(words: [String], name: String?, rest: Int) {
        let found = Command.leading(words[...])
        #expect(found?.command.name == name)
        if let found { #expect(found.rest.count == rest) }
    }
}
