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
    guard let (command, rest) = Command.leading(words) else { return unknown(words) }
    do throws(UsageError) {
        let arguments = try Arguments(rest, options: command.options)
        if arguments.has("help") {
            say(command.helpText)
            return .success
        }
        if arguments.operands.count > command.mostOperands {
            throw UsageError("`\(arguments.operands[command.mostOperands].prefix(60))` is one word too many")
        }
        if arguments.operands.isEmpty && command.needsOperand { throw UsageError("\(command.operands) is missing") }
        return command.run(arguments)
    } catch {
        complain("wadogate \(command.name): \(error.message)\nSee `wadogate \(command.name) --help`.\n")
        return .usage
    }
}

/// Tells what there is where the words name no command.
private func unknown(_ words: ArraySlice<String>) -> ExitStatus {
    let name = words.first ?? ""
    let group = Command.group(name)
    let second = words.dropFirst().first ?? "--help"
    if !group.isEmpty, second == "--help" || second == "-h" {
        words.count > 1 ? say(Command.overview(of: name)) : complain(Command.overview(of: name))
        return words.count > 1 ? .success : .usage
    }
    let asked = group.isEmpty ? name : "\(name) \(second)"
    let known = group.isEmpty ? Command.all.map(\.name) + ["cache"] : group.map(\.name)
    let near = nearest(to: asked, among: known).map { "; did you mean `wadogate \($0)`?" } ?? ""
    let help = group.isEmpty ? "help" : "\(name) --help"
    complain("wadogate: there is no command \(asked.prefix(60))\(near)\nSee `wadogate \(help)`.\n")
    return .usage
}

exit(run(CommandLine.arguments.dropFirst()).rawValue)
