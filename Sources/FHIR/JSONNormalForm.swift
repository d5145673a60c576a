// Two JSON documents that say the same, made the same. Knows nothing of what they say.

/// The normal form of JSON documents: members in the order of their names, some of them left out.
package enum JSONNormalForm {
    /// - Parameter names: members that are left out wherever they stand.
    /// - Returns: nil for what is no JSON, or beyond the reader's limits.
    package static func text(of document: [UInt8], leavingOut names: Set<String>) -> String? {
        guard let value = try? JSONReader.read(document) else { return nil }
        var text = ""
        write(value, without: names, to: &text)
        return text
    }

    private static func write(_ value: JSONValue, without names: Set<String>, to text: inout String) {
        switch value {
        case .null: text += "null"
        case .bool(let flag): text += flag ? "true" : "false"
        case .number(let number): text += "\(number)"
        case .string(let string): text += string.debugDescription
        case .array(let values):
            text += "["
            for value in values {
                write(value, without: names, to: &text)
                text += ","
            }
            text += "]"
        case .object(let members):
            text += "{"
            for member in members.sorted(by: { $0.name < $1.name }) where !names.contains(member.name) {
                text += member.name.debugDescription + ":"
                write(member.value, without: names, to: &text)
                text += ","
            }
            text += "}"
        }
    }
}
