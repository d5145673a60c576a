// Shells' completion scripts, written from the table of commands.
import Configuration

/// Prints a shell's completion script.
func completion(_ arguments: Arguments) -> ExitStatus {
    switch arguments.operands.first {
    case "bash": say(bashCompletion())
    case "zsh": say(zshCompletion())
    case "fish": say(fishCompletion())
    default:
        complain("wadogate completion: bash, zsh and fish are known\n")
        return .usage
    }
    return .success
}

/// The words that may come first, groups once.
private var firstWords: [String] {
    var words: [String] = []
    for command in Command.all {
        let word = String(command.name.prefix { $0 != " " })
        if !words.contains(word) { words.append(word) }
    }
    return words
}

private var groups: [String] { firstWords.filter { !Command.group($0).isEmpty } }

private func secondWords(of group: String) -> String {
    Command.group(group).map { String($0.name.dropFirst(group.count + 1)) }.joined(separator: " ")
}

/// The lines of a `case` over "FIRST SECOND", each setting `options`.
private func optionCases(_ open: String, _ close: String) -> String {
    Command.all.map { command in
        let options = command.options.map { "--\($0.name)" }.joined(separator: " ")
        let pattern = command.name.contains(" ") ? "'\(command.name)'" : "'\(command.name) '*"
        return "        \(pattern)) options=\(open)\(options)\(close) ;;\n"
    }.joined()
}

/// Completes commands, their options, files behind options that take one, and setting names behind --set.
package func bashCompletion() -> String {
    let settings = SettingsTable.standard.rows.filter { row in
        if case .value = row.kind { !row.name.contains("[]") } else { false }
    }.map { "\($0.name)=" }.joined(separator: " ")
    let seconds = groups.map {
        "            \($0)) COMPREPLY=($(compgen -W '\(secondWords(of: $0))' -- \"$word\")); return ;;\n"
    }
    return """
        # Completion of wadogate for bash: source <(wadogate completion bash)
        _wadogate() {
            local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} options=''
            COMPREPLY=()
            if [ "$COMP_CWORD" = 1 ]; then
                COMPREPLY=($(compgen -W '\(firstWords.joined(separator: " "))' -- "$word"))
                return
            fi
            if [ "$COMP_CWORD" = 2 ]; then
                case ${COMP_WORDS[1]} in
        \(seconds.joined())        esac
            fi
            case $before in
                --config|-c|--token-file|--resume) COMPREPLY=($(compgen -f -- "$word")); return ;;
                --set|-s) compopt -o nospace; COMPREPLY=($(compgen -W '\(settings)' -- "$word")); return ;;
            esac
            case "${COMP_WORDS[1]} ${COMP_WORDS[2]}" in
        \(optionCases("'", "'"))    esac
            COMPREPLY=($(compgen -W "$options" -- "$word"))
        }
        complete -o default -F _wadogate wadogate

        """
}

/// Completes commands and their options.
package func zshCompletion() -> String {
    let seconds = groups.map { "        \($0)) compadd -- \(secondWords(of: $0)); return ;;\n" }
    return """
        #compdef wadogate
        # Completion of wadogate for zsh: wadogate completion zsh > _wadogate, in a folder of $fpath
        _wadogate() {
            local -a options
            if (( CURRENT == 2 )); then
                compadd -- \(firstWords.joined(separator: " "))
                return
            fi
            if (( CURRENT == 3 )); then
                case $words[2] in
        \(seconds.joined())        esac
            fi
            case "$words[2] $words[3]" in
        \(optionCases("(", ")"))    esac
            if [[ $PREFIX == -* ]]; then compadd -- $options; else _files; fi
        }
        compdef _wadogate wadogate

        """
}

/// Completes commands and their options, with what they mean.
package func fishCompletion() -> String {
    func quoted(_ text: String) -> String {
        "'" + text.map { $0 == "'" ? "\\'" : $0 == "\\" ? "\\\\" : "\($0)" }.joined() + "'"
    }
    var lines = ["# Completion of wadogate for fish: wadogate completion fish | source"]
    let alone = "not __fish_seen_subcommand_from \(firstWords.joined(separator: " "))"
    for word in firstWords {
        let text = Command.named(word)?.summary ?? "Look into the running gateway's cache, and change it."
        lines.append("complete -c wadogate -f -n \(quoted(alone)) -a \(word) -d \(quoted(text))")
    }
    for command in Command.all {
        let words = command.name.split(separator: " ").map(String.init)
        if words.count == 2 {
            let others = secondWords(of: words[0])
            let place = "__fish_seen_subcommand_from \(words[0]); and not __fish_seen_subcommand_from \(others)"
            lines.append("complete -c wadogate -f -n \(quoted(place)) -a \(words[1]) -d \(quoted(command.summary))")
        }
        let place = words.map { "__fish_seen_subcommand_from \($0)" }.joined(separator: "; and ")
        for option in command.options {
            let letter = option.letter.map { " -s \($0)" } ?? ""
            lines.append(
                "complete -c wadogate -n \(quoted(place)) -l \(option.name)\(letter)\(option.value == nil ? "" : " -r")"
                    + " -d \(quoted(option.text))")
        }
    }
    return lines.joined(separator: "\n") + "\n"
}
