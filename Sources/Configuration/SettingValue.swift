// What a setting's text means: units, bounds and spelling of each type of value. Pure.
import HTTP
import HTTPServer

/// A value that has passed its type's checks.
enum SettingValue: Sendable, Hashable {
    case text(String)
    case integer(Int64)
    case duration(Duration)
    case flag(Bool)
    case url(HTTPURL)
    case address(ListenAddress)
    case list([SettingValue])
}

/// The type of a setting, with its bounds.
package enum ValueType: Sendable {
    /// One line, not empty.
    case text
    /// An absolute path.
    case path
    case url
    /// An address and a port: "127.0.0.1:8080", "[::]:8080".
    case address
    case integer(ClosedRange<Int64>)
    /// Bytes, with a unit.
    case bytes(ClosedRange<Int64>)
    /// With a unit.
    case duration(ClosedRange<Duration>)
    case flag
    case choice([String])
    indirect case list(ValueType, most: Int)

    /// Type and bounds in words, for the reference and for errors.
    var inWords: String {
        switch self {
        case .text: "text"
        case .path: "an absolute path"
        case .url: "an http or https URL"
        case .address: "an address and port such as 127.0.0.1:8080 or [::]:8080"
        case .integer(let bounds): "a number from \(bounds.lowerBound) to \(bounds.upperBound)"
        case .bytes(let bounds):
            "bytes, from \(ByteText.write(bounds.lowerBound)) to \(ByteText.write(bounds.upperBound))"
        case .duration(let bounds):
            "a duration, from \(DurationText.write(bounds.lowerBound)) to \(DurationText.write(bounds.upperBound))"
        case .flag: "yes or no"
        case .choice(let words): words.count == 1 ? words[0] : "one of " + words.joined(separator: ", ")
        case .list(let element, let most): "a list of at most \(most), each \(element.inWords)"
        }
    }

    /// Reads one scalar.
    ///
    /// - Throws: a sentence that says what is wrong and what would be right.
    func read(_ text: String) throws(ValueError) -> SettingValue {
        switch self {
        case .text:
            guard !text.isEmpty, text.utf8.count <= 4096, !text.unicodeScalars.contains(where: { $0.value < 32 }) else {
                throw ValueError("expected text on one line")
            }
            return .text(text)
        case .path:
            guard text.hasPrefix("/"), text.utf8.count <= 1024, !text.unicodeScalars.contains(where: { $0.value < 32 })
            else {
                throw ValueError("\(quoted(text)) is not an absolute path; it must begin with /")
            }
            return .text(text)
        case .url:
            guard let url = HTTPURL(text) else {
                throw ValueError("\(quoted(text)) is not an http or https URL (without user name and fragment)")
            }
            guard !hasDotSegments(text) else {
                throw ValueError("\(quoted(text)) must not have the path segments . and ..")
            }
            return .url(url)
        case .address:
            guard let address = ListenAddress(text) else {
                throw ValueError(
                    "\(quoted(text)) is not an address and port, such as 127.0.0.1:8080, 0.0.0.0:8080 or [::]:8080")
            }
            return .address(address)
        case .integer(let bounds):
            guard let value = Int64(text) else { throw ValueError("expected a whole number, found \(quoted(text))") }
            return .integer(try within(bounds, value) { "\($0)" })
        case .bytes(let bounds):
            return .integer(try within(bounds, try ByteText.read(text), ByteText.write))
        case .duration(let bounds):
            return .duration(try within(bounds, try DurationText.read(text), DurationText.write))
        case .flag:
            switch text.lowercased() {
            case "yes", "true": return .flag(true)
            case "no", "false": return .flag(false)
            default: throw ValueError("expected yes or no, found \(quoted(text))")
            }
        case .choice(let words):
            guard words.contains(text) else {
                let hint = nearest(to: text, among: words).map { "; did you mean \($0)?" } ?? ""
                throw ValueError("expected \(inWords), found \(quoted(text))\(hint)")
            }
            return .text(text)
        case .list(let element, _):
            return .list([try element.read(text)])
        }
    }

    /// Whether `.` or `..` stands between slashes, percent-encoded or not: HTTPURL removes them, and then the URL means
    /// something else than what was written.
    private func hasDotSegments(_ url: String) -> Bool {
        let path = url.prefix { $0 != "?" }.lowercased().replacing("%2e", with: ".").replacing("%2f", with: "/")
        return path.split { $0 == "/" || $0 == "\\" }.contains { $0 == "." || $0 == ".." }
    }

    private func within<Value: Comparable>(
        _ bounds: ClosedRange<Value>, _ value: Value, _ write: (Value) -> String
    ) throws(ValueError) -> Value {
        guard bounds.contains(value) else {
            throw ValueError(
                "\(write(value)) is out of bounds: from \(write(bounds.lowerBound)) to \(write(bounds.upperBound))")
        }
        return value
    }
}

/// Why a value cannot be read; a sentence without its place.
package struct ValueError: Error, Equatable, CustomStringConvertible {
    let message: String
    package init(_ message: String) { self.message = message }
    package var description: String { message }
}

/// A piece of the operator's own text, short enough for one line.
func quoted(_ text: String) -> String {
    let short = text.unicodeScalars.prefix(60).map { $0.value < 32 || $0.value == 127 ? "?" : String($0) }.joined()
    return "\"\(short)\(text.unicodeScalars.count > 60 ? "…" : "")\""
}
