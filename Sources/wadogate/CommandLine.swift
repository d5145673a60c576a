// The grammar of the command line: options and operands of one command. Knows no command by name.
import Configuration

/// One option of a command.
package struct Option: Sendable {
    /// Without dashes.
    package let name: String
    package let letter: Character?
    /// What stands for its value in help texts; nil: it has none.
    package let value: String?
    /// May be given more than once.
    package let isRepeatable: Bool
    package let text: String

    package init(
        _ name: String, letter: Character? = nil, value: String? = nil, isRepeatable: Bool = false, _ text: String
    ) {
        self.name = name
        self.letter = letter
        self.value = value
        self.isRepeatable = isRepeatable
        self.text = text
    }
}

/// Why a command line is not understood; a sentence for the one who typed it.
package struct UsageError: Error, Equatable {
    package let message: String
    package init(_ message: String) { self.message = message }
}

/// The words behind a command's name, taken apart.
package struct Arguments: Sendable, Equatable {
    /// By option name; a flag has one empty text.
    private var values: [String: [String]] = [:]
    package private(set) var operands: [String] = []

    /// `--name value`, `--name=value`, `-n value`; `--` ends the options, a lone `-` is an operand.
    ///
    /// - Throws: ``UsageError`` for options that are unknown, lack a value, have one too many or come twice.
    package init(_ words: some Sequence<String>, options: [Option]) throws(UsageError) {
        var words = Array(words)[...]
        var areOptions = true
        while let word = words.popFirst() {
            if !areOptions || !word.hasPrefix("-") || word == "-" {
                operands.append(word)
            } else if word == "--" {
                areOptions = false
            } else {
                try take(word, &words, options)
            }
        }
    }

    package func has(_ option: String) -> Bool { values[option] != nil }

    /// In the order in which they were given.
    package func all(_ option: String) -> [String] { values[option, default: []] }

    package subscript(_ option: String) -> String? { values[option]?.last }

    private mutating func take(
        _ word: String, _ words: inout ArraySlice<String>, _ options: [Option]
    ) throws(UsageError) {
        let isLong = word.hasPrefix("--")
        let equals = isLong ? word.firstIndex(of: "=") : nil
        let name = word[..<(equals ?? word.endIndex)].drop { $0 == "-" }
        let found = options.first { isLong ? $0.name == name : $0.letter.map(String.init) == String(name) }
        guard let option = found else { throw Self.unknown(word: word, name: String(name), options) }

        var value: String?
        if let equals { value = String(word[word.index(after: equals)...]) }
        if let placeholder = option.value, value == nil {
            guard let next = words.popFirst() else {
                throw UsageError("--\(option.name) needs a value: --\(option.name) \(placeholder)")
            }
            value = next
        }
        if option.value == nil && value != nil { throw UsageError("--\(option.name) takes no value") }
        if values[option.name] != nil && !option.isRepeatable { throw UsageError("--\(option.name) was given twice") }
        values[option.name, default: []].append(value ?? "")
    }

    private static func unknown(word: String, name: String, _ options: [Option]) -> UsageError {
        let near = nearest(to: name, among: options.map(\.name)).map { "; did you mean --\($0)?" } ?? ""
        return UsageError("unknown option \(word.prefix(60))\(near)")
    }
}
