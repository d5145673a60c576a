// What is told of a request when it has ended. Holds no query values and no patient data.
package import DICOM

/// One finished request, for the log.
package struct RequestLogEntry: Sendable {
    package var requestID = ""
    package var peer = ""
    package var principal: String?
    package var method = ""
    /// The route's pattern, never the URL: "/studies/{}/series/{}/instances/{}/frames/{}".
    package var route = ""
    package var status = 0
    package var study: UID?
    package var series: UID?
    package var instance: UID?
    /// The configured name of the backend that was asked.
    package var backend: String?
    /// hit, miss, follow, derived, stale, bypass.
    package var cache: String?
    package var objectClass: String?
    /// Body bytes handed to the client's connection.
    package var bytes: Int64 = 0
    package var duration: Duration = .zero
    /// Until the backend's first byte; nil without a backend.
    package var upstreamFirstByte: Duration?
    /// Why it ended before its time: "client gone", or the failure in words without addresses.
    package var failure: String?
    /// More for the log alone, where addresses may stand.
    package var detail: String?

    package init() {}
}
