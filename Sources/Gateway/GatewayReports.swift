// What the gateway tells of its work while it works: to the log, and to the metrics. Holds no query values and no patient data.
package import CachePolicy
package import DICOM
package import EventLoop

/// Who is told what. Each call is made on the loop where it happened, and must not wait for anything.
package struct GatewayReports: Sendable {
    /// A request has ended.
    package var request: @Sendable (RequestLogEntry, EventLoop) -> Void
    /// A fill has ended.
    package var fill: @Sendable (FillReport, EventLoop) -> Void
    /// A probe has found out an ability.
    package var finding: @Sendable (AbilityFinding) -> Void
    /// What is said of a study has changed: its headers are fetched anew.
    package var epoch: @Sendable (UID, StudyEpoch) -> Void

    package init(
        request: @escaping @Sendable (RequestLogEntry, EventLoop) -> Void,
        fill: @escaping @Sendable (FillReport, EventLoop) -> Void,
        finding: @escaping @Sendable (AbilityFinding) -> Void,
        epoch: @escaping @Sendable (UID, StudyEpoch) -> Void
    ) {
        self.request = request
        self.fill = fill
        self.finding = finding
        self.epoch = epoch
    }
}

/// One fill that has ended.
package struct FillReport: Sendable {
    package enum Result: String, Sendable, CaseIterable {
        /// Its object is published, or would be but for a purge.
        case complete
        /// The backend said that what is stored still holds, and sent nothing.
        case unchanged
        /// The backend answered, and has or gives no such object.
        case refused
        /// The backend or the disk failed, or what came was not what was asked for.
        case failed
    }

    /// The object class's word.
    package var objectClass: String
    /// The configured name of the backend that was asked last; nil when none was.
    package var backend: String?
    /// Whether it was made here from a stored instance: then nothing was fetched.
    package var isDerived = false
    /// Body bytes that came.
    package var bytes: Int64 = 0
    package var duration: Duration = .zero
    package var result: Result

    package init(objectClass: String, backend: String? = nil, result: Result) {
        self.objectClass = objectClass
        self.backend = backend
        self.result = result
    }
}

extension Problem {
    /// How a fill that ended with it is counted.
    var fillResult: FillReport.Result { isRefusal || [404, 406, 410].contains(status) ? .refused : .failed }
}
