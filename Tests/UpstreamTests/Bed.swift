// What each test needs: loops, workers and an Upstream with one backend, the scripted origin.
import EventLoop
import HTTP
import Upstream

/// One gateway side before one origin; ends both when it goes.
final class Bed: Sendable {
    let loops: EventLoopGroup
    let upstream: Upstream
    let url: HTTPURL
    private let origin: Origin?
    private let workers = WorkerPool(threads: 2)
    private let ending: Ending

    /// Stops the loops behind what the Upstream leaves to them when it goes: properties go in order.
    private final class Ending: Sendable {
        let loops: EventLoopGroup
        init(_ loops: EventLoopGroup) { self.loops = loops }
        deinit { loops.stop() }
    }

    struct NotAURL: Error {}

    /// - Parameter match: the path of the backend's `match`.
    init(
        _ origin: Origin, loops count: Int = 1, match: String = "/", tune: (inout Backend) -> Void = { _ in }
    ) throws {
        loops = try EventLoopGroup(count: count)
        self.origin = origin
        ending = Ending(loops)
        url = try Self.url("http://127.0.0.1:\(origin.port)/")
        var backend = Backend(name: "pacs", match: try Self.url("http://127.0.0.1:\(origin.port)\(match)"))
        tune(&backend)
        upstream = try Upstream(loops: loops, workers: workers, backends: [backend])
    }

    /// For origins that are not ``Origin``.
    init(backends: [Backend]) throws {
        loops = try EventLoopGroup(count: 1)
        origin = nil
        ending = Ending(loops)
        url = try Self.url("http://127.0.0.1:1/")
        upstream = try Upstream(loops: loops, workers: workers, backends: backends)
    }

    deinit {
        origin?.stop()
        workers.stop()
    }

    static func url(_ text: String) throws -> HTTPURL {
        guard let url = HTTPURL(text) else { throw NotAURL() }
        return url
    }

    var counters: BackendCounters { upstream.counters[0].counters }

    /// Runs a body on a loop.
    func run<Value: Sendable>(
        on index: Int = 0, _ body: @escaping @Sendable (EventLoop) async throws -> Value
    ) async throws -> Value {
        let loop = loops.loops[index]
        let result: Result<Value, any Error> = await withCheckedContinuation { continuation in
            loop.spawn {
                do {
                    continuation.resume(returning: .success(try await body(loop)))
                } catch {
                    continuation.resume(returning: .failure(error))
                }
            }
        }
        return try result.get()
    }

    func request(_ path: String = "/") throws -> UpstreamRequest {
        UpstreamRequest(url: try Self.url("\(url.origin)\(path)"))
    }

    /// Head and whole body.
    func fetch(_ path: String = "/", on index: Int = 0) async throws -> (head: ResponseHead, body: [UInt8]) {
        try await run(on: index) { loop in
            let response = try await self.upstream.get(try self.request(path), on: loop)
            return (response.head, try await response.wholeBody())
        }
    }

    /// The kind of the failure, of the head or of the body; nil when all went well.
    func failure(_ path: String = "/") async throws -> UpstreamError.Kind? {
        do {
            _ = try await fetch(path)
            return nil
        } catch let error as UpstreamError {
            return error.kind
        }
    }
}

extension UpstreamResponse {
    func wholeBody() async throws -> [UInt8] {
        var body: [UInt8] = []
        while let piece = try await next() { body += piece }
        return body
    }
}

extension Conversation {
    /// Answers every request of the connection with one text.
    func answerAll(_ answer: String) throws { while readHead() != nil { try send(answer) } }
}
