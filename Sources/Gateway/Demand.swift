// What a request demands of the objects that it is answered from, and the one function by which every look-up decides.
import CachePolicy
import DICOM
import DiskCache
import EventLoop
import HTTP

/// What holds of the study at this moment, and what the client wants to be made sure of.
struct Demand: Sendable {
    var moment = StudyMoment(epoch: 0, recordVersion: nil)
    /// Seconds since 1970: what was stored before must be renewed first (`Cache-Control: no-cache`).
    var renewedSince: Int64?
    /// Nothing may be fetched (`Cache-Control: only-if-cached`).
    var isOnlyIfCached = false

    /// Adds what a client's Cache-Control says (RFC 9111 §5.2.1).
    ///
    /// - Parameter now: seconds since 1970.
    mutating func read(_ cacheControl: String, now: Int64) {
        for directive in cacheControl.split(separator: ",") {
            switch directive.filter({ $0 != " " && $0 != "\t" }).lowercased() {
            case "no-cache": renewedSince = now
            case "only-if-cached": isOnlyIfCached = true
            default: break
            }
        }
    }
}

extension Gateway {
    /// What the request of a study that is at this moment demands; of the client's own words only as far as they count.
    func demand(of context: RequestContext, at moment: StudyMoment) -> Demand {
        var demand = Demand(moment: moment)
        if settings.honorsClientCacheControl, let words = context.cacheControl {
            demand.read(words, now: secondsSince1970())
        }
        return demand
    }

    /// What a stored object is good for: every look-up decides by this.
    ///
    /// - Parameter wanted: what is to be made of it; nil: it is served as it is.
    func freshness(
        of description: ObjectDescription, at key: ObjectKey, as wanted: ObjectClass? = nil, _ demand: Demand
    ) -> Freshness {
        if let since = demand.renewedSince, description.storedAt < since { return .outdated }
        return settings.freshness.freshness(
            of: description, as: wanted ?? key.object, isOfSeries: key.instance == nil, for: demand.moment,
            at: secondsSince1970())
    }

    /// What there is for a key that may be served now: an object, a fill to follow, or the licence to fill.
    ///
    /// - Parameter mustBeFresh: whether an object that is to be renewed counts as none.
    func opening(
        _ key: ObjectKey, _ demand: Demand, mustBeFresh: Bool = false
    ) async throws(Problem) -> Opening {
        do {
            return try await cache.open(key, epoch: key.object.isTimeless ? 0 : demand.moment.epoch) { description in
                let freshness = self.freshness(of: description, at: key, demand)
                return freshness == .fresh || (freshness == .renewing && !mustBeFresh)
            }
        } catch {
            throw Problem(error)
        }
    }

    /// A description with what freshness goes by: the moment at which its request began, and the backend's validators.
    ///
    /// - Parameter fields: the backend's, where one was asked for this very object.
    func stamped(
        _ description: ObjectDescription, as key: ObjectKey, at moment: StudyMoment, by fields: HTTPFields?
    ) -> ObjectDescription {
        var description = description
        description.epoch = moment.epoch
        description.recordVersion = moment.recordVersion
        description.expires = settings.freshness.lifetime(of: key.object, isOfSeries: key.instance == nil)
            .map { secondsSince1970() + $0 }
        description.validator = fields.flatMap {
            BackendValidator(
                etag: $0["etag"].flatMap(Self.harmless), lastModified: $0["last-modified"].flatMap(Self.harmless))
        }
        return description
    }

    /// A validator that can be kept and sent back.
    private static func harmless(_ validator: String) -> String? {
        let isFit = validator.utf8.count <= 256 && validator.utf8.allSatisfy { (0x20...0x7e).contains($0) }
        return isFit && !validator.isEmpty ? validator : nil
    }
}
