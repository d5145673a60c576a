import Configuration
import Testing

@testable import wadogate

/// How words are taken apart, and what the help says.
@Suite struct CommandLineTests {
    private let options = [
        Option("config", letter: "c", value: "FILE", "…"),
        Option("set", letter: "s", value: "NAME=VALUE", isRepeatable: true, "…"),
        Option("once", "…"),
    ]

    @Test func takesOptionsApart() throws {
        let arguments = try Arguments(
            ["a", "--config", "-x", "--set=a=b", "-s", "c=d", "--once", "-", "--", "--once"], options: options)
        #expect(arguments["config"] == "-x")
        #expect(arguments.all("set") == ["a=b", "c=d"])
        #expect(arguments.has("once") && !arguments.has("help"))
        #expect(arguments.operands == ["a", "-", "--once"])
    }

    @Test(arguments: [
        (["--cnofig", "x"], "unknown option --cnofig; did you mean --config?"), (["--zzz"], "unknown option --zzz"),
        (["-x"], "unknown option -x"), (["--config"], "--config needs a value: --config FILE"),
        (["--once=1"], "--once takes no value"), (["--once", "--once"], "--once was given twice"),
        (["-c", "a", "--config", "b"], "--config was given twice"), (["--c", "a"], "unknown option --c"),
        (["-config", "a"], "unknown option -config; did you mean --config?"),
    ])
    func refuses(words: [String], message: String) {
        #expect(throws: UsageError(message)) { try Arguments(words, options: options) }
    }

    @Test(arguments: Command.all.map(\.name))
    func everyCommandExplainsItself(name: String) throws {
        let command = try #require(Command.named(name))
        for option in command.options { #expect(command.helpText.contains("--\(option.name)")) }
        #expect(command.helpText.hasPrefix("wadogate \(name)"))
        #expect(Command.overview.contains("  \(name)"))
        for line in command.helpText.split(separator: "\n") { #expect(line.count <= 140, "\(line)") }
    }

    @Test func tablesLineUp() {
        var table = TextTable(["name", "size", ""], rightAligned: [1])
        table.append(["a", "1"])
        table.append(["long name", "1000", "x"])
        #expect(table.text == "name       size\na             1\nlong name  1000  x\n")
    }

    @Test func completesWhatThereIs() {
        let script = bashCompletion()
        #expect(
            script.contains("cache.max_size=") && script.contains("--once")
                && script.contains("serve check explain demo cache"))
    }
}
