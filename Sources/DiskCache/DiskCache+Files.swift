// Objects into files: space for what is being filled, and the one step in which it appears.
import CLinux
import CachePolicy
import EventLoop
import Glibc
import Synchronization

extension DiskCache {
    /// The header of what stands in an object's place; nil where there is none that is sound.
    private func storedHeader(of key: ObjectKey) -> ObjectHeader? {
        guard let file = try? directory.openObject(ObjectPath(key)),
            let head = try? file.read(at: 0, count: ObjectLayout.headerLimit)
        else { return nil }
        return try? ObjectHeader(decoding: head, of: key)
    }

    // MARK: Filling

    /// The most that is reserved for a fill before its bytes are there. An announcement costs a backend nothing, so it
    /// must not take the disk from others.
    static let mostReserved: Int64 = 64 << 20

    /// A file for a fill with `size` bytes reserved, as far as the file system can and up to ``mostReserved``.
    func makeFillFile(reserving size: Int64) async throws(SystemError) -> FillFile {
        try await workers.run { () throws(SystemError) -> FillFile in
            try self.makeFillFileNow(reserving: min(size, Self.mostReserved))
        }
    }

    /// A body passes through: said once in a while, and counted. What is in the way on the disk may be in time.
    func notePassedThrough(_ reason: PassReason) {
        counters.passedThrough.wrappingAdd(1, ordering: .relaxed)
        guard case .disk = reason else { return failures.tell("\(reason)") }
        failures.note("\(reason)")
        background.submit { self.makeRoomIfNeeded() }
    }

    private func makeFillFileNow(reserving size: Int64) throws(SystemError) -> FillFile {
        var file = try directory.makeFillFile()
        // Small files gain nothing; a large one learns now, and not half-way, that the disk is full.
        guard size >= 1 << 20 else { return file }
        do throws(SystemError) {
            try file.reserve(size)
            file.reservation = Reservation(upTo: size, in: reserved)
        } catch {
            // Where it isn't supported, writing will tell.
            if error.code != EOPNOTSUPP, error.code != ENOSYS {
                directory.discard(file)
                throw error
            }
        }
        return file
    }

    /// Completes the file of a sealed fill, makes it durable and gives it its place, unless its generation has passed.
    ///
    /// - Parameter generation: the series' generation when the fill began; nil when it is not to be published.
    func publish(
        _ fill: Fill, _ sealed: SealedBody, under generation: UInt64?, replacing: Bool
    ) async throws(CacheError) -> StoredObject {
        // Once the cache is closing, nothing new waits for a place in it.
        let isPlaced = index.withLock { $0.publicationBegan() }
        defer { if isPlaced { publicationEnded() } }
        return try await background.run { () throws(CacheError) -> StoredObject in
            do throws(SystemError) {
                let object = try self.publishNow(
                    fill, sealed, under: isPlaced ? generation : nil, replacing: replacing)
                self.makeRoomIfNeeded()
                return object
            } catch {
                self.failures.note("\(error)")
                throw CacheError.io(detail: "\(error)")
            }
        }
    }

    private func publishNow(
        _ fill: Fill, _ sealed: SealedBody, under generation: UInt64?, replacing: Bool
    ) throws(SystemError) -> StoredObject {
        let (file, description, bodyOffset) = fill.state.withLock { state -> (FillFile?, ObjectDescription?, Int64) in
            guard case .sealed(let description, _) = state.machine.phase else { return (nil, nil, 0) }
            return (state.file, description, state.bodyOffset)
        }
        guard let file, var description else { throw SystemError(call: "publish", code: EINVAL) }
        description.storedAt = clock() / 1000
        let trailerChecksum = ContentHash.checksum(sealed.trailer)
        if replacing, let former = storedHeader(of: fill.key), former.length == sealed.length,
            former.trailerChecksum == trailerChecksum, former.description.isOfSameForm(as: description)
        {
            // The same bytes again: what clients have is still right.
            description.etag = former.description.etag
        }
        let header = ObjectHeader(
            key: fill.key, description: description, length: sealed.length, bodyOffset: bodyOffset,
            trailerChecksum: trailerChecksum, run: ledger.withLock { $0.run })
        let object = object(header, file: file.descriptor, isVerified: true)
        guard let generation else {
            directory.discard(file)
            return object
        }
        var isSuspect = false
        do throws(SystemError) {
            // The header last: whatever a crash leaves without it is no object.
            try file.write(sealed.trailer, at: bodyOffset + sealed.length)
            try file.write(header.encoded(), at: 0)
            isSuspect = true
            try file.synchronize()
            isSuspect = false
            try link(object, of: fill, file, under: generation, replacing: replacing)
        } catch {
            // It has no place, but its bytes are whole: whoever waits for them gets them.
            failures.note("\(error)")
            index.withLock { $0.unregister(fill) }
            directory.discard(file)
            // What the disk has refused to take is believed only as far as its checksums go.
            if isSuspect {
                return self.object(header, file: file.descriptor, isVerified: false)
            }
        }
        return object
    }

    /// The one step in which an object appears.
    private func link(
        _ object: StoredObject, of fill: Fill, _ file: FillFile, under generation: UInt64, replacing: Bool
    ) throws(SystemError) {
        let dropped = try publishing.withLock { _ throws(SystemError) -> [StoredObject] in
            let (isCurrent, removals) = index.withLock { index in
                (index.mayPublish(fill, under: generation), index.removals)
            }
            guard isCurrent,
                let replaced = try directory.publish(file, at: ObjectPath(fill.key), replacing: replacing)
            else {
                index.withLock { $0.unregister(fill) }
                directory.discard(file)
                return []
            }
            accounting.noteRemoved(fill.key.seriesKey, replaced)
            accounting.notePublished(object)
            return index.withLock { index in
                index.unregister(fill)
                // The descriptor of what was replaced goes with it.
                return index.remember(object, since: removals)
            }
        }
        withExtendedLifetime(dropped) {}
    }

    /// A fill ended without an object.
    func abandon(_ fill: Fill, isShared: Bool) {
        if isShared { index.withLock { $0.unregister(fill) } }
        if let file = fill.state.withLock({ $0.file }) { discard(file) }
    }

    /// Removes what an unpublished file has of a name, soon.
    func discard(_ file: FillFile) {
        if file.name != nil { background.submit { [directory] in directory.discard(file) } }
    }
}
