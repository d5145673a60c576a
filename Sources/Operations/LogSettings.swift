// What an operator decides about logs and the admin listener.

/// How much a line matters, least first.
package enum LogLevel: Int, Sendable, Comparable, CaseIterable {
    case debug, info, warning, error

    /// The configuration's and the log's own word.
    package var word: String {
        switch self {
        case .debug: "debug"
        case .info: "info"
        case .warning: "warning"
        case .error: "error"
        }
    }

    package init?(word: String) {
        guard let level = Self.allCases.first(where: { $0.word == word }) else { return nil }
        self = level
    }

    package static func < (left: LogLevel, right: LogLevel) -> Bool { left.rawValue < right.rawValue }
}

package struct LogSettings: Sendable, Hashable {
    package enum Format: String, Sendable { case json, text }

    package var format: Format
    /// The least level that is written.
    package var level: LogLevel

    package init(format: Format = .json, level: LogLevel = .info) {
        self.format = format
        self.level = level
    }
}

package struct AdminSettings: Sendable, Hashable {
    /// The file with the token for calls that change something; nil: there are none.
    package var tokenFile: String?
    /// Host names, without port, beside loopback ones that a call may be for.
    package var allowedHosts: [String]

    package init(tokenFile: String? = nil, allowedHosts: [String] = []) {
        self.tokenFile = tokenFile
        self.allowedHosts = allowedHosts
    }
}
