// The gateway's log: one line an event, JSON or text, without patient data. Callers pass a constant message and fields.
import DICOM
package import Gateway
import Synchronization

/// Writes log lines; any thread may call it, and none ever waits for it.
package final class Log: Sendable {
    package typealias Field = (name: String, value: JSONValue)

    private let format: LogSettings.Format
    private let level: Atomic<Int>
    private let writer: LogWriter

    /// - Parameters:
    ///   - descriptor: standard error, unless a test reads it.
    ///   - capacity: bytes of lines that may wait for the reader.
    package init(_ settings: LogSettings, descriptor: Int32 = 2, capacity: Int = 1 << 20) {
        format = settings.format
        level = Atomic(settings.level.rawValue)
        writer = LogWriter(descriptor: descriptor, capacity: capacity) { count in
            Self.line(
                settings.format, .warning, "log lines were dropped, since nobody read them fast enough",
                [("lines", .integer(Int64(count)))])
        }
    }

    /// Changes the least level that is written from now on.
    package func setLevel(_ level: LogLevel) { self.level.store(level.rawValue, ordering: .relaxed) }

    private func isWritten(_ level: LogLevel) -> Bool { level.rawValue >= self.level.load(ordering: .relaxed) }

    /// - Parameter message: the same words each time; what differs goes into the fields.
    package func write(_ level: LogLevel, _ message: String, _ fields: [Field] = []) {
        guard isWritten(level) else { return }
        writer.write(Self.line(format, level, message, fields))
    }

    /// The line of a finished request. A failure of ours or of a backend is a warning.
    package func write(_ entry: RequestLogEntry) {
        let level: LogLevel = entry.status >= 500 ? .warning : .info
        guard isWritten(level) else { return }
        writer.write(Self.line(format, level, "request", entry.logFields))
    }

    /// The line of an ability that was found out.
    package func write(_ finding: AbilityFinding) {
        var fields: [Field] = [
            ("backend", .text(finding.backend)), ("connection_type", .optional(finding.connectionType)),
            ("ability", .text(finding.ability)), ("able", .flag(finding.isAble)),
        ]
        if let reason = finding.reason { fields.append(("reason", .text(reason))) }
        write(.info, "ability found out", fields)
    }

    /// Returns when every line of before has been written, however long that takes.
    package func flush() async { await writer.flush() }

    static func line(
        _ format: LogSettings.Format, _ level: LogLevel, _ message: String, _ fields: [Field],
        at time: Timestamp = .now()
    ) -> String {
        switch format {
        case .json:
            let head: [Field] = [
                ("time", .text(time.description)), ("level", .text(level.word)), ("message", .text(message)),
            ]
            return JSONValue.object(head + fields).line + "\n"
        case .text:
            let tail = fields.map { " \($0.name)=\(textValue($0.value))" }.joined()
            return "\(time) \(level.word) \(message)\(tail)\n"
        }
    }

    /// A value without quotes where it is a single plain word, else as JSON.
    private static func textValue(_ value: JSONValue) -> String {
        guard case .text(let text) = value else { return value.line }
        let isPlain =
            !text.isEmpty
            && text.unicodeScalars.allSatisfy {
                $0 != " " && $0 != "\"" && $0 != "=" && $0 != "\\" && !$0.mustBeEscaped
            }
        return isPlain ? text : value.line
    }
}

extension RequestLogEntry {
    /// What is known of the request, without what is not.
    var logFields: [Log.Field] {
        var fields: [Log.Field] = [("request_id", .text(requestID)), ("peer", .text(peer))]
        func add(_ name: String, _ text: String?) {
            if let text { fields.append((name, .text(text))) }
        }
        add("principal", principal)
        add("method", method)
        add("route", route.word)
        fields.append(("status", .integer(Int64(status))))
        add("study", study?.string)
        add("series", series?.string)
        add("instance", instance?.string)
        add("backend", backend)
        add("cache", cache?.rawValue)
        add("object", objectClass)
        for outcome in CacheOutcome.allCases {
            if let count = parts[outcome] { fields.append(("parts_\(outcome.rawValue)", .integer(Int64(count)))) }
        }
        fields.append(("bytes", .integer(bytes)))
        fields.append(("duration_ms", .milliseconds(duration)))
        if let upstreamFirstByte { fields.append(("upstream_first_byte_ms", .milliseconds(upstreamFirstByte))) }
        add("failure", failure)
        add("detail", detail)
        return fields
    }
}
