// A record as lines of text, so that it can be kept in a file that people can read, and read back. Knows no file.
import DICOM

/// Lines of "name value". Values stand as they are, but for line ends and the per cent sign itself, which are escaped.
package struct TextLines {
    /// What was written so far, each line with its end.
    package private(set) var text = ""

    package init() {}

    /// Adds a line; nothing for a value that is not there.
    package mutating func add(_ name: String, _ value: String?) {
        guard let value else { return }
        text += name
        text += " "
        for scalar in value.unicodeScalars {
            switch scalar {
            case "%": text += "%25"
            case "\n": text += "%0A"
            case "\r": text += "%0D"
            default: text.unicodeScalars.append(scalar)
            }
        }
        text += "\n"
    }

    /// Reads one line back; its end is not part of it.
    package static func field(of line: Substring) -> (name: Substring, value: String) {
        // By bytes: a value may begin with what would join the space to one character.
        guard let space = line.utf8.firstIndex(of: UInt8(ascii: " ")) else { return (line, "") }
        let rest = line[line.utf8.index(after: space)...]
        guard rest.utf8.contains(UInt8(ascii: "%")) else { return (line[..<space], String(rest)) }
        var value = ""
        var scalars = rest.unicodeScalars[...]
        while let scalar = scalars.popFirst() {
            guard scalar == "%" else {
                value.unicodeScalars.append(scalar)
                continue
            }
            switch String(String.UnicodeScalarView(scalars.prefix(2))) {
            case "0A": value += "\n"
            case "0D": value += "\r"
            default: value += "%"
            }
            scalars = scalars.dropFirst(2)
        }
        return (line[..<space], value)
    }

    /// The lines of a text.
    package static func lines(of text: String) -> [Substring] {
        text.utf8.split(separator: UInt8(ascii: "\n")).map { Substring($0) }
    }
}

extension StudyRecord {
    /// Writes the record: its own fields, its endpoints, then each series with its endpoints and instances.
    package func write(to lines: inout TextLines) {
        lines.add("study", study.string)
        lines.add("status", status.rawValue)
        lines.add("subject", subject)
        lines.add("accession", accession)
        for modality in modalities { lines.add("modality", modality) }
        lines.add("started", started)
        lines.add("summary", summary)
        lines.add("version", version)
        for endpoint in endpoints { endpoint.write(to: &lines) }
        for one in series {
            lines.add("series", one.uid.string)
            lines.add("series.modality", one.modality)
            lines.add("series.number", one.number.map { "\($0)" })
            lines.add("series.summary", one.summary)
            lines.add("series.count", one.numberOfInstances.map { "\($0)" })
            for endpoint in one.endpoints { endpoint.write(to: &lines) }
            for instance in one.instances {
                let fields = [instance.uid.string, instance.sopClass?.string, instance.number.map { "\($0)" }]
                lines.add("instance", fields.map { $0 ?? "-" }.joined(separator: " "))
            }
        }
    }

    /// Reads what ``write(to:)`` has written; nil when anything in it is not understood.
    package init?(lines: some Sequence<Substring>) {
        var reader: RecordReader?
        for line in lines {
            let (name, value) = TextLines.field(of: line)
            if reader == nil {
                guard name == "study", let study = UID(value) else { return nil }
                reader = RecordReader(study: study)
            } else if reader?.read(String(name), value) != true {
                return nil
            }
        }
        guard let record = reader?.record else { return nil }
        self = record
    }
}

extension Endpoint {
    fileprivate func write(to lines: inout TextLines) {
        lines.add("endpoint", id)
        for type in connectionTypes { lines.add("endpoint.type", type.code) }
        lines.add("endpoint.status", status.word)
        lines.add("endpoint.address", address)
        lines.add("endpoint.name", name)
        lines.add("endpoint.from", periodStart)
        lines.add("endpoint.to", periodEnd)
        for header in headers { lines.add("endpoint.header", header) }
    }
}

