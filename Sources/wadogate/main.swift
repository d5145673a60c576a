// The command line's way in: the first word names a command, the command does the rest.
import Configuration
import Glibc

/// Runs the command that the words name.
func run(_ words: ArraySlice<String>) -> ExitStatus {
    guard let name = words.first else {
        complain(Command.overview)
        return .usage
    }
    if name == "--help" || name == "-h" { return run(["help"]) }
    if name == "--version" || name == "-V" { return run(["version"]) }
    guard let command = Command.named(name) else {
        let near = nearest(to: name, among: Command.all.map(\.name)).map { "; did you mean `wadogate \($0)`?" } ?? ""
        complain("wadogate: there is no command \(name.prefix(60))\(near)\nSee `wadogate help`.\n")
        return .usage
    }
    do throws(UsageError) {
        let arguments = try Arguments(words.dropFirst(), options: command.options)
        if arguments.has("help") {
            say(command.helpText)
            return .success
        }
        let takes = command.operands.isEmpty ? 0 : 1
        if arguments.operands.count > takes {
            throw UsageError("`\(arguments.operands[takes].prefix(60))` is one word too many")
        }
        if arguments.operands.isEmpty && takes == 1 && !command.operands.hasPrefix("[") {
            throw UsageError("\(command.operands) is missing")
        }
        return command.run(arguments)
    } catch {
        complain("wadogate \(name): \(error.message)\nSee `wadogate \(name) --help`.\n")
        return .usage
    }
}

exit(run(CommandLine.arguments.dropFirst()).rawValue)
