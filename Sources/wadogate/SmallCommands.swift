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
    let name = arguments.operands.joined(separator: " ")
    if name.isEmpty {
        say(Command.overview)
    } else if name == "settings" {
        say(SettingsReference.text())
    } else if name == "metrics" {
        say(Metrics.reference())
    } else if let command = Command.named(name) {
        say(command.helpText)
    } else if !Command.group(name).isEmpty {
        say(Command.overview(of: name))
    } else {
        let near =
            nearest(to: name, among: Command.all.map(\.name) + ["settings", "metrics"]).map { "; did you mean \($0)?" }
            ?? ""
        complain("wadogate help: there is no command \(name.prefix(60))\(near)\n")
        return .usage
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
