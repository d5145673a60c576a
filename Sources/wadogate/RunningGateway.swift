// The composition root: every room made, in order, and handed to those that need it; and their end in the opposite order.
import CachePolicy
import Configuration
import DICOM
import DiskCache
import EventLoop
import Gateway
import Glibc
import HTTP
import HTTPServer
import Operations
import StudyDirectory
import Upstream

/// Why the gateway could not begin; a sentence for the operator.
struct StartError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

/// All rooms of one process at work.
final class RunningGateway: Sendable {
    let addresses: [SocketAddress]
    let adminAddresses: [SocketAddress]
    private let drainTimeout: Duration
    private let server: HTTPServer
    private let adminServer: HTTPServer
    private let admin: AdminHandler
    private let gateway: Gateway
    private let cache: DiskCache
    private let documents: StudyDocuments
    private let directory: StudyDirectory
    private let tls: TLSContext?
    private let workers: WorkerPool
    private let log: Log

    /// Opens everything; the admin listener first, so that /readyz can say that the rest is on its way, and the gateway's own
    /// listeners last. Runs on one of the loops.
    ///
    /// - Throws: ``StartError`` for what the operator must mend. What was opened before is left to the process's end.
    init(
        _ configuration: Configuration, log: Log, loops: EventLoopGroup, workers: WorkerPool
    ) async throws(StartError) {
        self.log = log
        self.workers = workers
        drainTimeout = configuration.drainTimeout
        let tls = try await Self.tls(configuration, workers)
        self.tls = tls

        let admin = AdminHandler(settings: configuration.admin, workers: workers, log: log)
        self.admin = admin
        let adminServer = HTTPServer(loops: loops, settings: configuration.server, handler: admin) { log.write($0) }
        self.adminServer = adminServer
        adminAddresses = try await Self.listen(adminServer, on: configuration.adminListen, tls: nil, workers)

        let cache = try await Self.openCache(configuration, log: log, workers: workers)
        self.cache = cache
        let upstream = try Self.upstream(configuration, loops: loops, workers: workers)
        let documents = StudyDocuments(of: cache)
        self.documents = documents
        let directory = await StudyDirectory(
            sources: configuration.sources, upstream: upstream, loops: loops, workers: workers,
            kept: { study, source in
                guard let document = await documents.document(of: study), document.source == source,
                    let record = document.record
                else { return nil }
                let age = DiskCache.millisecondsSince1970() / 1000 - document.confirmedAt
                return KeptRecord(record: record, age: .seconds(max(0, age)))
            },
            log: { log.write(.info, "directory", [("note", .text($0))]) },
            onChange: { change in
                // What was stored of the study may be bytes that the archive no longer holds.
                if change.isOfFiles { Self.purge(change, from: cache, on: loops.loops[0], log: log) }
            })
        self.directory = directory

        var settings = configuration.gateway
        settings.secret = try await Self.secret(configuration, cache, workers: workers)
        let metrics = Metrics(backends: Self.reported(configuration), loops: loops.loops.count)
        let gateway = Gateway(
            settings: settings, upstream: upstream, directory: directory, cache: cache, documents: documents,
            workers: workers,
            reports: GatewayReports(
                request: { entry, loop in
                    metrics.record(entry, on: loop)
                    log.write(entry)
                },
                fill: { metrics.record($0, on: $1) }, finding: { log.write($0) },
                epoch: { study, epoch in
                    metrics.record(epoch)
                    log.write(
                        .info, "epoch",
                        [("study", .text(study.string)), ("raised_for", .text(epoch.reason.rawValue))])
                }))
        self.gateway = gateway
        let server = HTTPServer(loops: loops, settings: configuration.server, handler: gateway) { log.write($0) }
        self.server = server
        addresses = try await Self.listen(server, on: configuration.listen, tls: tls, workers)
        admin.enter(
            .ready(
                Self.actions(gateway, cache) { [workers] accept in
                    var seen = MetricsObservation(version: programVersion)
                    (seen.fillsRunning, seen.connections) = (gateway.fillsRunning, server.connectionCount)
                    (seen.backends, seen.negativeHits) = (upstream.counters, gateway.negativeHits)
                    seen.prefetch = gateway.prefetchCounters
                    return await workers.run { [seen] in metrics.page(of: seen.completed(by: cache), accept: accept) }
                }))
    }

    /// Gives the cache to whoever waits for it, takes no new work and lets answers under way finish. Runs on `loop`.
    func drain(on loop: EventLoop) async {
        admin.enter(.draining)
        log.write(.info, "draining", [("limit_ms", .milliseconds(drainTimeout))])
        gateway.stopErrands()
        await documents.settle()
        // First, so that a successor stores what we would have. What is being filled reaches its clients all the same.
        await cache.close()
        await server.drain(within: drainTimeout)
        await adminServer.drain(within: .seconds(1))
        log.write(.info, "stopped")
    }

