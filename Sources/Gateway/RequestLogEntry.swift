// What is told of a request when it has ended. Holds no query values and no patient data.
package import DICOM

/// One finished request, for the log.
package struct RequestLogEntry: Sendable {
    package var requestID = ""
    package var peer = ""
    package var principal: String?
    package var method = ""
    package var route = RequestRoute.unknown
    package var status = 0
    package var study: UID?
    package var series: UID?
    package var instance: UID?
    /// The configured name of the backend that was asked.
    package var backend: String?
    /// What X-Cache says; nil for an answer without it.
    package var cache: CacheOutcome?
    package var objectClass: String?
    /// Body bytes handed to the client's connection.
    package var bytes: Int64 = 0
    /// Those of ``bytes`` for which this request has asked no backend: see ``RequestContext/savedBytes``.
    package var savedBytes: Int64 = 0
    /// By outcome, how many objects the answer was made of; empty for an answer of one.
    package var parts: [CacheOutcome: Int] = [:]
    package var duration: Duration = .zero
    /// Until the backend's first byte; nil without a backend.
    package var upstreamFirstByte: Duration?
    /// How it ended, when that was not with its last byte.
    package var unfinished: Unfinished?
    /// Why it ended before its time: "client gone", or the failure in words without addresses.
    package var failure: String?
    /// More for the log alone, where addresses may stand.
    package var detail: String?

    package init() {}

    /// What kept an answer from its end.
    package enum Unfinished: Sendable {
        case clientGone
        /// The gateway broke it off, since the rest could not be had.
        case cutShort
    }
}
