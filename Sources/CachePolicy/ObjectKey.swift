// What an object in the cache is called. There is no default key: every part is named by the caller.
package import DICOM

/// The whole name of a cached object: one representation of one thing that belongs to one SOP instance, or to a series.
package struct ObjectKey: Hashable, Sendable {
    package var tenant: String
    package var study: UID
    package var series: UID
    /// Nil for what belongs to the series as a whole.
    package var instance: UID?
    package var object: ObjectClass

    package init(tenant: String = "_", study: UID, series: UID, instance: UID?, object: ObjectClass) {
        self.tenant = tenant
        self.study = study
        self.series = series
        self.instance = instance
        self.object = object
    }

    package var seriesKey: SeriesKey { SeriesKey(tenant: tenant, study: study, series: series) }
}

/// The unit of accounting, generation and eviction.
package struct SeriesKey: Hashable, Sendable {
    package var tenant: String
    package var study: UID
    package var series: UID

    package init(tenant: String = "_", study: UID, series: UID) {
        self.tenant = tenant
        self.study = study
        self.series = series
    }
}

/// The classes of objects. `syntax` is "stored" for what the archive holds (`transfer-syntax=*`), else a transfer syntax UID.
package enum ObjectClass: Hashable, Sendable {
    /// A Part 10 file.
    case instance(syntax: String)
    /// One frame's payload, without an envelope.
    case frame(Int, syntax: String)
    /// The payload of one BulkDataURI; `tail` is the path behind the instance's ("bulk/00420011").
    case bulk(tail: String)
    /// The metadata document of one instance, or of a series (its data sets, separated by commas), URLs as placeholders.
    case metadata(Format)
    /// A rendered picture of the instance (nil frame) or of one frame; `parameters` in normal form, `type` its media type.
    case rendered(frame: Int?, parameters: String, type: String)
    case thumbnail(frame: Int?, parameters: String, type: String)
    /// Where the frames of the stored instance lie; made by the gateway, never sent.
    case frameIndex
    /// Which instances a series has, and where each one's data set lies in the series' metadata; made by the gateway, never
    /// sent. Belongs to a series.
    case members

    package enum Format: String, Sendable, Hashable { case json, xml }

    /// The word for logs, metrics and the X-Cache header.
    package var word: String {
        switch self {
        case .instance: "instance"
        case .frame: "frame"
        case .bulk: "bulk"
        case .metadata: "metadata"
        case .rendered: "rendered"
        case .thumbnail: "thumbnail"
        case .frameIndex: "frame-index"
        case .members: "members"
        }
    }

    /// Every ``word``.
    package static let words = [
        "instance", "frame", "bulk", "metadata", "rendered", "thumbnail", "frame-index", "members",
    ]

    /// Whether an object of this class can belong to a series as a whole, or to an instance.
    package func belongs(toSeries isOfSeries: Bool) -> Bool {
        switch self {
        case .members: isOfSeries
        case .metadata: true
        case .instance, .frame, .bulk, .rendered, .thumbnail, .frameIndex: !isOfSeries
        }
    }
}

/// What is stored beside an object's bytes.
package struct ObjectDescription: Hashable, Sendable {
    /// The payload's own media type, without multipart: "application/dicom", "image/jpeg"…
    package var mediaType: String
    /// The payload's transfer syntax, where it has one.
    package var transferSyntax: String?
    /// How many placeholders for the gateway's base URL the bytes hold.
    package var placeholders: Int
    /// The configured name of the backend that it came from.
    package var backend: String
    /// A strong validator without quotes: one fill, one content, one tag. Known before the content is, so that the client
    /// that caused the fill can ask again whether it still holds.
    package var etag: String
    /// Seconds since 1970 at which the fill ended.
    package var storedAt: Int64
    /// The study's epoch when the fill began: what is said of patient and study held then. 0: not known.
    package var epoch: Int64
    /// Seconds since 1970 until which it is fresh; nil: as long as its epoch lasts.
    package var expires: Int64?
    /// What the backend gave to ask again by.
    package var validator: BackendValidator?
    /// The version of the study's record when the fill began, for what depends on it.
    package var recordVersion: String?
    /// What was checked of the instance.
    package var facts: InstanceFacts?

    package init(
        mediaType: String, transferSyntax: String? = nil, placeholders: Int = 0, backend: String, etag: String = "",
        storedAt: Int64 = 0, epoch: Int64 = 0, expires: Int64? = nil, validator: BackendValidator? = nil,
        recordVersion: String? = nil, facts: InstanceFacts? = nil
    ) {
        self.mediaType = mediaType
        self.transferSyntax = transferSyntax
        self.placeholders = placeholders
        self.backend = backend
        self.etag = etag
        self.storedAt = storedAt
        self.epoch = epoch
        self.expires = expires
        self.validator = validator
        self.recordVersion = recordVersion
        self.facts = facts
    }
}

extension ObjectDescription {
    /// Whether bytes that are equal mean the same with both.
    package func isOfSameForm(as other: ObjectDescription) -> Bool {
        mediaType == other.mediaType && transferSyntax == other.transferSyntax && placeholders == other.placeholders
    }
}

/// What a backend's answer can be asked again by (RFC 9110 §8.8). Both as the backend wrote them.
package struct BackendValidator: Hashable, Sendable {
    package var etag: String?
    package var lastModified: String?

    /// Nil when there is neither.
    package init?(etag: String?, lastModified: String?) {
        if etag == nil, lastModified == nil { return nil }
        self.etag = etag
        self.lastModified = lastModified
    }
}
