// The table of what the admin listener answers: method, path and parameters of each call. Pure.
import CachePolicy
import DICOM
import DiskCache
import Gateway
import HTTP

/// One call of the admin listener, taken apart.
enum AdminRoute: Sendable {
    case health
    case readiness
    case explain(UID, UID?)
    /// Path and query of a request to the gateway.
    case explainRequest(String)
    case backends
    case statistics
    case metrics
    /// A page of series.
    case list(CacheSelection, after: SeriesKey?, limit: Int)
    /// One study with at most so many objects of each series.
    case show(UID, objects: Int)
    case purge(CacheSelection, isDryRun: Bool)
    case pins
    case pin(Pin)
    case unpin(Pin)
    case verify(CacheSelection)
    /// How far the scrubber is.
    case scrub
    case warm([WarmTarget], WarmSettings)

    /// Whether load balancers and orchestrators ask it.
    var isProbe: Bool {
        switch self {
        case .health, .readiness: true
        default: false
        }
    }
}

extension AdminRoute {
    enum Method: String {
        /// Stands for HEAD too.
        case get = "GET"
        case put = "PUT"
        case post = "POST"
        case delete = "DELETE"
    }

    /// A method and a path. In the path a word in braces stands for one segment, and `[…]` at the end may be left out.
    struct Row: Sendable {
        let method: Method
        let path: String
        let parameters: Set<String>
        let make: @Sendable (Words) throws(AdminRefusal) -> AdminRoute

        init(
            _ method: Method, _ path: String, _ parameters: Set<String> = [],
            make: @escaping @Sendable (Words) throws(AdminRefusal) -> AdminRoute
        ) {
            self.method = method
            self.path = path
            self.parameters = parameters
            self.make = make
        }
    }

    /// What stood in the braces of a path, and in the query and body.
    struct Words {
        let segments: [String: String]
        let query: AdminQuery
        let body: [UInt8]

        /// - Throws: ``AdminRefusal`` 400 for what is no UID.
        func uid(_ name: String) throws(AdminRefusal) -> UID {
            guard let uid = UID(segments[name] ?? "") else { throw Self.noUID }
            return uid
        }

        /// - Throws: ``AdminRefusal`` 400 for what is no text.
        func text(_ name: String) throws(AdminRefusal) -> String {
            guard let text = segments[name].flatMap({ PercentCoding.decode($0) }), !text.isEmpty, text.utf8.count <= 256
            else {
                throw AdminRefusal(400, "The path's last segment is empty, too long, or not percent-encoded UTF-8.")
            }
            return text
        }

        /// Nil when the path ended before it.
        ///
        /// - Throws: ``AdminRefusal`` 400 for what is no UID.
        func optionalUID(_ name: String) throws(AdminRefusal) -> UID? {
            segments[name] == nil ? nil : try uid(name)
        }

        private static let noUID = AdminRefusal(
            400, "A UID is 1 to 64 digits and dots; the path holds something else.")
    }

