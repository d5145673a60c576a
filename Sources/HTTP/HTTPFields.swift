// Header and trailer fields of one message. Knows the syntax of names and values, and the meaning of none.

/// Header fields in order; names are compared without case.
///
/// All names and values stand in one buffer, so that a parsed head costs two allocations and a field that nobody asks for
/// never becomes a `String`. No field can smuggle another: a name that is not a token, or a value with a control character
/// (CR, LF and NUL among them), is never stored.
///
/// Spec: RFC 9110 §5.
package struct HTTPFields: Sendable {
    /// Where one field line stands in the buffer.
    struct Place: Sendable {
        var nameStart: UInt32
        var nameLength: UInt32
        var valueStart: UInt32
        var valueLength: UInt32

        var name: Range<Int> { Int(nameStart)..<Int(nameStart) + Int(nameLength) }
        var value: Range<Int> { Int(valueStart)..<Int(valueStart) + Int(valueLength) }
    }

    /// One field line as text.
    package struct Line: Sendable, Equatable {
        package let name: String
        package let value: String
    }

    /// The most bytes that one collection of fields holds.
    package static let largestSize = 16 << 20

    private(set) var storage: [UInt8] = []
    private(set) var places: [Place] = []

    package init() {}

    /// Takes over checked bytes, as the head parser leaves them.
    init(storage: [UInt8], places: [Place]) {
        self.storage = storage
        self.places = places
    }

    package var count: Int { places.count }
    package var isEmpty: Bool { places.isEmpty }

    /// Every line in order. Makes two strings for each: for copying whole heads, not for a look-up.
    package var all: [Line] {
        places.map { Line(name: text($0.name), value: text($0.value)) }
    }

    /// Adds a line behind the others; blanks at the value's ends are left off.
    ///
    /// - Returns: whether the line was added. An illegal one is dropped and not trapped on, because values may come from
    ///   a backend or from data.
    @discardableResult
    package mutating func append(_ name: String, _ value: String) -> Bool {
        let (name, value) = (name.utf8, value.utf8)
        guard !name.isEmpty, name.allSatisfy(FieldSyntax.isToken), value.allSatisfy(FieldSyntax.isValue),
            storage.count + name.count + value.count <= Self.largestSize
        else { return false }
        let start = storage.count
        storage.append(contentsOf: name)
        storage.append(contentsOf: value)
        let trimmed = FieldSyntax.trimmed(storage.span, start + name.count..<storage.count)
        places.append(
            Place(
                nameStart: UInt32(start), nameLength: UInt32(name.count),
                valueStart: UInt32(trimmed.lowerBound), valueLength: UInt32(trimmed.count)))
        return true
    }

    /// Replaces every line of that name by this one; an illegal line only removes.
    package mutating func set(_ name: String, _ value: String) {
        remove(name)
        append(name, value)
    }

    package mutating func remove(_ name: String) {
        guard places.contains(where: { isNamed($0, name) }) else { return }
        var kept = HTTPFields()
        for place in places where !isNamed(place, name) { kept.append(place, of: self) }
        self = kept
    }

    /// The first value of that name.
    package subscript(name: String) -> String? {
        places.first { isNamed($0, name) }.map { text($0.value) }
    }

    /// Every value of that name, in order.
    package func values(_ name: String) -> [String] {
        places.lazy.filter { isNamed($0, name) }.map { text($0.value) }
    }

    package func contains(_ name: String) -> Bool { places.contains { isNamed($0, name) } }

    /// Shows the first value of that name without making a string of it; nil when there is none.
    package func withValue<Value>(_ name: String, _ body: (Span<UInt8>) -> Value) -> Value? {
        guard let place = places.first(where: { isNamed($0, name) }) else { return nil }
        return body(storage.span.extracting(place.value))
    }

    private mutating func append(_ place: Place, of other: HTTPFields) {
        var moved = place
        moved.nameStart = UInt32(storage.count)
        storage.append(contentsOf: other.storage[place.name])
        moved.valueStart = UInt32(storage.count)
        storage.append(contentsOf: other.storage[place.value])
        places.append(moved)
    }

    private func isNamed(_ place: Place, _ name: String) -> Bool {
        FieldSyntax.isEqual(storage.span.extracting(place.name), name)
    }

    private func text(_ range: Range<Int>) -> String { storage.span.extracting(range).text }
}

extension HTTPFields: Equatable {
    /// Whether both hold the same lines in the same order, names compared without case.
    package static func == (one: HTTPFields, other: HTTPFields) -> Bool {
        guard one.count == other.count else { return false }
        return zip(one.places, other.places).allSatisfy { mine, theirs in
            one.storage[mine.value] == other.storage[theirs.value]
                && one.storage[mine.name].lazy.map(FieldSyntax.lowercased)
                    .elementsEqual(other.storage[theirs.name].lazy.map(FieldSyntax.lowercased))
        }
    }
}

extension HTTPFields: ExpressibleByDictionaryLiteral {
    /// Lines in the order written; a name may stand more than once.
    package init(dictionaryLiteral elements: (String, String)...) {
        for (name, value) in elements { append(name, value) }
    }
}

extension HTTPFields: CustomStringConvertible {
    /// One line a field, for messages of failed tests. Values may be secret: not for logs.
    package var description: String { all.map { "\($0.name): \($0.value)" }.joined(separator: "\n") }
}
