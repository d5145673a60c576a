// What operators see of the cache: values only.
package import CachePolicy

/// Bytes and number of some objects.
package struct StoredAmount: Sendable, Hashable {
    /// Charged bytes on disk.
    package var bytes: Int64
    package var objects: Int64

    package init(bytes: Int64 = 0, objects: Int64 = 0) {
        self.bytes = bytes
        self.objects = objects
    }

    /// Sums wrap: they may come from a database that somebody has damaged, and are rebuilt when they are wrong.
    package static func + (left: Self, right: Self) -> Self {
        Self(bytes: left.bytes &+ right.bytes, objects: left.objects &+ right.objects)
    }

    package static func - (left: Self, right: Self) -> Self {
        Self(bytes: left.bytes &- right.bytes, objects: left.objects &- right.objects)
    }

    /// Sums wrap: they may come from a database that somebody has damaged, and are rebuilt when they are wrong.
    package static func += (left: inout Self, right: Self) { left = left + right }

    package static func -= (left: inout Self, right: Self) { left = left - right }
}

/// What is stored of a series, as the accounting has it.
package struct SeriesEntry: Sendable, Hashable {
    package var key: SeriesKey
    /// The subject of the study's record; nil when it is not known.
    package var patient: String?
    /// Charged bytes on disk, of all classes.
    package var bytes: Int64
    package var objects: Int64
    /// Milliseconds since 1970.
    package var lastAccess: Int64
    /// Milliseconds since 1970.
    package var created: Int64
    package var isPinned: Bool
    package var parts: [Part]

    /// The objects of one class that came from one backend.
    package struct Part: Sendable, Hashable {
        /// A word of `ObjectClass`, or "foreign" for files that the cache did not put there.
        package var objectClass: String
        /// The backend's configured name; empty when the files don't tell.
        package var backend: String
        package var bytes: Int64
        package var objects: Int64

        package init(objectClass: String, backend: String, bytes: Int64, objects: Int64) {
            self.objectClass = objectClass
            self.backend = backend
            self.bytes = bytes
            self.objects = objects
        }
    }

    package init(
        key: SeriesKey, patient: String? = nil, bytes: Int64, objects: Int64, lastAccess: Int64, created: Int64,
        isPinned: Bool = false, parts: [Part] = []
    ) {
        self.key = key
        self.patient = patient
        self.bytes = bytes
        self.objects = objects
        self.lastAccess = lastAccess
        self.created = created
        self.isPinned = isPinned
        self.parts = parts
    }
}

/// One stored object, as its file has it.
package struct ObjectEntry: Sendable, Hashable {
    package var key: ObjectKey
    package var description: ObjectDescription
    /// Bytes of the body.
    package var length: Int64
    /// Charged bytes on disk.
    package var bytes: Int64

    package init(key: ObjectKey, description: ObjectDescription, length: Int64, bytes: Int64) {
        self.key = key
        self.description = description
        self.length = length
        self.bytes = bytes
    }
}

/// What a purge removed, or would have.
package struct PurgeResult: Sendable, Hashable {
    /// Series of which something was removed.
    package var series: Int64
    package var objects: Int64
    /// Charged bytes on disk.
    package var bytes: Int64

    package init(series: Int64 = 0, objects: Int64 = 0, bytes: Int64 = 0) {
        self.series = series
        self.objects = objects
        self.bytes = bytes
    }
}
