// The commands there are: names, options and help. What they do stands in a file of its own for each; those of the cache are in
// Command+Cache.swift.
import Configuration

/// One subcommand.
package struct Command: Sendable {
    /// One word, or two for a command of a group: "cache purge".
    package let name: String
    /// "STUDY[/SERIES]"; empty when it takes none.
    package let operands: String
    /// One line for the list of commands.
    package let summary: String
    /// What someone who is about to use it wants to know.
    package let details: String
    package let options: [Option]
    package let examples: [String]
    package let run: @Sendable (Arguments) -> ExitStatus

    static let helpOption = Option("help", letter: "h", "Print this text.")
    static let configured: [Option] = [
        Option(
            "config", letter: "c", value: "FILE",
            "Read settings from this file. Otherwise from $WADOGATE_CONFIG, or \(ConfigurationFile.standardPath) if there is one."
        ),
        Option(
            "set", letter: "s", value: "NAME=VALUE", isRepeatable: true,
            "Set one setting, such as cache.max_size=1TiB; counts before the environment and the file."),
    ]

    package static let all: [Command] = general + cache + others

    private static let general: [Command] = [
        Command(
            name: "serve", operands: "", summary: "Run the gateway.",
            details: """
                Reads the configuration, opens the cache and the sources of studies, and answers until it gets SIGTERM or
                SIGINT. Then it takes no new connections, lets answers under way finish (server.drain_timeout), and exits
                with 0. A second signal ends it at once. SIGHUP reloads the TLS certificate and key for new connections
                and looks for new studies in folders; all else is read at the start only. Logs go to standard error.

                A rolling restart: start the new one with --take-over, on the same addresses if you like; when it is ready,
                send SIGTERM to the old one. The cache changes hands at once, and both answer meanwhile.
                """,
            options: configured + [
                Option(
                    "take-over",
                    "Start although another gateway has the cache; pass everything through until that one lets go."),
                helpOption,
            ],
            examples: ["wadogate serve --config /etc/wadogate/wadogate.yaml", "wadogate serve --set log.format=text"],
            run: serve),
        Command(
            name: "check", operands: "", summary: "Check the configuration and say what is wrong with it.",
            details: """
                Reads the configuration as serve would, with the files that it names, and prints every problem with its file
                and line. Exits with 0 when it is right and with \(ExitStatus.configuration.rawValue) when it is not.
                """,
            options: configured + [helpOption], examples: ["wadogate check --config wadogate.yaml"], run: check),
        Command(
            name: "explain", operands: "STUDY[/SERIES] | URL",
            summary: "Say where a study's images would come from, and how a request would be answered.",
            details: """
                Asks the configured sources for the study, as the gateway would, and prints the record's source and, for each
                series, the endpoints that can be used, best first, and why the others can't. For the URL of a request it
                also prints the steps that would lead to the answer: what the cache holds, which archive is asked for what,
                what is made from the stored instance. It needs no running gateway; what a running one has found out of its
                archives, its admin listener tells: GET /explain before the URL's path and query.
                """,
            options: configured + [
                Option("accept", value: "FIELD", "The request's Accept field; */* if left out."),
                Option("json", "Print JSON instead of a table."), helpOption,
            ],
            examples: [
                "wadogate explain 1.2.840.113619.2.1",
                "wadogate explain --json 1.2.840.113619.2.1/1.2.840.113619.2.1.7",
                "wadogate explain '/dicom-web/studies/1.2/series/1.2.3/instances/1.2.3.4/frames/3'",
            ],
            run: explain),
        Command(
            name: "demo", operands: "", summary: "Serve a few synthetic studies and ask for them, to see how it works.",
            details: """
                Writes synthetic studies into a temporary folder, serves them on free loopback ports, asks itself for several
                resources, prints what came back, and goes on serving until Ctrl-C. Nothing is left behind.
                """,
            options: [
                Option("once", "End after the questions; exit with 0 only if every answer was as expected."),
                helpOption,
            ],
            examples: ["wadogate demo", "wadogate demo --once"], run: demo),
    ]

    private static let others: [Command] = [
        Command(
            name: "completion", operands: "SHELL", summary: "Print the completion script for bash, zsh or fish.",
            details: "Prints a script that completes commands and options, and for bash the names of settings too.",
            options: [helpOption],
            examples: [
                "source <(wadogate completion bash)", "wadogate completion zsh > ~/.zfunc/_wadogate",
                "wadogate completion fish > ~/.config/fish/completions/wadogate.fish",
            ], run: completion),
        Command(
            name: "version", operands: "", summary: "Print the version.",
            details: "Prints the version and what it was built with.",
            options: [helpOption], examples: [], run: version),
        Command(
            name: "help", operands: "[COMMAND… | settings | metrics]",
            summary: "Explain a command, or list every setting or metric.",
            details: """
                Without an operand: the list of commands. `help settings` prints a configuration file with every setting, its
                default and what it means; `help metrics` a table of what /metrics tells.
                """,
            options: [helpOption], examples: ["wadogate help serve", "wadogate help settings > wadogate.yaml"],
            run: help),
    ]

    package static func named(_ name: String) -> Command? { all.first { $0.name == name } }

    /// The command that the words begin with, and the words behind its name.
    static func leading(_ words: ArraySlice<String>) -> (command: Command, rest: ArraySlice<String>)? {
        for count in [2, 1] where words.count >= count {
            if let command = named(words.prefix(count).joined(separator: " ")) {
                return (command, words.dropFirst(count))
            }
        }
        return nil
    }

    /// The commands of a group; none for what is no group.
    static func group(_ name: String) -> [Command] { all.filter { $0.name.hasPrefix(name + " ") } }

    /// How many operands it takes at most.
    var mostOperands: Int { operands.isEmpty ? 0 : operands.contains("…") ? Int.max : 1 }
    var needsOperand: Bool { !operands.isEmpty && !operands.hasPrefix("[") }

    /// The text of `--help`.
    package var helpText: String {
        var text = "wadogate \(name)"
        if !options.isEmpty { text += " [OPTION…]" }
        if !operands.isEmpty { text += " \(operands)" }
        text += "\n\n\(details)\n\nOptions:\n"
        var table = TextTable(indent: 2)
        for option in options {
            let letter = option.letter.map { "-\($0), " } ?? "    "
            table.append([letter + "--\(option.name)" + (option.value.map { " \($0)" } ?? ""), option.text])
        }
        text += table.text
        if !examples.isEmpty { text += "\nFor example:\n" + examples.map { "  \($0)\n" }.joined() }
        return text
    }

    /// The text of `wadogate help`.
    package static var overview: String {
        let table = table(of: all)
        return """
            wadogate: one URL for every DICOM image, wherever it is stored.

            wadogate COMMAND [OPTION…]

            Commands:
            \(table.text)
            `wadogate COMMAND --help` explains a command. Exit codes: 0 done, 1 failed, 2 not understood, 3 no running gateway
            reached, 78 wrong configuration, 130 ended by Ctrl-C.

            """
    }

    /// The text of `wadogate help` for a group.
    static func overview(of name: String) -> String {
        "wadogate \(name) COMMAND [OPTION…]\n\n\(table(of: group(name)).text)\n"
            + "`wadogate \(name) COMMAND --help` explains a command.\n"
    }

    private static func table(of commands: [Command]) -> TextTable {
        var table = TextTable(indent: 2)
        for command in commands {
            table.append([command.name + (command.operands.isEmpty ? "" : " \(command.operands)"), command.summary])
        }
        return table
    }
}
