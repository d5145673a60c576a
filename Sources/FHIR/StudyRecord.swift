// One study as the gateway knows it, whichever FHIR version, file or folder it came from.
package import DICOM

/// What a directory knows of one study: the meeting point of FHIR (all versions), files and the archive folder.
package struct StudyRecord: Sendable, Hashable {
    package var study: UID
    package var status: Status
    /// The subject's reference or identifier in one canonical spelling ("Patient/7"); nil when the record names none.
    package var subject: String?
    package var accession: String?
    package var modalities: [String]
    /// A FHIR dateTime, as written.
    package var started: String?
    package var summary: String?
    package var series: [Series]
    /// Study-level endpoints, in the order of the record.
    package var endpoints: [Endpoint]
    /// A text that changes when the record does: `meta.versionId` and `meta.lastUpdated` of each merged resource.
    package var version: String

    package init(
        study: UID, status: Status = .available, subject: String? = nil, accession: String? = nil,
        modalities: [String] = [], started: String? = nil, summary: String? = nil, series: [Series] = [],
        endpoints: [Endpoint] = [], version: String = ""
    ) {
        self.study = study
        self.status = status
        self.subject = subject
        self.accession = accession
        self.modalities = modalities
        self.started = started
        self.summary = summary
        self.series = series
        self.endpoints = endpoints
        self.version = version
    }

    /// ImagingStudy.status over all versions (STU3's `availability` mapped onto it).
    package enum Status: String, Sendable, Hashable {
        case registered, available, cancelled, inactive, unknown
        case enteredInError = "entered-in-error"
        /// STU3 availability UNAVAILABLE.
        case unavailable
    }

    /// Whether the study should never have been there, or its images were never made.
    package var isWithdrawn: Bool { status == .enteredInError || status == .cancelled }

    /// One series, with the endpoints that are its own.
    package struct Series: Sendable, Hashable {
        package var uid: UID
        package var modality: String?
        package var number: Int?
        package var summary: String?
        package var numberOfInstances: Int?
        package var instances: [Instance]
        package var endpoints: [Endpoint]

        package init(
            uid: UID, modality: String? = nil, number: Int? = nil, summary: String? = nil,
            numberOfInstances: Int? = nil, instances: [Instance] = [], endpoints: [Endpoint] = []
        ) {
            self.uid = uid
            self.modality = modality
            self.number = number
            self.summary = summary
            self.numberOfInstances = numberOfInstances
            self.instances = instances
            self.endpoints = endpoints
        }
    }

    /// One SOP instance.
    package struct Instance: Sendable, Hashable {
        package var uid: UID
        package var sopClass: UID?
        package var number: Int?

        package init(uid: UID, sopClass: UID? = nil, number: Int? = nil) {
            self.uid = uid
            self.sopClass = sopClass
            self.number = number
        }
    }
}

/// A FHIR Endpoint, or the archive folder that is its own endpoint.
package struct Endpoint: Sendable, Hashable {
    /// How the record referred to it: "Endpoint/pacs", "#e1", or the archive's name. For people, never for routing.
    package var id: String
    package var connectionTypes: [ConnectionType]
    package var status: Status
    /// As written; normalised by ``EndpointChoice``.
    package var address: String
    package var name: String?
    /// Endpoint.period as ISO 8601 texts.
    package var periodStart: String?
    package var periodEnd: String?
    package var headers: [String]

    package init(
        id: String, connectionTypes: [ConnectionType], status: Status = .active, address: String, name: String? = nil,
        periodStart: String? = nil, periodEnd: String? = nil, headers: [String] = []
    ) {
        self.id = id
        self.connectionTypes = connectionTypes
        self.status = status
        self.address = address
        self.name = name
        self.periodStart = periodStart
        self.periodEnd = periodEnd
        self.headers = headers
    }

    /// Endpoint.status over all versions.
    package enum Status: Sendable, Hashable {
        case active, suspended, error, off, enteredInError, test
        /// A record names it, and it cannot be found.
        case unresolved
        /// A code that no version of FHIR has.
        case other(String)
    }
}

/// Codes of the endpoint-connection-type code system that matter here.
package enum ConnectionType: Sendable, Hashable {
    case wadoRS, wadoURI, qidoRS
    /// The embedded folder of DICOM files; `Endpoint.address` is the archive's name.
    case archive
    case other(String)

    package init(code: String) {
        switch code {
        case "dicom-wado-rs": self = .wadoRS
        case "dicom-wado-uri": self = .wadoURI
        case "dicom-qido-rs": self = .qidoRS
        default: self = .other(code)
        }
    }

    /// The code as FHIR writes it.
    package var code: String {
        switch self {
        case .wadoRS: "dicom-wado-rs"
        case .wadoURI: "dicom-wado-uri"
        case .qidoRS: "dicom-qido-rs"
        case .archive: "archive"
        case .other(let code): code
        }
    }
}