    /// Reads the TLS files again, for new connections, and looks for new studies in folders. Runs on one of the loops.
    func reload() async {
        if let tls {
            await workers.run { [log] in
                do throws(TLSError) {
                    try tls.reload()
                    log.write(.info, "TLS files were reloaded")
                } catch {
                    log.write(
                        .error, "TLS files were not reloaded; those of before go on",
                        [("reason", .text(error.description))])
                }
            }
        }
        await directory.refresh()
    }

    // MARK: Parts

    private static func purge(_ change: StudyChange, from cache: DiskCache, on loop: EventLoop, log: Log) {
        loop.spawn {
            let freed = await cache.purge(study: change.study, series: nil)
            log.write(
                .info, "directory",
                [
                    ("note", .text("\(change.source): files of study \(change.study) changed, purged from the cache")),
                    ("bytes", .integer(freed)),
                ])
        }
    }

    /// The names that reports of requests and fills can speak of.
    private static func reported(_ configuration: Configuration) -> [String] {
        configuration.backends.map(\.name)
            + configuration.sources.compactMap { if case .archive(let name, _) = $0.kind { name } else { nil } }
    }

    private static func actions(
        _ gateway: Gateway, _ cache: DiskCache, metrics: @escaping @Sendable (String) async -> MetricsPage
    ) -> AdminActions {
        AdminActions(
            explain: { study, series, loop in
                do throws(DirectoryError) {
                    return .success(try await gateway.explainer.explain(study: study, series: series, on: loop).json)
                } catch {
                    return .failure(error)
                }
            },
            explainRequest: { target, accept, loop in
                do throws(ExplainError) {
                    return .success(try await gateway.explainer.explain(target: target, accept: accept, on: loop).json)
                } catch {
                    return .failure(error)
                }
            },
            abilities: { .array(gateway.abilities().map(\.json)) }, metrics: metrics,
            cache: AdminCacheActions(cache),
            warm: { targets, settings, loop, report throws(AdminClientGone) in
                try await gateway.warm(targets, settings, on: loop, report: report)
            })
    }

    private static func openCache(
        _ configuration: Configuration, log: Log, workers: WorkerPool
    ) async throws(StartError) -> DiskCache {
        try await workers.run { () throws(StartError) in
            do throws(CacheDirectoryError) {
                return try DiskCache(settings: configuration.cache, workers: workers) { text in
                    log.write(.warning, "cache", [("note", .text(text))])
                }
            } catch {
                throw StartError(error.description)
            }
        }
    }

    /// The bytes of `secret_file`, else the cache's own.
    private static func secret(
        _ configuration: Configuration, _ cache: DiskCache, workers: WorkerPool
    ) async throws(StartError) -> [UInt8] {
        try await workers.run { () throws(StartError) in
            if let path = configuration.secretFile {
                if let secret = SmallFile.read(path, most: 4096), secret.count >= 32 { return secret }
                throw StartError("secret_file \(path) can't be read or holds less than 32 bytes")
            }
            do throws(CacheDirectoryError) {
                return try cache.secret()
            } catch {
                throw StartError(error.description)
            }
        }
    }

    static func upstream(
        _ configuration: Configuration, loops: EventLoopGroup, workers: WorkerPool
    ) throws(StartError) -> Upstream {
        var backends = configuration.backends
        for case .fhir(_, var backend) in configuration.sources.map(\.kind) {
            // Asked by the study directory only: an endpoint's address on a FHIR server is no image backend.
            backend.role = .directory
            backends.append(backend)
        }
        do {
            return try Upstream(loops: loops, workers: workers, backends: backends)
        } catch {
            throw StartError("\(error)")
        }
    }

    private static func listen(
        _ server: HTTPServer, on addresses: [ListenAddress], tls: TLSContext?, _ workers: WorkerPool
    ) async throws(StartError) -> [SocketAddress] {
        try await workers.run { () throws(StartError) in
            var bound: [SocketAddress] = []
            for address in addresses {
                do throws(ListenError) {
                    bound += try server.listen(on: address, tls: tls)
                } catch {
                    throw StartError(error.description)
                }
            }
            return bound
        }
    }

    private static func tls(
        _ configuration: Configuration, _ workers: WorkerPool
    ) async throws(StartError) -> TLSContext? {
        guard let files = configuration.tls else { return nil }
        return try await workers.run { () throws(StartError) in
            do throws(TLSError) {
                return try TLSContext(
                    certificateFile: files.certificate, keyFile: files.key, clientCAFile: files.clientAuthority)
            } catch {
                throw StartError("tls: \(error)")
            }
        }
    }
}

extension Log {
    /// What happened on a listener beside its requests.
    func write(_ event: ServerEvent) {
        let level: LogLevel =
            switch event {
            case .requestRefused, .handshakeFailed, .writeStalled: .info
            case .connectionRefused, .acceptPaused, .fileUnreadable: .warning
            case .exchangeDropped, .lengthMismatch: .error
            }
        write(level, "connection", [("note", .text(event.description))])
    }
}
