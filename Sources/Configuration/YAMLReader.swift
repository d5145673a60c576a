// From bytes to a tree of nodes, by libyaml's events. The bounds are ours: size, depth, no aliases, one document.
import CYAML

/// Reads one YAML document.
///
/// Aliases are refused, since a few lines of them can stand for gigabytes; tags too, since nothing here gives them a
/// meaning.
@safe struct YAMLReader: ~Copyable {
    static let largestSize = 1 << 20
    static let deepestLevel = 16

    private let source: Place
    private let isFile: Bool
    private let reader: OpaquePointer
    private var problems: [Problem] = []

    /// The document's root, nil when it holds nothing but comments.
    ///
    /// - Parameter source: the file's name as it shall stand in problems, or the place of a text that is one line by nature.
    /// - Throws: ``ConfigurationError`` with the syntax error, or with every doubled key.
    static func read(_ bytes: [UInt8], from source: Place, isFile: Bool = false) throws(ConfigurationError) -> YAMLNode?
    {
        guard bytes.count <= largestSize else {
            throw ConfigurationError(problems: [
                Problem("a configuration of more than 1MiB is not read", at: source)
            ])
        }
        let result: Result<YAMLNode?, ConfigurationError> = unsafe bytes.withUnsafeBufferPointer { buffer in
            // The parser reads from the buffer and is gone before the buffer is.
            guard let reader = unsafe cyaml_open(buffer.baseAddress, buffer.count) else {
                return .failure(ConfigurationError(problems: [Problem("no memory is left")]))
            }
            var yaml = unsafe YAMLReader(source: source, isFile: isFile, reader: reader)
            do throws(ConfigurationError) {
                return .success(try yaml.document())
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }

    private init(source: Place, isFile: Bool, reader: OpaquePointer) {
        self.source = source
        self.isFile = isFile
        unsafe self.reader = unsafe reader
    }

    deinit { unsafe cyaml_close(reader) }

    private struct Event {
        let kind: cyaml_kind
        let place: Place
        let text: String
        let isPlain: Bool
    }

    private mutating func document() throws(ConfigurationError) -> YAMLNode? {
        var event = try next()
        guard event.kind != CYAML_STREAM_END else { return nil }
        event = try next()
        let root = try node(event, level: 1)
        _ = try next()  // The document's end.
        let after = try next()
        guard after.kind == CYAML_STREAM_END else {
            throw failure("a second document begins here; the configuration is one", at: after.place)
        }
        guard problems.isEmpty else { throw ConfigurationError(problems: problems) }
        return root.isNull ? nil : root
    }

    private mutating func node(_ event: Event, level: Int) throws(ConfigurationError) -> YAMLNode {
        guard level <= Self.deepestLevel else {
            throw failure("nested more than \(Self.deepestLevel) levels deep", at: event.place)
        }
        switch event.kind {
        case CYAML_SCALAR:
            return YAMLNode(.scalar(event.text, isPlain: event.isPlain), at: event.place)
        case CYAML_SEQUENCE_START:
            var items: [YAMLNode] = []
            while true {
                let item = try next()
                if item.kind == CYAML_SEQUENCE_END { return YAMLNode(.sequence(items), at: event.place) }
                items.append(try node(item, level: level + 1))
            }
        case CYAML_MAPPING_START:
            return YAMLNode(.mapping(try entries(level: level)), at: event.place)
        default:
            throw failure("a value is missing", at: event.place)
        }
    }

    private mutating func entries(level: Int) throws(ConfigurationError) -> [YAMLNode.Entry] {
        var entries: [YAMLNode.Entry] = []
        var lines: [String: Place] = [:]
        while true {
            let key = try next()
            if key.kind == CYAML_MAPPING_END { return entries }
            guard key.kind == CYAML_SCALAR else { throw failure("a key must be a single word", at: key.place) }
            let value = try node(try next(), level: level + 1)
            if let first = lines[key.text] {
                problems.append(
                    Problem(
                        "`\(key.text.prefix(60))` stands here a second time, first at line \(first.line ?? 0)",
                        at: key.place))
                continue
            }
            lines[key.text] = key.place
            entries.append(YAMLNode.Entry(key: key.text, place: key.place, value: value))
        }
    }

    private mutating func next() throws(ConfigurationError) -> Event {
        let event = unsafe cyaml_next(reader)
        let place =
            unsafe isFile ? Place(source: source.source, line: event.line, column: event.column) : source
        // The text lives until the next call; String copies it.
        let text =
            unsafe event.text.map { start in
                unsafe String(
                    decoding: UnsafeRawBufferPointer(start: start, count: event.length), as: UTF8.self)
            } ?? ""
        if unsafe event.kind == CYAML_ERROR { throw failure("not YAML: \(text)", at: place) }
        if unsafe event.kind == CYAML_ALIAS {
            throw failure("aliases (`*name`) are not read; write the value out", at: place)
        }
        if unsafe event.has_tag != 0 { throw failure("tags (`!name`) have no meaning here", at: place) }
        return unsafe Event(kind: event.kind, place: place, text: text, isPlain: event.is_plain != 0)
    }

    private func failure(_ message: String, at place: Place) -> ConfigurationError {
        ConfigurationError(problems: problems + [Problem(message, at: place)])
    }
}
