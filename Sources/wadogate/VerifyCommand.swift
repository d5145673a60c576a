// `wadogate cache verify`: has the running gateway read what it has stored, and tells what it found.
import Configuration
import FHIR
import Glibc

func cacheVerify(_ arguments: Arguments) -> ExitStatus {
    reporting("cache verify") { () throws(CommandFailure) in
        let interrupt = Interrupt()
        let target = CacheSelectionOptions.target("/cache/verify", try CacheSelectionOptions.parameters(arguments))
        let client = try AdminClient(arguments)
        var bytes: [UInt8] = []
        let connection = try client.begin("POST", target, interrupt: interrupt, into: &bytes)
        let showsProgress = isatty(2) != 0 && !arguments.has("json")
        while true {
            while let end = bytes.firstIndex(of: UInt8(ascii: "\n")) {
                let line = Array(bytes[..<end])
                bytes.removeFirst(end + 1)
                let value = try AdminClient.read(line)
                if arguments.has("json") { say(String(decoding: line, as: UTF8.self) + "\n") }
                if showsProgress { complain("\r\(text(of: value["summary"] ?? value))\u{1B}[K") }
                if let summary = value["summary"] {
                    if showsProgress { complain("\r\u{1B}[K") }
                    return told(summary, asJSON: arguments.has("json"))
                }
            }
            do throws(PlainConnection.Failure) {
                guard let piece = try connection.next(within: AdminClient.patience), !piece.isEmpty else {
                    throw .brokenOff("the answer ended too early")
                }
                bytes += piece
            } catch {
                if showsProgress { complain("\r\u{1B}[K") }
                throw client.failure(error)
            }
        }
    }
}

private func told(_ summary: FHIR.JSONValue, asJSON: Bool) -> ExitStatus {
    let isWhole = summary["finished"]?.string != nil
    if !asJSON {
        say(text(of: summary) + "\n")
        if !isWhole { complain("It ended before its end: the gateway is stopping.\n") }
    }
    return isWhole && summary.count("damaged") == 0 && summary.count("unreadable") == 0 ? .success : .failure
}

private func text(of status: FHIR.JSONValue) -> String {
    var text = "\(status.count("objects")) objects are sound (\(ByteText.approximate(status.count("bytes"))) read), "
    text += "\(status.count("damaged")) were damaged and dropped"
    if status.count("foreign") > 0 { text += ", \(status.count("foreign")) foreign files were left alone" }
    if status.count("unreadable") > 0 { text += ", \(status.count("unreadable")) folders could not be read" }
    return text
}
