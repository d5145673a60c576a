// The way of a request: authorize → resolve → plan → look up → fetch → translate → deliver → account (DESIGN section 2).
import CachePolicy
import DICOM
package import DiskCache
package import EventLoop
import FHIR
import HTTP
package import HTTPServer
package import StudyDirectory
import Synchronization
package import Upstream
import WADO

/// Answers WADO-RS and WADO-URI requests; one for the process, called on every loop.
package final class Gateway: RequestHandler {
    let settings: GatewaySettings
    let upstream: Upstream
    let directory: StudyDirectory
    let cache: DiskCache
    let workers: WorkerPool
    /// Threads of their own for what is made from stored instances: such a thread waits for the cache to take its pieces, and
    /// the cache may need a worker for that.
    let derivers: WorkerPool
    let grammar: WADOGrammar
    let bulkTokens: BulkTokens
    let tokens: BearerTokens?
    let boundaryKey: [UInt8]
    let trustedProxies: [AddressBlock]
    /// Whether any backend gets the clients' own credentials.
    let hasClientCredentials: Bool
    let abilityBook: AbilityBook
    let probeFlights = ProbeFlights()
    let runningFills = RunningFills()
    let epochs: EpochBook
    /// What backends have said that they have not.
    let absences: BriefMemory<AbsentObject, Problem>
    /// What could not be renewed a moment ago.
    let failedRenewals = BriefMemory<ObjectKey, Void>(lifetime: .seconds(10))
    let rechecks = RecheckQueue()
    /// Studies whose archives could not be asked a moment ago.
    let failedRechecks = BriefMemory<UID, Void>(lifetime: .seconds(600))
    let prefetches = Prefetches()
    /// Whose fill may ask a backend.
    let fillTurns: FillTurns
    let collectionFills = CollectionFills()
    let memberships = MembershipBook()
    let seriesCounts = SeriesCounts()
    let reports: GatewayReports
    let negativeHitCount = Atomic<Int64>(0)

    package init(
        settings: GatewaySettings, upstream: Upstream, directory: StudyDirectory, cache: DiskCache,
        documents: StudyDocuments, workers: WorkerPool, reports: GatewayReports
    ) {
        self.settings = settings
        self.upstream = upstream
        self.directory = directory
        self.cache = cache
        self.workers = workers
        fillTurns = FillTurns(limit: settings.maxFills, limitPerClient: settings.maxFillsPerClient)
        abilityBook = AbilityBook(configured: settings.abilities)
        derivers = WorkerPool(threads: 4)
        self.reports = reports
        epochs = EpochBook(documents: documents, log: reports.epoch)
        absences = BriefMemory(lifetime: settings.negativeFor)
        grammar = WADOGrammar(dicomWebRoot: settings.dicomWebRoot, wadoURIPath: settings.wadoURIPath)
        bulkTokens = BulkTokens(secret: settings.secret)
        boundaryKey = hmacSHA256(key: settings.secret, Array("multipart boundary".utf8))
        if case .bearerFile(let path) = settings.access { tokens = BearerTokens(path: path) } else { tokens = nil }
        hasClientCredentials = upstream.backends.contains { $0.credentials == .client }
        trustedProxies = settings.trustedProxies.compactMap { AddressBlock($0) }
    }

    package func handle(_ exchange: Exchange) {
        let context = RequestContext(exchange: exchange)
        exchange.onEnd { end in self.account(context, end) }
        do throws(Problem) {
            let request = try admit(context)
            if try deliverAtOnce(request, context) {
                noteOpened(request, context)
                return
            }
            let task = exchange.loop.spawn { await self.serve(request, context) }
            exchange.onCancel { task.cancel() }
        } catch {
            context.refuse(error)
        }
    }

    /// How often a backend was spared a question that it had answered with "no such object" a moment ago.
    package var negativeHits: Int64 { negativeHitCount.load(ordering: .relaxed) }

    /// Fetches and derivations under way.
    package var fillsRunning: Int { runningFills.count }

    /// Checks the host, the principal and the request's grammar.
    private func admit(_ context: RequestContext) throws(Problem) -> RetrieveRequest {
        let exchange = context.exchange
        let fields = exchange.request.fields
        let isTrusted = trustedProxies.contains { $0.contains(exchange.peer) }
        context.origin = try BaseURL.origin(
            settings: settings, host: fields["host"], forwarded: isTrusted ? Forwarded(fields) : nil,
            isSecure: exchange.isSecure)
        let request: RetrieveRequest?
        do { request = try grammar.parse(exchange.request) } catch {
            context.entry.route = .refused
            // Who may not ask gets no lesson in grammar.
            context.principal = try authenticate(exchange)
            var problem = Problem(error)
            problem.quotesClient = true
            throw problem
        }
        context.principal = try authenticate(exchange)
        context.entry.principal = context.principal.name
        guard let request else {
            throw Problem(
                status: 404,
                "Nothing is here. Studies are under \(settings.dicomWebRoot)/studies, WADO-URI is at "
                    + "\(settings.wadoURIPath)?requestType=WADO.")
        }
        context.entry.route = RequestRoute(request)
        context.entry.study = request.study
        context.entry.series = request.series
        context.entry.instance = request.instance
        context.warnings = request.warnings
        try Self.checkAnonymity(of: request)
        return request
    }

    static func checkAnonymity(of request: RetrieveRequest) throws(Problem) {
        guard request.wantsAnonymized else { return }
        throw Problem(status: 501, "This gateway does not anonymize, and never ignores that it was asked to.")
    }

    private func serve(_ request: RetrieveRequest, _ context: RequestContext) async {
        do throws(Problem) {
            let located = try await resolve(request, context)
            if let objects = request.objects, let target = located.target {
                try await deliver(objects, of: target, located, request, context)
            } else {
                try await stream(located, request, context)
            }
            noteOpened(request, context)
        } catch {
            if !error.isAnswered { context.refuse(error) }
        }
    }

    private func account(_ context: RequestContext, _ end: ExchangeEnd) {
        var entry = context.entry
        entry.bytes = context.exchange.bytesSent
        entry.duration = ContinuousClock.now - context.startedAt
        switch end {
        case .complete: break
        case .clientGone: (entry.unfinished, entry.failure) = (.clientGone, "client gone")
        case .aborted: (entry.unfinished, entry.failure) = (.cutShort, entry.failure ?? "cut short")
        }
        entry.savedBytes = context.savedBytes
        reports.request(entry, context.exchange.loop)
    }
}
