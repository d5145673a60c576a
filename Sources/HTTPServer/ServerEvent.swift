// What a server tells its log beside the requests, which their handler logs.
package import EventLoop
package import HTTP

/// Something an operator may want to know of.
package enum ServerEvent: Sendable, CustomStringConvertible {
    /// A request was refused by the parser or the limits; the handler never saw it.
    case requestRefused(peer: String, HTTP1Error)
    case connectionRefused(peer: String, limit: Int)
    /// The process or the system is out of descriptors or memory; accepting goes on after a pause.
    case acceptPaused(SystemError)
    case handshakeFailed(peer: String, reason: String)
    /// The client took nothing for too long.
    case writeStalled(peer: String)
    /// A handler let an exchange go without an answer. A bug of this program.
    case exchangeDropped
    /// A handler sent more or fewer bytes than it announced.
    case lengthMismatch(announced: Int64, sent: Int64)
    /// A file that was being sent could not be read, or has become shorter.
    case fileUnreadable(SystemError?)

    package var description: String {
        switch self {
        case .requestRefused(let peer, let error): "request from \(peer) refused with \(error.status): \(error)"
        case .connectionRefused(let peer, let limit): "connection from \(peer) refused: \(limit) are open"
        case .acceptPaused(let error): "accepting connections pauses: \(error)"
        case .handshakeFailed(let peer, let reason): "TLS handshake with \(peer) failed: \(reason)"
        case .writeStalled(let peer): "\(peer) stopped reading its answer"
        case .exchangeDropped: "an exchange was dropped without an answer"
        case .lengthMismatch(let announced, let sent): "\(announced) bytes were announced and \(sent) sent"
        case .fileUnreadable(let error):
            "a file broke off while it was sent: \(error.map(\.description) ?? "too short")"
        }
    }
}
