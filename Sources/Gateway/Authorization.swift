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

    /// The token of an Authorization field's value; nil when it is of another scheme. Spec: RFC 9110 §11.4.
    static func token(in value: String) -> String? {
        guard value.prefix(7).lowercased() == "bearer " else { return nil }
        return String(value.dropFirst(7).drop { $0 == " " })
    }

    /// A file that is gone, too large or can't be read lets nobody in: whom it would refuse is not known.
    private func reload(_ state: inout State) {
        let stamp = FileStamp(path: path)
        if let stamp, stamp == state.stamp { return }
        let file = TokenFile(path: path)
        state.stamp = file == nil ? nil : stamp
        state.names = file?.names ?? [:]
    }
}

/// What a token file says: "token" or "name token", one a line, with spaces or tabs; `#` begins a comment line.
package struct TokenFile: Sendable {
    /// Bytes of the largest file that is read.
    package static let largestSize = 1 << 20

    /// Token → name.
    package private(set) var names: [String: String] = [:]
    /// Lines of more than two words, from 1; they let nobody in.
    package private(set) var malformedLines: [Int] = []

    /// Reads the file; blocks. Nil when it can't be read or is larger than ``largestSize``: no part of it counts then.
    package init?(path: String) {
        guard let text = readSmallFile(path, most: Self.largestSize) else { return nil }
        self.init(text)
    }

    package init(_ text: String) {
        let lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
        for (index, line) in lines.enumerated() {
            let words = line.split { $0 == " " || $0 == "\t" }
            guard let first = words.first, let token = words.last, !first.hasPrefix("#") else { continue }
            switch words.count {
            case 1: names[String(token)] = "token"
            case 2: names[String(token)] = String(first)
            default: malformedLines.append(index + 1)
            }
        }
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

/// A whole file as text; nil when it can't be read or holds more than `most` bytes.
private func readSmallFile(_ path: String, most: Int) -> String? {
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    // One byte more, so that a larger file is refused and not cut.
    var bytes = [UInt8](repeating: 0, count: most + 1)
    var count = 0
    while count < bytes.count {
        let part = unsafe bytes.withUnsafeMutableBytes { buffer in
            // `count` is within the buffer.
            unsafe read(descriptor, buffer.baseAddress! + count, buffer.count - count)
        }
        if part < 0 && errno == EINTR { continue }
        if part < 0 { return nil }
        if part == 0 { break }
        count += part
    }
    return count > most ? nil : String(decoding: bytes[..<count], as: UTF8.self)
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
        return values.count == 1 ? values.first.flatMap(BearerTokens.token(in:)) : nil
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
