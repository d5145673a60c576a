// What the cache knows in memory: open descriptors, fills under way, generations. Lives behind one short lock; never
// touches a file, so that a loop may take the lock.
import CachePolicy
import DICOM

/// The part of the cache's state that every loop shares. Bounded by the descriptor limit and the fills under way.
struct CacheIndex {
    /// What is known of a key without asking the disk.
    enum Glance {
        case object(StoredObject)
        case fill(Follower)
        case nothing
    }

    private var descriptors: DescriptorCache<ObjectKey, StoredObject>
    private var fills: [ObjectKey: Fill] = [:]
    /// Also those that a purge has taken out of `fills`.
    private var running: Set<ObjectIdentifier> = []
    /// Fills that a purge of a class or a backend's objects has overtaken.
    private var revoked: Set<ObjectIdentifier> = []
    private var generations = SeriesGenerations()
    /// Counts removals: who looked at the disk before one must not remember what it saw.
    private(set) var removals: UInt64 = 0
    /// After closing, nothing is published or shared any more.
    private(set) var isClosed = false

    init(maxDescriptors: Int) { descriptors = DescriptorCache(capacity: maxDescriptors) }

    var fillCount: Int { fills.count }
    var descriptorCount: Int { descriptors.count }

    mutating func object(for key: ObjectKey) -> StoredObject? { descriptors.value(for: key) }

    /// A new listener of the fill under way, if there is one that still wants any.
    func follower(of key: ObjectKey) -> Follower? { fills[key]?.join() }

    /// A fill comes before an object: where there are both, the object is being replaced.
    mutating func glance(_ key: ObjectKey) -> Glance {
        if let follower = follower(of: key) { return .fill(follower) }
        if let object = descriptors.value(for: key) { return .object(object) }
        return .nothing
    }

    // MARK: Fills

    /// Lets a fill be followed, under its series' present generation. Nobody may be filling its key, but for a fill that
    /// has failed.
    mutating func register(_ fill: Fill) -> UInt64 {
        fills[fill.key] = fill
        running.insert(ObjectIdentifier(fill))
        return generations.fillBegan(fill.key.seriesKey)
    }

    /// The fill ended, whichever way. Once is enough, twice does no harm.
    mutating func unregister(_ fill: Fill) {
        guard running.remove(ObjectIdentifier(fill)) != nil else { return }
        revoked.remove(ObjectIdentifier(fill))
        // After a purge another fill may stand here.
        if fills[fill.key] === fill { fills[fill.key] = nil }
        generations.fillEnded(fill.key.seriesKey)
    }

    func mayPublish(_ fill: Fill, under generation: UInt64) -> Bool {
        !isClosed && !revoked.contains(ObjectIdentifier(fill))
            && generations.isCurrent(generation, of: fill.key.seriesKey)
    }

    // MARK: Objects

    /// Remembers an object that was opened when ``removals`` had the value given; not if something was removed since.
    mutating func remember(_ object: StoredObject, since removals: UInt64) -> [StoredObject] {
        guard removals == self.removals, !isClosed else { return [object] }
        return descriptors.insert(object, for: object.key)
    }

    /// Forgets one object, if it is the one meant.
    mutating func forget(_ object: StoredObject) -> [StoredObject] {
        removals += 1
        return descriptors.remove { key, value in value === object }
    }

    /// Forgets every object and fill of these series, and raises their generations.
    mutating func forget(where matches: @Sendable (SeriesKey) -> Bool) -> [StoredObject] {
        generations.raise(where: matches)
        for key in fills.keys where matches(key.seriesKey) { fills[key] = nil }
        return forgetObjects(where: matches)
    }

    /// Forgets every object of these series; fills go on.
    mutating func forgetObjects(where matches: @Sendable (SeriesKey) -> Bool) -> [StoredObject] {
        forgetParts { key, _ in matches(key.seriesKey) }
    }

    /// Forgets these objects; fills go on.
    mutating func forgetParts(where matches: (ObjectKey, _ backend: String) -> Bool) -> [StoredObject] {
        removals += 1
        return descriptors.remove { key, object in matches(key, object.description.backend) }
    }

    /// Keeps fills from being published.
    ///
    /// - Parameter matches: is told the backend where the fill knows it already.
    mutating func revokeFills(where matches: (ObjectKey, _ backend: String?) -> Bool) {
        for (key, fill) in fills where matches(key, fill.backend) {
            fills[key] = nil
            revoked.insert(ObjectIdentifier(fill))
        }
    }

    /// The instances of a series of which an object is open.
    func instancesInUse(of series: SeriesKey) -> Set<UID> {
        Set(descriptors.keys.lazy.filter { $0.seriesKey == series }.compactMap(\.instance))
    }

    mutating func close() -> [StoredObject] {
        isClosed = true
        fills = [:]
        return descriptors.remove { _, _ in true }
    }
}
