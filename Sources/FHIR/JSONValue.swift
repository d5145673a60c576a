// JSON as a tree, for documents whose shape differs from version to version and from sender to sender.
// Knows nothing of FHIR; the bounds on size and depth are the reader's.

/// A JSON value (RFC 8259). Objects keep the order of their members; of two members with one name the first counts.
package enum JSONValue: Sendable, Hashable {
    case null
    case bool(Bool)
    case number(Double)
    case string(String)
    case array([JSONValue])
    case object([Member])

    package struct Member: Sendable, Hashable {
        package let name: String
        package let value: JSONValue
    }

    /// The member of that name; nil for anything but an object that has it.
    package subscript(name: String) -> JSONValue? {
        guard case .object(let members) = self else { return nil }
        return members.first { $0.name == name }?.value
    }

    package var string: String? {
        guard case .string(let text) = self else { return nil }
        return text
    }

    /// A whole number, also one that was written as a string.
    package var integer: Int? {
        switch self {
        case .number(let number): Int(exactly: number)
        case .string(let text): Int(text)
        default: nil
        }
    }

    /// The elements of an array; any other value but null counts as an array of one, as sloppy writers mean it.
    package var elements: [JSONValue] {
        switch self {
        case .array(let values): values
        case .null: []
        default: [self]
        }
    }

    /// A text that differs when the value does, the same in every process: FNV-1a over the tree, 16 hexadecimal digits.
    var digest: String {
        var hash = FNV1a()
        hash.add(self)
        return hash.text
    }
}

extension FNV1a {
    fileprivate mutating func add(_ value: JSONValue) {
        switch value {
        case .null: add(0)
        case .bool(let flag): add(flag ? 2 : 1)
        case .number(let number): add("\(number)")
        case .string(let text): add(text)
        case .array(let values):
            add(3)
            for value in values { add(value) }
            add(4)
        case .object(let members):
            add(5)
            for member in members {
                add(member.name)
                add(member.value)
            }
            add(6)
        }
    }
}
