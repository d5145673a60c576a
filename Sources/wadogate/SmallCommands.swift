// The commands that only print: help, version, completion, and check.
import Configuration
import DiskCache
import Gateway
import HTTP
import HTTPServer
import Operations
import StudyDirectory
import Upstream

/// The version of this program.
package let programVersion = "0.1.0"

func version(_ arguments: Arguments) -> ExitStatus {
    say("wadogate \(programVersion)\n")
    return .success
}

func help(_ arguments: Arguments) -> ExitStatus {
    switch arguments.operands.first {
    case nil: say(Command.overview)
    case "settings": say(SettingsReference.text())
    case "metrics": say(Metrics.reference())
    case let name?:
        guard let command = Command.named(name) else {
            let near =
                nearest(to: name, among: Command.all.map(\.name) + ["settings", "metrics"]).map {
                    "; did you mean \($0)?"
                } ?? ""
            complain("wadogate help: there is no command \(name.prefix(60))\(near)\n")
            return .usage
        }
        say(command.helpText)
    }
    return .success
}

/// Says whether the configuration is right, and what it comes to.
func check(_ arguments: Arguments) -> ExitStatus {
    do throws(ConfigurationError) {
        let (configuration, file) = try ConfigurationFile.read(arguments)
        say("The configuration is right\(file.map { ": \($0)" } ?? " (no file was read)").\n")
        say(summary(of: configuration))
        ConfigurationFile.warn(of: configuration.warnings)
        return .success
    } catch {
        ConfigurationFile.report(error)
        return .configuration
    }
}

private func summary(of configuration: Configuration) -> String {
    var table = TextTable(indent: 2)
    table.append([
        "listen",
        configuration.listen.map(\.description).joined(separator: ", ") + (configuration.tls == nil ? "" : " (TLS)"),
    ])
    let access =
        switch configuration.gateway.access {
        case .anonymous: "anonymous"
        case .bearerFile(let path): "tokens of \(path)"
        case .mutualTLS: "client certificates"
        }
    table.append(["access", access])
    for source in configuration.sources {
        let words =
            switch source.kind {
            case .fhir(let url, let backend): "fhir \(backend.name), \(url)"
            case .files(let path): "files \(path)"
            case .archive(let name, let path): "archive \(name), \(path)"
            }
        table.append(["directory", words])
    }
    for backend in configuration.backends { table.append(["backend", "\(backend.name), \(backend.match)"]) }
    let cache = configuration.cache
    table.append(["cache", "\(cache.path), at most \(ByteText.write(cache.maxSize))"])
    table.append(["admin", configuration.adminListen.map(\.description).joined(separator: ", ")])
    return table.text
}

/// Prints a shell's completion script.
func completion(_ arguments: Arguments) -> ExitStatus {
    guard arguments.operands.first == "bash" else {
        complain("wadogate completion: only bash is known\n")
        return .usage
    }
    say(bashCompletion())
    return .success
}

/// Completes commands, their options, files behind --config and setting names behind --set.
package func bashCompletion() -> String {
    let commands = Command.all.map { command in
        let options = command.options.map { "--\($0.name)" }.joined(separator: " ")
        return "        \(command.name)) options='\(options)' ;;\n"
    }.joined()
    let settings = SettingsTable.standard.rows.filter { row in
        if case .value = row.kind { !row.name.contains("[]") } else { false }
    }.map { "\($0.name)=" }.joined(separator: " ")
    return """
        # Completion of wadogate for bash: source <(wadogate completion bash)
        _wadogate() {
            local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} options=''
            COMPREPLY=()
            if [ "$COMP_CWORD" = 1 ]; then
                COMPREPLY=($(compgen -W '\(Command.all.map(\.name).joined(separator: " "))' -- "$word"))
                return
            fi
            case $before in
                --config|-c) COMPREPLY=($(compgen -f -- "$word")); return ;;
                --set|-s) compopt -o nospace; COMPREPLY=($(compgen -W '\(settings)' -- "$word")); return ;;
            esac
            case ${COMP_WORDS[1]} in
        \(commands)    esac
            COMPREPLY=($(compgen -W "$options" -- "$word"))
        }
        complete -o default -F _wadogate wadogate

        """
}
