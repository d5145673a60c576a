// What an object in the cache is called. There is no default key: every part is named by the caller.
package import DICOM

/// The whole name of a cached object: one representation of one thing that belongs to one SOP instance.
package struct ObjectKey: Hashable, Sendable {
    package var tenant: String
    package var study: UID
    package var series: UID
    package var instance: UID
    package var object: ObjectClass

    package init(tenant: String = "_", study: UID, series: UID, instance: UID, object: ObjectClass) {
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
    /// One instance's metadata document, URLs as placeholders.
    case metadata(Format)
    /// A rendered picture of the instance (nil frame) or of one frame; `parameters` in normal form, `type` its media type.
    case rendered(frame: Int?, parameters: String, type: String)
    case thumbnail(frame: Int?, parameters: String, type: String)
    /// Where the frames of the stored instance lie; made by the gateway, never sent.
    case frameIndex

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
    /// What was checked of the instance.
    package var facts: InstanceFacts?

    package init(
        mediaType: String, transferSyntax: String? = nil, placeholders: Int = 0, backend: String, etag: String = "",
        storedAt: Int64 = 0, facts: InstanceFacts? = nil
    ) {
        self.mediaType = mediaType
        self.transferSyntax = transferSyntax
        self.placeholders = placeholders
        self.backend = backend
        self.etag = etag
        self.storedAt = storedAt
        self.facts = facts
    }
}
