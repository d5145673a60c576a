// Who asks, and whether they may: every answer passes here, hits and followers too.
import EventLoop
import FHIR
import Glibc
import HTTP
import HTTPServer
import Synchronization

/// Who asks: what the access step has established.
struct Principal: Sendable, Hashable {
    /// The name for the log: a token's name, a certificate's subject; nil when access is anonymous.
    var name: String?
}

/// The tokens of `access.path`, by their text.
final class BearerTokens: Sendable {
    private struct State {
        var stamp: FileStamp?
        /// Token → name. Compared by hash table look-up on a keyed hash, so that timing tells nothing of a token.
        var names: [String: String] = [:]
        var checkedAt: ContinuousClock.Instant?
    }

    private let path: String
    private let state = Mutex(State())

    init(path: String) { self.path = path }

    /// The name of a token, nil when there is no such token. Reads the file when it has changed, at most once a second.
    func name(of token: String, now: ContinuousClock.Instant) -> String? {
        state.withLock { state in
            if state.checkedAt.map({ now - $0 > .seconds(1) }) ?? true {
                state.checkedAt = now
                reload(&state)
            }
            return state.names[token]
        }
    }

    private func reload(_ state: inout State) {
        guard let stamp = FileStamp(path: path) else {
            // A vanished file lets nobody in.
            state.names = [:]
            state.stamp = nil
            return
        }
        guard stamp != state.stamp, let text = readSmallFile(path) else { return }
        state.stamp = stamp
        state.names = Self.parse(text)
    }

    /// "token" or "name token", one a line; `#` begins a comment line.
    static func parse(_ text: String) -> [String: String] {
        var names: [String: String] = [:]
        for line in text.split(whereSeparator: \.isNewline) where !line.hasPrefix("#") {
            let words = line.split(separator: " ", omittingEmptySubsequences: true)
            guard let token = words.last, words.count <= 2 else { continue }
            names[String(token)] = words.count == 2 ? String(words[0]) : "token"
        }
        return names
    }
}

/// What tells that a file was replaced or rewritten.
struct FileStamp: Equatable, Sendable {
    let inode: UInt
    let size: Int
    let seconds: Int
    let nanoseconds: Int

    init?(path: String) {
        var info = stat()
        guard unsafe stat(path, &info) == 0 else { return nil }
        inode = info.st_ino
        size = info.st_size
        seconds = info.st_mtim.tv_sec
        nanoseconds = info.st_mtim.tv_nsec
    }
}

/// A file of at most 1 MiB as text; nil when it cannot be read.
func readSmallFile(_ path: String) -> String? {
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: 1 << 20)
    var count = 0
    while count < bytes.count {
        let part = unsafe bytes.withUnsafeMutableBytes { buffer in
            unsafe read(descriptor, buffer.baseAddress! + count, buffer.count - count)
        }
        if part <= 0 { break }
        count += part
    }
    return String(decoding: bytes[..<count], as: UTF8.self)
}

extension Gateway {
    /// Establishes who asks.
    ///
    /// - Throws: ``Problem`` 401 with what is missing.
    func authenticate(_ exchange: Exchange) throws(Problem) -> Principal {
        switch settings.access {
        case .anonymous:
            return Principal(name: exchange.clientSubject)
        case .mutualTLS:
            guard let subject = exchange.clientSubject else {
                throw Problem(status: 401, "This gateway asks for a client certificate.")
            }
            return Principal(name: subject)
        case .bearerFile:
            guard let token = bearerToken(in: exchange.request.fields),
                let name = tokens?.name(of: token, now: exchange.loop.now)
            else {
                throw Problem(status: 401, "This gateway asks for a bearer token (Authorization: Bearer …).")
            }
            return Principal(name: name)
        }
    }

    private func bearerToken(in fields: HTTPFields) -> String? {
        let values = fields.values("authorization")
        guard values.count == 1, let value = values.first, value.prefix(7).lowercased() == "bearer " else { return nil }
        return String(value.dropFirst(7))
    }

    /// Whether this principal may see this study. Whoever is let in at all may see every study; rules by patient come here.
    func authorize(_ principal: Principal, _ record: StudyRecord) throws(Problem) {
        switch settings.access {
        case .anonymous: return
        case .bearerFile, .mutualTLS:
            guard principal.name != nil else {
                throw Problem(status: 403, "You may not see this study.")
            }
        }
    }
}
