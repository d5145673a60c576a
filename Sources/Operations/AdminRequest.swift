// What of an admin request counts, and what is answered. Values only.
import HTTP

/// What of an admin request counts.
package struct AdminRequest: Sendable {
    package var method: String
    /// Without its query.
    package var path: String
    package var query: String?
    package var body: [UInt8]
    package var accept: String?
    package var host: String?
    package var origin: String?
    package var authorization: String?
    package var peer: String

    package init(
        method: String, path: String, query: String? = nil, body: [UInt8] = [], accept: String? = nil, host: String?,
        origin: String? = nil, authorization: String? = nil, peer: String
    ) {
        self.method = method
        self.path = path
        self.query = query
        self.body = body
        self.accept = accept
        self.host = host
        self.origin = origin
        self.authorization = authorization
        self.peer = peer
    }
}

/// An answer that is there as a whole.
package struct AdminAnswer: Sendable, Equatable {
    package var status: Int
    package var type: String
    package var body: String
    package var allow: String?

    package static func sentence(_ status: Int, _ text: String, allow: String? = nil) -> AdminAnswer {
        AdminAnswer(status: status, type: "text/plain; charset=utf-8", body: text + "\n", allow: allow)
    }

    package static func json(_ value: JSONValue) -> AdminAnswer {
        AdminAnswer(status: 200, type: "application/json", body: value.page)
    }
}

/// Takes one line of a streamed answer; returns when the client has taken it, which is the back-pressure.
package typealias AdminLineSink = @Sendable (JSONValue) async throws(AdminClientGone) -> Void

/// Nobody is left to take lines.
package struct AdminClientGone: Error { package init() {} }

/// What an admin request is answered with.
package enum AdminReply: Sendable {
    case whole(AdminAnswer)
    /// Lines of JSON while the work goes on. The client's leaving cancels the task that writes them.
    case lines(@Sendable (AdminLineSink) async throws(AdminClientGone) -> Void)

    package var status: Int {
        switch self {
        case .whole(let answer): answer.status
        case .lines: 200
        }
    }
}

/// The parameters of a query, each once. What nobody asks for is refused: a misspelt `stduy=` must not mean everything.
struct AdminQuery {
    private var values: [String: String] = [:]

    /// - Throws: ``AdminRefusal`` 400 for what is no query, for names that are not known and for those that come twice.
    init(_ text: String?, names: Set<String>) throws(AdminRefusal) {
        for item in (text ?? "").split(separator: "&") {
            let parts = item.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = PercentCoding.decode(parts[0], plusIsSpace: true), parts.count == 2,
                let value = PercentCoding.decode(parts[1], plusIsSpace: true)
            else { throw AdminRefusal(400, "The query is not of the form name=value&name=value.") }
            guard names.contains(name) else {
                throw AdminRefusal(
                    400,
                    names.isEmpty
                        ? "This takes no parameters."
                        : "One of the parameters is not known; known are \(names.sorted().joined(separator: ", ")).")
            }
            guard values.updateValue(value, forKey: name) == nil else {
                throw AdminRefusal(400, "The parameter \(name) was given twice.")
            }
        }
    }

    subscript(name: String) -> String? { values[name] }

    /// Yes or no; no when it is not there.
    ///
    /// - Throws: ``AdminRefusal`` 400 for any other word.
    func flag(_ name: String) throws(AdminRefusal) -> Bool {
        switch values[name] {
        case "yes", "true", "1": return true
        case nil, "no", "false", "0": return false
        default: throw AdminRefusal(400, "The parameter \(name) is yes or no.")
        }
    }

    /// A whole number within these bounds.
    ///
    /// - Throws: ``AdminRefusal`` 400 for anything else.
    func number(_ name: String, _ bounds: ClosedRange<Int64>) throws(AdminRefusal) -> Int64? {
        guard let text = values[name] else { return nil }
        guard let number = Int64(text), bounds.contains(number) else {
            throw AdminRefusal(
                400, "The parameter \(name) is a whole number from \(bounds.lowerBound) to \(bounds.upperBound).")
        }
        return number
    }
}

/// Why a request is not followed.
struct AdminRefusal: Error {
    let answer: AdminAnswer

    init(_ status: Int, _ sentence: String, allow: String? = nil) {
        answer = .sentence(status, sentence, allow: allow)
    }
}
