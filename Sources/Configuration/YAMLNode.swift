// A YAML document as a tree that remembers where each part was written. Knows nothing of settings.

/// One node of a YAML document.
struct YAMLNode: Sendable {
    enum Content: Sendable {
        /// Plain: written without quotes.
        case scalar(String, isPlain: Bool)
        case sequence([YAMLNode])
        case mapping([Entry])
    }

    struct Entry: Sendable {
        let key: String
        let place: Place
        var value: YAMLNode
    }

    let place: Place
    var content: Content

    init(_ content: Content, at place: Place) {
        self.content = content
        self.place = place
    }

    /// A key without a value, `~` or `null`: as if the key were not there.
    var isNull: Bool {
        guard case .scalar(let text, isPlain: true) = content else { return false }
        return text.isEmpty || text == "~" || text.lowercased() == "null"
    }

    /// What it is, for "expected a list, found …".
    var kindInWords: String {
        switch content {
        case .scalar(let text, _): "\"\(text.prefix(40))\""
        case .sequence: "a list"
        case .mapping: "a mapping"
        }
    }

    // MARK: Overlays

    /// One step from a node to a part of it: `cache`, `.max_size`, `[0]`.
    enum Step: Sendable, Hashable {
        case key(String)
        case index(Int)
    }

    /// Puts `value` at the end of `path` and makes the mappings and lists on the way that are missing. A list grows by
    /// one entry at most, so that `backends[7]` of two is answered with false.
    mutating func replace(_ path: ArraySlice<Step>, with value: YAMLNode) -> Bool {
        guard let step = path.first else {
            self = value
            return true
        }
        switch step {
        case .key(let key):
            var entries: [Entry] = []
            if case .mapping(let present) = content { entries = present }
            let index = entries.firstIndex { $0.key == key } ?? entries.endIndex
            if index == entries.endIndex {
                entries.append(Entry(key: key, place: value.place, value: .null(value.place)))
            }
            guard entries[index].value.replace(path.dropFirst(), with: value) else { return false }
            content = .mapping(entries)
        case .index(let index):
            var items: [YAMLNode] = []
            if case .sequence(let present) = content { items = present }
            guard index <= items.count else { return false }
            if index == items.count { items.append(.null(value.place)) }
            guard items[index].replace(path.dropFirst(), with: value) else { return false }
            content = .sequence(items)
        }
        return true
    }

    static func null(_ place: Place) -> YAMLNode { YAMLNode(.scalar("", isPlain: true), at: place) }
}
