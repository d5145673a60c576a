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
    private var running: [ObjectIdentifier: Fill] = [:]
    /// Fills that a purge of a class or a backend's objects has overtaken.
    private var revoked: Set<ObjectIdentifier> = []
    private var generations = SeriesGenerations()
    /// Counts removals: who looked at the disk before one must not remember what it saw.
    private(set) var removals: UInt64 = 0
    private var phase = Phase.waiting
    private var removalsToCome: Set<Removal> = []
    /// Sealed fills on their way to their place.
    private var publications = 0
    private var closers: [CheckedContinuation<Void, Never>] = []

    /// Whose the folder is.
    private enum Phase { case waiting, open, closing, closed }

    /// A study, or one series of it.
    struct Removal: Hashable {
        let tenant: String
        let study: UID
        let series: UID?
    }

    init(maxDescriptors: Int) { descriptors = DescriptorCache(capacity: maxDescriptors) }

    /// Nothing is shared and nothing new is stored: the folder is another process's, still or again.
    var isClosed: Bool { phase != .open }
    var isWaiting: Bool { phase == .waiting }

    var fillCount: Int { fills.count }
    var descriptorCount: Int { descriptors.count }

    mutating func object(for key: ObjectKey) -> StoredObject? { descriptors.value(for: key) }

    /// A new listener of the fill under way, if there is one, of this epoch or a later one, that still wants any.
    func follower(of key: ObjectKey, since epoch: Int64) -> Follower? {
        guard let fill = fills[key], fill.epoch >= epoch else { return nil }
        return fill.join()
    }

    func isFilling(_ key: ObjectKey) -> Bool { fills[key] != nil }

    /// A fill comes before an object: where there are both, the object is being replaced.
    mutating func glance(_ key: ObjectKey, since epoch: Int64) -> Glance {
        if let follower = follower(of: key, since: epoch) { return .fill(follower) }
        if let object = descriptors.value(for: key) { return .object(object) }
        return .nothing
    }

    // MARK: Fills

    /// Lets a fill be followed, under its series' present generation. Nobody may be filling its key, but for a fill that
    /// has failed, or one for an epoch that has passed: that goes on for those who follow it.
    mutating func register(_ fill: Fill) -> UInt64 {
        fills[fill.key] = fill
        running[ObjectIdentifier(fill)] = fill
        return generations.fillBegan(fill.key.seriesKey)
    }

    /// The fill ended, whichever way. Once is enough, twice does no harm.
    mutating func unregister(_ fill: Fill) {
        guard running.removeValue(forKey: ObjectIdentifier(fill)) != nil else { return }
        revoked.remove(ObjectIdentifier(fill))
        // After a purge or a raise of the epoch another fill may stand here.
        if fills[fill.key] === fill { fills[fill.key] = nil }
        generations.fillEnded(fill.key.seriesKey)
    }

    func mayPublish(_ fill: Fill, under generation: UInt64) -> Bool {
        (phase == .open || phase == .closing) && !revoked.contains(ObjectIdentifier(fill))
            && generations.isCurrent(generation, of: fill.key.seriesKey)
    }

    // MARK: Watches

    /// Answers the series' present generation, which is kept until ``endWatch(of:)``.
    mutating func beginWatch(of series: SeriesKey) -> UInt64 { generations.fillBegan(series) }
    mutating func endWatch(of series: SeriesKey) { generations.fillEnded(series) }

    func isCurrent(_ generation: UInt64, of series: SeriesKey) -> Bool {
        !isClosed && generations.isCurrent(generation, of: series)
    }

    /// A study of which a whole answer is being stored: how many do so, and how often something of it was purged.
    private var watchedStudies: [UID: (watchers: Int, purges: UInt64)] = [:]

    mutating func beginWatch(of study: UID) -> UInt64 {
        watchedStudies[study, default: (0, 0)].watchers += 1
        return watchedStudies[study]?.purges ?? 0
    }

    mutating func endWatch(of study: UID) {
        guard let watched = watchedStudies[study] else { return }
        watchedStudies[study] = watched.watchers > 1 ? (watched.watchers - 1, watched.purges) : nil
    }

    /// Whether nothing of the study was purged since.
    func isIntact(_ study: UID, since purges: UInt64) -> Bool { watchedStudies[study]?.purges == purges }

    /// Something of the study is purged: answers that began before must not bring it back.
    mutating func notePurge(of study: UID) { watchedStudies[study]?.purges += 1 }

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
        // Also those whose place a fill for another epoch has taken.
        for (identifier, fill) in running where matches(fill.key, fill.backend) {
            if fills[fill.key] === fill { fills[fill.key] = nil }
            revoked.insert(identifier)
        }
    }

    /// The instances of a series of which an object is open.
    func instancesInUse(of series: SeriesKey) -> Set<UID> {
        Set(descriptors.keys.lazy.filter { $0.seriesKey == series }.compactMap(\.instance))
    }

    // MARK: Phases

    /// The folder is ours. Answers what was to be removed while it was not; nil when the cache was closed meanwhile.
    mutating func open() -> Set<Removal>? {
        guard phase == .waiting else { return nil }
        phase = .open
        defer { removalsToCome = [] }
        return removalsToCome
    }

    /// Whether a removal can't be done now. While the folder is another process's it is remembered for later: what is
    /// there may be what must not be served any more.
    mutating func putsOff(_ removal: Removal) -> Bool {
        if phase == .waiting { removalsToCome.insert(removal) }
        return isClosed
    }

    /// Nothing is shared from now on; sealed fills still get their place. Nil when the folder was not ours.
    mutating func beginClosing() -> [StoredObject]? {
        let wasOpen = phase == .open
        if phase != .closed { phase = wasOpen ? .closing : .closed }
        fills = [:]
        return wasOpen ? descriptors.remove { _, _ in true } : nil
    }

    mutating func endClosing() { phase = .closed }

    /// Whether a sealed fill may still get its place; then ``publicationEnded()`` follows.
    mutating func publicationBegan() -> Bool {
        if phase == .open { publications += 1 }
        return phase == .open
    }

    /// Answers who waited for the last one.
    mutating func publicationEnded() -> [CheckedContinuation<Void, Never>] {
        publications -= 1
        if publications > 0 { return [] }
        defer { closers = [] }
        return closers
    }

    /// False when there is nothing to wait for.
    mutating func waitForPublications(_ closer: CheckedContinuation<Void, Never>) -> Bool {
        if publications > 0 { closers.append(closer) }
        return publications > 0
    }
}
