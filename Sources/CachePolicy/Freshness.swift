// Whether a stored object may be served now. Pure: the time and the study's epoch are told.

/// What a stored object is good for at this moment, best first.
package enum Freshness: Hashable, Sendable, CaseIterable {
    case fresh
    /// Served, while it is renewed in the background.
    case renewing
    /// Served only if it cannot be renewed, because the archive does not answer.
    case onlyInNeed
    /// Never served: it says what was true of another epoch, or is too old.
    case outdated
}

/// The rules by class, as an operator may tune them. All in seconds.
package struct FreshnessRules: Hashable, Sendable {
    /// How long rendered pictures are fresh.
    package var rendered: Int64 = 7 * 86400
    package var thumbnail: Int64 = 30 * 86400
    /// How long what is said of a series as a whole is fresh: its metadata, the list of its instances.
    package var documents: Int64 = 300
    /// How long beyond that a picture is still served while it is renewed.
    package var staleWhileRevalidate: Int64 = 86400
    /// How long beyond its freshness an object still serves when the archive does not answer.
    package var staleIfError: Int64 = 7 * 86400

    package init() {}

    /// How long an object of this class is fresh; nil: as long as its epoch lasts, or for ever.
    ///
    /// - Parameter isOfSeries: whether it belongs to a series as a whole.
    package func lifetime(of object: ObjectClass, isOfSeries: Bool) -> Int64? {
        switch object {
        case .rendered: rendered
        case .thumbnail: thumbnail
        case .members: documents
        case .metadata: isOfSeries ? documents : nil
        case .instance, .frame, .bulk, .frameIndex: nil
        }
    }

    /// What an object is good for.
    ///
    /// - Parameters:
    ///   - wanted: the class of what is to be made of it; its own where it is served as it is.
    ///   - now: seconds since 1970.
    package func freshness(
        of description: ObjectDescription, as wanted: ObjectClass, isOfSeries: Bool, for study: StudyMoment,
        at now: Int64
    ) -> Freshness {
        if wanted.isTimeless { return .fresh }
        // 0 stands for an epoch that is not known, which is none that anything can be of.
        guard description.epoch == study.epoch, study.epoch != 0 else { return .outdated }
        if isOfSeries, description.recordVersion != study.recordVersion { return .onlyInNeed }
        guard let expires = description.expires else { return .fresh }
        // A clock that was set back must not keep anything for longer than it was meant to be kept.
        let past = description.storedAt > now ? 0 : now - expires
        if past < 0 { return .fresh }
        if !isOfSeries, past < staleWhileRevalidate { return .renewing }
        return past < staleIfError ? .onlyInNeed : .outdated
    }
}

/// What holds of a study at one moment.
package struct StudyMoment: Hashable, Sendable {
    /// ``StudyEpoch/number``; 0 while it is not known.
    package var epoch: Int64
    /// The version of its record.
    package var recordVersion: String?

    package init(epoch: Int64, recordVersion: String?) {
        self.epoch = epoch
        self.recordVersion = recordVersion
    }
}

extension ObjectClass {
    /// Whether objects of this class hold as long as they exist: pixels, which never change under their UID, and the places of
    /// frames, which are bound to the very file that they lie in.
    package var isTimeless: Bool {
        switch self {
        case .frame, .frameIndex: true
        case .bulk(let tail): Self.namesPixels(tail)
        case .instance, .metadata, .rendered, .thumbnail, .members: false
        }
    }

    /// Whether a BulkDataURI's tail ends in (7FE0,0010), (7FE0,0008) or (7FE0,0009). What other bulk data says may be corrected:
    /// it may be a document with the patient's name in it.
    private static func namesPixels(_ tail: String) -> Bool {
        guard let name = tail.split(separator: "/").last?.uppercased() else { return false }
        return ["7FE00010", "7FE00008", "7FE00009"].contains(name)
    }
}

extension BackendValidator {
    /// A field of a conditional request (RFC 9110 §13.1).
    package struct Condition: Hashable, Sendable {
        package let field: String
        package let value: String
    }

    /// How to ask whether what bears this validator is still right; nil where no answer could tell.
    ///
    /// - Parameter isOfSameEpoch: else only a strong tag will do: a weak one and a time may stand for another header too.
    package func condition(isOfSameEpoch: Bool) -> Condition? {
        if let etag, isOfSameEpoch || !etag.hasPrefix("W/") { return Condition(field: "If-None-Match", value: etag) }
        guard isOfSameEpoch, etag == nil, let lastModified else { return nil }
        return Condition(field: "If-Modified-Since", value: lastModified)
    }
}
