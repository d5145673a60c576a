// What an operator means by "these": a part of the cache, and what of it must stay. Values and their tests only.
package import DICOM

/// A part of the cache; every word narrows it, and none means all that is stored of the tenant.
package struct CacheSelection: Sendable, Hashable {
    package var tenant: String
    package var study: UID?
    /// A series of ``study``, or one of that UID in whichever study.
    package var series: UID?
    /// The subject of the study's record, as it stands there: "Patient/7".
    package var patient: String?
    /// The configured name of the backend that the objects came from.
    package var backend: String?
    /// A word of ``ObjectClass/word``.
    package var objectClass: String?
    /// Series that were not used for at least so long.
    package var olderThan: Duration?

    package init(
        tenant: String = "_", study: UID? = nil, series: UID? = nil, patient: String? = nil, backend: String? = nil,
        objectClass: String? = nil, olderThan: Duration? = nil
    ) {
        self.tenant = tenant
        self.study = study
        self.series = series
        self.patient = patient
        self.backend = backend
        self.objectClass = objectClass
        self.olderThan = olderThan
    }

    /// Whether nothing narrows it.
    package var isEverything: Bool {
        study == nil && series == nil && patient == nil && backend == nil && objectClass == nil && olderThan == nil
    }

    /// Whether it means series as a whole, and not only some objects of them.
    package var isOfWholeSeries: Bool { backend == nil && objectClass == nil }

    /// Whether it means the objects of a class that came from a backend, in a series that it means.
    package func covers(objectClass: String, backend: String) -> Bool {
        (self.objectClass ?? objectClass) == objectClass && (self.backend ?? backend) == backend
    }

    /// Whether tenant, study and series are among those that it names; the other words are not looked at.
    package func names(_ key: SeriesKey) -> Bool {
        key.tenant == tenant && (study ?? key.study) == key.study && (series ?? key.series) == key.series
    }
}

/// What eviction leaves alone, in whichever tenant. A purge removes it still.
package enum Pin: Sendable, Hashable {
    case study(UID)
    case series(study: UID, series: UID)
    /// All studies whose record has this subject: "Patient/7".
    case patient(String)
}
