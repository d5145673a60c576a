// The token of admin.token_file. Read anew for each call that needs it: such calls are rare, and a new token counts at once.
import Glibc

/// What the token file holds at this moment.
package enum AdminToken: Sendable {
    case notConfigured
    case unreadable
    case token(Secret)

    /// A text that is compared in constant time and never printed.
    package struct Secret: Sendable {
        private let bytes: [UInt8]

        /// Nil when empty: an empty secret would let everybody in.
        package init?(_ text: some StringProtocol) {
            bytes = Array(text.utf8)
            guard !bytes.isEmpty else { return nil }
        }

        /// Takes the same time wherever the texts differ; only the length of what was sent shows.
        package func matches(_ sent: String) -> Bool {
            let sent = Array(sent.utf8)
            var difference = UInt8(sent.count == bytes.count ? 0 : 1)
            for index in sent.indices { difference |= sent[index] ^ bytes[index % bytes.count] }
            return difference == 0
        }
    }

    /// Reads the first line of the file; blocks. A file that other users may read is not trusted.
    package static func read(_ path: String?) -> AdminToken {
        guard let path else { return .notConfigured }
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { return .unreadable }
        defer { close(descriptor) }
        var status = stat()
        // fstat fills one structure.
        guard unsafe fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG, status.st_mode & 0o007 == 0
        else {
            return .unreadable
        }
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = unsafe bytes.withUnsafeMutableBytes { buffer in
            unsafe Glibc.read(descriptor, buffer.baseAddress, buffer.count)
        }
        guard count > 0 else { return .unreadable }
        let line = bytes[..<count].prefix { $0 != UInt8(ascii: "\n") && $0 != UInt8(ascii: "\r") }
        return Secret(String(decoding: line, as: UTF8.self)).map { .token($0) } ?? .unreadable
    }
}
