// From UIDs to a record and the endpoints that may answer: resolve, authorize, choose.
import DICOM
import DiskCache
import FHIR
import Glibc
import HTTP
import HTTPServer
import StudyDirectory
import Upstream
import WADO

/// A request whose study is known: the record, and the endpoints for what it asks.
struct Located: Sendable {
    var resolution: Resolution
    var study: UID
    var series: UID?
    /// The one instance that the request is about.
    var target: InstanceTarget?
    /// For the series, or for the study when no series is named.
    var choice: EndpointChoice
    var demand = Demand()

    /// Whether the directory itself vouches that the instance belongs to this series of this study.
    var isListed: Bool {
        guard let target else { return false }
        return resolution.record.series.contains { series in
            series.uid == target.series && series.instances.contains { $0.uid == target.instance }
        }
    }
}

extension Gateway {
    /// Finds the record, checks the principal against it, and the record's status.
    func resolve(_ request: RetrieveRequest, _ context: RequestContext) async throws(Problem) -> Located {
        let (study, known) = try locateStudy(of: request)
        let resolution: Resolution
        do { resolution = try await directory.resolve(study, on: context.loop) } catch { throw Problem(error) }
        context.resolution = resolution
        // An errand shows nobody anything: who asks for what it has brought is authorized then.
        if !context.isErrand { try authorize(context.principal, resolution.record) }
        if resolution.record.isWithdrawn { await withdraw(resolution) }
        try Self.checkStatus(of: resolution.record)
        var series = request.series ?? known
        if let instance = request.instance, series == nil {
            series = try Self.series(of: instance, in: resolution.record)
        }
        context.entry.study = study
        context.entry.series = series
        var target: InstanceTarget?
        if let series, let instance = request.instance {
            target = InstanceTarget(study: study, series: series, instance: instance)
        }
        var located = Located(
            resolution: resolution, study: study, series: series, target: target,
            choice: choice(in: resolution, series: series))
        // Of a study whose own endpoint is private, a series may be shared.
        located.demand = demand(of: context, at: await epochs.moment(of: resolution))
        if !passesClientCredentials(located) {
            recheckIfDue(resolution, at: located.demand.moment, on: context.loop)
        }
        return located
    }

    /// What is stored of a study that should never have been there goes, once.
    private func withdraw(_ resolution: Resolution) async {
        guard epochs.known(resolution) == nil else { return }
        _ = await epochs.moment(of: resolution)
        _ = await cache.purge(study: resolution.record.study, series: nil)
    }

    func choice(in resolution: Resolution, series: UID?) -> EndpointChoice {
        EndpointChoice(
            record: resolution.record, series: series, now: timestamp(secondsSince1970()),
            fallback: settings.defaultEndpoint, directoryBase: resolution.base)
    }

    private func locateStudy(of request: RetrieveRequest) throws(Problem) -> (study: UID, series: UID?) {
        if let study = request.study { return (study, nil) }
        guard let instance = request.instance, let found = directory.locate(instance: instance) else {
            throw Problem(
                status: 404,
                "The request names the instance alone, and no study that this gateway has seen lately holds it. Name "
                    + "studyUID and seriesUID too.")
        }
        return (found.study, found.series)
    }

    /// For callers that leave out seriesUID.
    private static func series(of instance: UID, in record: StudyRecord) throws(Problem) -> UID {
        if let series = record.series.first(where: { $0.instances.contains { $0.uid == instance } }) {
            return series.uid
        }
        if record.series.count == 1 { return record.series[0].uid }
        throw Problem(
            status: 404, "The study's record does not list this instance, so its series must be named (seriesUID).")
    }

    /// What each status of a record means for a retrieve (PROTOCOL D.2).
    static func checkStatus(of record: StudyRecord) throws(Problem) {
        switch record.status {
        case .available, .unknown, .inactive: return
        case .registered: throw Problem(status: 404, "The study is registered, but no image of it is available yet.")
        case .cancelled: throw Problem(status: 404, "The study was cancelled before any image of it was made.")
        case .unavailable: throw Problem(status: 404, "The study's images are not available.")
        case .enteredInError: throw Problem(status: 410, "The study's record was entered in error.")
        }
    }
}

/// "2026-11-24T13:00:00Z" for seconds since 1970.
func timestamp(_ seconds: Int64) -> String {
    var moment = time_t(seconds)
    var parts = unsafe tm()
    unsafe gmtime_r(&moment, &parts)
    func two(_ value: Int32) -> String { value < 10 ? "0\(value)" : "\(value)" }
    let date = unsafe "\(parts.tm_year + 1900)-\(two(parts.tm_mon + 1))-\(two(parts.tm_mday))"
    let clock = unsafe "\(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec))"
    return "\(date)T\(clock)Z"
}