extension Endpoint.Status {
    /// Codes of no version begin with "=", which no code does.
    fileprivate var word: String {
        switch self {
        case .active: "active"
        case .suspended: "suspended"
        case .error: "error"
        case .off: "off"
        case .enteredInError: "entered-in-error"
        case .test: "test"
        case .unresolved: "unresolved"
        case .other(let code): "=" + code
        }
    }

    fileprivate init?(word: String) {
        let known: [Endpoint.Status] = [.active, .suspended, .error, .off, .enteredInError, .test, .unresolved]
        if let status = known.first(where: { $0.word == word }) {
            self = status
        } else if word.hasPrefix("=") {
            self = .other(String(word.dropFirst()))
        } else {
            return nil
        }
    }
}

/// Puts a record together from its lines: what names an endpoint or a series begins one, what follows adds to it.
private struct RecordReader {
    private(set) var record: StudyRecord

    init(study: UID) { record = StudyRecord(study: study) }

    /// False when the line is not understood.
    mutating func read(_ name: String, _ value: String) -> Bool {
        if name.hasPrefix("endpoint") { return readEndpoint(name, value) }
        if name.hasPrefix("series") || name == "instance" { return readSeries(name, value) }
        switch name {
        case "status":
            guard let status = StudyRecord.Status(rawValue: value) else { return false }
            record.status = status
        case "subject": record.subject = value
        case "accession": record.accession = value
        case "modality": record.modalities.append(value)
        case "started": record.started = value
        case "summary": record.summary = value
        case "version": record.version = value
        default: return false
        }
        return true
    }

    private mutating func readSeries(_ name: String, _ value: String) -> Bool {
        if name == "series" {
            guard let uid = UID(value) else { return false }
            record.series.append(StudyRecord.Series(uid: uid))
            return true
        }
        guard let last = record.series.indices.last else { return false }
        switch name {
        case "series.modality": record.series[last].modality = value
        case "series.summary": record.series[last].summary = value
        case "series.number", "series.count":
            guard let number = Int(value) else { return false }
            if name == "series.number" {
                record.series[last].number = number
            } else {
                record.series[last].numberOfInstances = number
            }
        case "instance":
            let fields = value.split(separator: " ", omittingEmptySubsequences: false)
            guard fields.count == 3, let uid = UID(String(fields[0])) else { return false }
            let sopClass = UID(String(fields[1]))
            let number = Int(fields[2])
            guard sopClass != nil || fields[1] == "-", number != nil || fields[2] == "-" else { return false }
            record.series[last].instances.append(.init(uid: uid, sopClass: sopClass, number: number))
        default: return false
        }
        return true
    }

    /// An endpoint belongs to the last series, and before the first one to the study.
    private mutating func readEndpoint(_ name: String, _ value: String) -> Bool {
        guard let last = record.series.indices.last else { return Self.read(name, value, into: &record.endpoints) }
        return Self.read(name, value, into: &record.series[last].endpoints)
    }

    private static func read(_ name: String, _ value: String, into endpoints: inout [Endpoint]) -> Bool {
        if name == "endpoint" {
            endpoints.append(Endpoint(id: value, connectionTypes: [], address: ""))
            return true
        }
        guard let last = endpoints.indices.last else { return false }
        switch name {
        case "endpoint.type":
            endpoints[last].connectionTypes.append(value == "archive" ? .archive : ConnectionType(code: value))
        case "endpoint.status":
            guard let status = Endpoint.Status(word: value) else { return false }
            endpoints[last].status = status
        case "endpoint.address": endpoints[last].address = value
        case "endpoint.name": endpoints[last].name = value
        case "endpoint.from": endpoints[last].periodStart = value
        case "endpoint.to": endpoints[last].periodEnd = value
        case "endpoint.header": endpoints[last].headers.append(value)
        default: return false
        }
        return true
    }
}