    static let table: [Row] = [
        Row(.get, "/healthz") { _ in .health },
        Row(.get, "/readyz") { _ in .readiness },
        Row(.get, "/explain/{study}[/{series}]") { words throws(AdminRefusal) in
            .explain(try words.uid("study"), try words.optionalUID("series"))
        },
        Row(.get, "/backends") { _ in .backends },
        Row(.get, "/metrics") { _ in .metrics },
        Row(.get, "/cache/stats") { _ in .statistics },
        Row(.get, "/cache/series", selection.union(["after", "limit"])) { words throws(AdminRefusal) in
            .list(
                try CacheSelection(words.query), after: try SeriesKey(pageEnd: words.query["after"]),
                limit: Int(try words.query.number("limit", pageLimit) ?? 100))
        },
        Row(.get, "/cache/studies/{study}", ["objects"]) { words throws(AdminRefusal) in
            .show(try words.uid("study"), objects: Int(try words.query.number("objects", objectLimit) ?? 0))
        },
        Row(.delete, "/cache", selection.union(["dry-run", "all"])) { words throws(AdminRefusal) in
            let selection = try CacheSelection(words.query)
            let isDryRun = try words.query.flag("dry-run")
            guard try words.query.flag("all") || isDryRun || !selection.isEverything else {
                throw AdminRefusal(400, "This would purge everything; say all=yes if that is meant.")
            }
            return .purge(selection, isDryRun: isDryRun)
        },
        Row(.delete, "/cache/studies/{study}[/series/{series}]", ["dry-run"]) { words throws(AdminRefusal) in
            let selection = CacheSelection(study: try words.uid("study"), series: try words.optionalUID("series"))
            return .purge(selection, isDryRun: try words.query.flag("dry-run"))
        },
        Row(.get, "/cache/pins") { _ in .pins },
        Row(.put, "/cache/pins/patients/{patient}") { words throws(AdminRefusal) in .pin(try pin(words)) },
        Row(.put, "/cache/pins/studies/{study}[/series/{series}]") { words throws(AdminRefusal) in
            .pin(try pin(words))
        },
        Row(.delete, "/cache/pins/patients/{patient}") { words throws(AdminRefusal) in .unpin(try pin(words)) },
        Row(.delete, "/cache/pins/studies/{study}[/series/{series}]") { words throws(AdminRefusal) in
            .unpin(try pin(words))
        },
        Row(.post, "/cache/verify", selection) { words throws(AdminRefusal) in
            .verify(try CacheSelection(words.query))
        },
        Row(.get, "/cache/scrub") { _ in .scrub },
        Row(.post, "/cache/warm", ["jobs", "rate"]) { words throws(AdminRefusal) in
            .warm(
                try warmTargets(words.body),
                WarmSettings(
                    jobs: Int(try words.query.number("jobs", jobLimit) ?? 2),
                    bytesPerSecond: try words.query.number("rate", rateLimit)))
        },
    ]

    /// Takes a request apart.
    ///
    /// - Throws: ``AdminRefusal``: 404 for a path that is not in the table, 405 for another method, 400 for what is wrong
    ///   with UIDs and parameters.
    static func read(_ request: AdminRequest) throws(AdminRefusal) -> (AdminRoute, Method) {
        let path = request.path.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        if path.count > 2, path[0].isEmpty, path[1] == "explain", UID(path[2]) == nil,
            path[2].contains(where: \.isLetter)
        {
            guard request.method == "GET" || request.method == "HEAD" else { throw otherMethod([.get]) }
            let target = request.path.dropFirst("/explain".count) + (request.query.map { "?\($0)" } ?? "")
            return (.explainRequest(String(target)), .get)
        }
        var methods: [Method] = []
        for row in table {
            guard let segments = row.match(path) else { continue }
            let method = request.method == "HEAD" ? "GET" : request.method
            guard row.method.rawValue == method else {
                methods.append(row.method)
                continue
            }
            let query = try AdminQuery(request.query, names: row.parameters)
            return (try row.make(Words(segments: segments, query: query, body: request.body)), row.method)
        }
        guard methods.isEmpty else { throw otherMethod(methods) }
        throw AdminRefusal(404, "There is nothing here. The admin listener knows:\n\(overview)")
    }

    private static func otherMethod(_ methods: [Method]) -> AdminRefusal {
        let allow = methods.map { $0 == .get ? "GET, HEAD" : $0.rawValue }.joined(separator: ", ")
        return AdminRefusal(405, "This answers to \(allow) only.", allow: allow)
    }

    /// A line for each call, for who asked for none of them.
    private static var overview: String {
        (["GET /explain/ before any path of the gateway"]
            + table.map { row in
                let parameters = row.parameters.sorted().map { "\($0)=" }.joined(separator: "&")
                return "\(row.method.rawValue) \(row.path)" + (parameters.isEmpty ? "" : "?\(parameters)")
            }).joined(separator: "\n")
    }
}

extension AdminRoute.Row {
    /// What stands in the braces; nil for another path.
    func match(_ path: [String]) -> [String: String]? {
        let ends = self.path.split(separator: "[")
        let short = ends[0].split(separator: "/", omittingEmptySubsequences: false)
        let rest = ends.count < 2 ? [] : ends[1].dropLast().split(separator: "/", omittingEmptySubsequences: false)
        let long = short + rest.dropFirst()
        guard path.count == short.count || path.count == long.count else { return nil }
        var segments: [String: String] = [:]
        for (pattern, segment) in zip(long, path) {
            if pattern.hasPrefix("{") {
                segments[String(pattern.dropFirst().dropLast())] = segment
            } else if pattern != segment {
                return nil
            }
        }
        return segments
    }
}
