// How a request that can't be served is told to its sender. Must not know how the sentence is delivered.

/// A request that cannot be served as asked, with the status and the sentence for the client.
package struct WADOError: Error, Sendable, Hashable {
    package let status: Int
    /// What was wrong, naming the parameter or segment, and what to do. Holds no patient data; may quote short bad
    /// input.
    package let message: String
    /// For 405: the Allow field.
    package var allow: String?

    package init(status: Int, message: String, allow: String? = nil) {
        self.status = status
        self.message = message
        self.allow = allow
    }
}

extension WADOError {
    /// 400 for a query parameter: `The parameter "quality" must be an integer from 1 to 100, but is "1000".`
    static func parameter(_ name: String, _ value: String?, mustBe rule: String) -> WADOError {
        let found = value.map { $0.isEmpty ? "is empty" : "is \(quoted($0))" } ?? "is missing"
        return WADOError(status: 400, message: "The parameter \"\(name)\" must be \(rule), but \(found).")
    }

    /// 400 for parameters that exclude or require each other.
    static func parameters(_ sentence: String) -> WADOError { WADOError(status: 400, message: sentence) }

    /// Input in quotes: its beginning only, and only what is printable, so that it can stand in a log and in HTML alike.
    static func quoted(_ text: some StringProtocol) -> String {
        let limit = 72
        let shown = text.unicodeScalars.prefix(limit).map { scalar -> Character in
            let isPlain = (0x20..<0x7F).contains(scalar.value) && !"\"<>&\\".unicodeScalars.contains(scalar)
            return isPlain ? Character(scalar) : "?"
        }
        return "\"" + String(shown) + (text.unicodeScalars.count > limit ? "…" : "") + "\""
    }
}
