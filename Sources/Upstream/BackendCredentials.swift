// How the gateway makes itself known to one backend, ready to be sent. Never printed.
import EventLoop
import HTTP

/// The configured credentials of a backend together with the file that their secret is in.
struct BackendCredentials: Sendable {
    /// What a request carries.
    enum Ready: Sendable {
        case none
        case basic(user: String, password: String)
        case field(name: String, value: String)
    }

    private let configured: Backend.Credentials
    private let file: SecretFile?

    init(_ credentials: Backend.Credentials, workers: WorkerPool) {
        configured = credentials
        file =
            switch credentials {
            case .none, .client: nil
            case .basic(_, let path), .bearer(let path), .header(_, let path): SecretFile(path: path, workers: workers)
            }
    }

    /// - Throws: ``SecretFile/Failure``.
    func ready(
        for request: UpstreamRequest, now: ContinuousClock.Instant
    ) async throws(SecretFile.Failure) -> Ready {
        let secret = try await file?.secret(now: now) ?? ""
        return switch configured {
        case .none: .none
        case .basic(let user, _): .basic(user: user, password: secret)
        case .bearer: .field(name: "Authorization", value: "Bearer " + secret)
        case .header(let name, _): .field(name: name, value: secret)
        case .client: request.clientAuthorization.map { .field(name: "Authorization", value: $0) } ?? .none
        }
    }
}
