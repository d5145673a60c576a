// Which endpoints may answer for a series (PROTOCOL D.3). Pure: the time is an argument, and whether an address may be
// contacted, or its backend is well, is decided elsewhere.
package import DICOM
package import HTTP

/// Which endpoints may answer for one series, best first, and why the others may not.
///
/// Spec: FHIR R4 and R6 ImagingStudy, "ImagingStudy Endpoints".
package struct EndpointChoice: Sendable, Hashable {
    /// An endpoint that may answer, as one of its types.
    package struct Candidate: Sendable, Hashable {
        package let endpoint: Endpoint
        /// wadoRS, wadoURI or archive; qidoRS for one that is searched.
        package let type: ConnectionType
        /// The normalised base: no trailing slash, no `/studies`; for WADO-URI its query is kept. Nil for an archive.
        package let base: HTTPURL?
    }

    /// An endpoint that may not answer.
    package struct Rejection: Sendable, Hashable {
        package let endpoint: Endpoint
        /// A sentence for a person: "its status is off", "overridden by the series' own dicom-wado-rs endpoint"…
        package let reason: String
    }

    /// Usable now: an archive first, then WADO-RS before WADO-URI, in record order within a type.
    package private(set) var candidates: [Candidate] = []
    /// QIDO-RS services that can list what the series or study has. They deliver nothing, so the refusals speak of them too.
    package private(set) var searches: [Candidate] = []
    /// In the order in which they were met: the series' own first.
    package private(set) var rejections: [Rejection] = []
    /// Only suspended or failing endpoints are left: answer 503.
    package private(set) var isSuspended = false

    /// The candidates so far, by what two of them must not have in common; empty once the choice is made.
    private var services: [Service: Endpoint] = [:]

    private struct Service: Hashable {
        let type: ConnectionType
        let address: String
    }

    /// Chooses for a series, or for the study as a whole when `series` is nil.
    ///
    /// - Parameters:
    ///   - now: ISO 8601 in UTC, "2026-11-24T13:00:00Z".
    ///   - fallback: the configured default endpoint, used when neither series nor study names any.
    ///   - directoryBase: the FHIR server's base, against which relative addresses resolve.
    package init(record: StudyRecord, series: UID?, now: String, fallback: Endpoint?, directoryBase: HTTPURL? = nil) {
        let own = record.series.first { $0.uid == series }?.endpoints ?? []
        let namesNone =
            own.isEmpty && record.endpoints.isEmpty
            && (series != nil || record.series.allSatisfy { $0.endpoints.isEmpty })
        let moment = FHIRDateTime(now)?.first
        let context = Context(study: record.study, moment: moment, directory: directoryBase)

        searches = Self.searches(among: own, context)
        if searches.isEmpty { searches = Self.searches(among: record.endpoints, context) }
        let ownTypes = consider(own, overridden: [], context)
        _ = consider(record.endpoints, overridden: ownTypes, context)
        if namesNone, let fallback { _ = consider([fallback], overridden: [], context) }

        candidates = Self.order.flatMap { type in candidates.filter { $0.type == type } }
        rejections = ParsedStudy.distinct(rejections)
        services = [:]
        if !candidates.isEmpty { isSuspended = false }
    }

    /// The same choice with some of its candidates only.
    package func only(_ candidates: [Candidate]) -> EndpointChoice {
        var choice = self
        choice.candidates = candidates
        return choice
    }

    private static let order: [ConnectionType] = [.archive, .wadoRS, .wadoURI]

    private struct Context {
        let study: UID
        let moment: Int64?
        let directory: HTTPURL?
    }

    /// Sorts the endpoints of one level into candidates and rejections.
    ///
    /// - Returns: the retrieve types for which this level speaks, suspended services included. What is switched off, out of its
    ///   period or not usable counts as absent and overrides nothing.
    private mutating func consider(
        _ endpoints: [Endpoint], overridden: Set<ConnectionType>, _ context: Context
    ) -> Set<ConnectionType> {
        var spokenFor: Set<ConnectionType> = []
        for endpoint in endpoints {
            if let reason = endpoint.absence(at: context.moment) {
                reject(endpoint, reason)
                continue
            }
            let types = endpoint.connectionTypes.filter(Self.order.contains)
            if types.isEmpty {
                reject(endpoint, endpoint.wrongType)
                continue
            }
            for type in types {
                if overridden.contains(type) {
                    reject(endpoint, "overridden by the series' own \(type.code) endpoint")
                } else if propose(endpoint, as: type, context) {
                    spokenFor.insert(type)
                }
            }
        }
        return spokenFor
    }

    private static func searches(among endpoints: [Endpoint], _ context: Context) -> [Candidate] {
        var found: [Candidate] = []
        for endpoint in endpoints where endpoint.status == .active && endpoint.connectionTypes.contains(.qidoRS) {
            guard endpoint.absence(at: context.moment) == nil,
                let base = try? EndpointAddress.base(
                    endpoint.address, of: .qidoRS, study: context.study, directory: context.directory),
                !found.contains(where: { $0.base == base })
            else { continue }
            found.append(Candidate(endpoint: endpoint, type: .qidoRS, base: base))
        }
        return found
    }

    /// - Returns: whether the endpoint speaks for its series, be it only to say that it is suspended.
    private mutating func propose(_ endpoint: Endpoint, as type: ConnectionType, _ context: Context) -> Bool {
        var base: HTTPURL?
        if type != .archive {
            do {
                base = try EndpointAddress.base(
                    endpoint.address, of: type, study: context.study, directory: context.directory)
            } catch {
                reject(endpoint, error.reason)
                return false
            }
        }
        if endpoint.status != .active {
            isSuspended = true
            reject(endpoint, "its status is \(endpoint.status.code)")
            return true
        }
        let service = Service(type: type, address: base?.description ?? endpoint.address)
        if let twin = services[service] {
            if twin != endpoint { reject(endpoint, "the same service as \(twin.id)") }
        } else {
            services[service] = endpoint
            candidates.append(Candidate(endpoint: endpoint, type: type, base: base))
        }
        return true
    }

    private mutating func reject(_ endpoint: Endpoint, _ reason: String) {
        rejections.append(Rejection(endpoint: endpoint, reason: reason))
    }
}

extension Endpoint {
    /// Why the endpoint counts as absent at that moment; nil when it does not.
    fileprivate func absence(at moment: Int64?) -> String? {
        switch status {
        case .off, .enteredInError, .test: return "its status is \(status.code)"
        case .unresolved: return "it is named but cannot be found"
        case .active, .suspended, .error, .other: break
        }
        guard let moment else { return nil }
        if let periodStart, let start = FHIRDateTime(periodStart), start.first > moment {
            return "its period has not begun"
        }
        if let periodEnd, let end = FHIRDateTime(periodEnd), end.last < moment { return "its period has ended" }
        return nil
    }

    fileprivate var wrongType: String {
        if connectionTypes.isEmpty { return "not a retrieve endpoint: it has no connection type" }
        return "not a retrieve endpoint: \(connectionTypes.map(\.code).joined(separator: ", "))"
    }
}
