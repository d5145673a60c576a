// Objects into files and out of them: opening on workers, publishing in the background.
import CLinux
import CachePolicy
import EventLoop
import Glibc
import Synchronization

extension DiskCache {
    // MARK: Opening

    /// Opens an object's file and checks its header and trailer. Nil when there is none, or none that is sound: such a
    /// one is dropped.
    func openFile(of key: ObjectKey) -> StoredObject? {
        let path = ObjectPath(key)
        let file: Descriptor
        do throws(SystemError) {
            file = try directory.openObject(path)
        } catch {
            switch error.code {
            case ENOENT: break
            // A symbolic link, a socket, or a file where a folder should be.
            case ELOOP, ENXIO, ENOTDIR, EXDEV: dropDamaged(path, ifStill: nil, of: key.seriesKey)
            default: log("cache: \(path.string): \(error)")
            }
            return nil
        }
        var identity: FileIdentity?
        do throws(FileDamage) {
            return try read(file, of: key, identity: &identity)
        } catch {
            log("cache: \(path.string) is damaged (\(error)), dropped")
            dropDamaged(path, ifStill: identity, of: key.seriesKey)
            return nil
        }
    }

    private enum FileDamage: Error {
        case notAFile
        case header(HeaderError)
        case wrongSize(Int64)
        case trailer
        case unreadable(SystemError)
    }

    private func read(
        _ file: Descriptor, of key: ObjectKey, identity: inout FileIdentity?
    ) throws(FileDamage) -> StoredObject {
        do {
            let status = try file.status()
            guard status.isRegularFile else { throw FileDamage.notAFile }
            identity = FileIdentity(status)
            var head = try file.read(at: 0, count: ObjectLayout.pageSize)
            let headSize = try ObjectHeader.size(announcedBy: head)
            if headSize > head.count { head += try file.read(at: Int64(head.count), count: headSize - head.count) }
            let header = try ObjectHeader(decoding: head, of: key)
            let size = ObjectLayout.fileSize(bodyOffset: header.bodyOffset, length: header.length)
            guard Int64(status.st_size) == size else { throw FileDamage.wrongSize(Int64(status.st_size)) }
            let trailer = try file.read(
                at: header.bodyOffset + header.length, count: ObjectLayout.trailerSize(length: header.length))
            guard ContentHash.checksum(trailer) == header.trailerChecksum else { throw FileDamage.trailer }
            file.touch(status, now: accounting.now)
            return object(header, trailer: trailer, file: file, isVerified: false)
        } catch let damage as FileDamage {
            throw damage
        } catch let error as HeaderError {
            throw .header(error)
        } catch let error as SystemError {
            throw .unreadable(error)
        } catch {
            throw .notAFile
        }
    }

    private func object(
        _ header: ObjectHeader, trailer: [UInt8], file: Descriptor, isVerified: Bool
    ) -> StoredObject {
        StoredObject(
            key: header.key, description: header.description, length: header.length, bodyOffset: header.bodyOffset,
            file: file, isVerified: isVerified, cache: self, workers: workers)
    }

    // MARK: Filling

    /// The most that is reserved for a fill before its bytes are there. An announcement costs a backend nothing, so it
    /// must not take the disk from others.
    static let mostReserved: Int64 = 64 << 20

    /// A file for a fill with `size` bytes reserved, as far as the file system can and up to ``mostReserved``.
    func makeFillFile(reserving size: Int64) async throws(CacheError) -> FillFile {
        try await workers.run { () throws(CacheError) -> FillFile in
            do throws(SystemError) {
                return try self.makeFillFileNow(reserving: min(size, Self.mostReserved))
            } catch {
                self.failures.note("\(error)")
                throw CacheError.io(detail: "\(error)")
            }
        }
    }

    private func makeFillFileNow(reserving size: Int64) throws(SystemError) -> FillFile {
        var file = try directory.makeFillFile()
        // Small files gain nothing; a large one learns now, and not half-way, that the disk is full.
        guard size >= 1 << 20 else { return file }
        do throws(SystemError) {
            try system("fallocate") { clinux_reserve(file.descriptor.number, 0, off_t(size)) }
            file.reservation = Reservation(upTo: size, in: reserved)
        } catch {
            // Where it isn't supported, writing will tell.
            if [ENOSPC, EFBIG, EDQUOT].contains(error.code) {
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
        try await background.run { () throws(CacheError) -> StoredObject in
            do throws(SystemError) {
                let object = try self.publishNow(fill, sealed, under: generation, replacing: replacing)
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
        let header = ObjectHeader(
            key: fill.key, description: description, length: sealed.length, bodyOffset: bodyOffset,
            trailerChecksum: ContentHash.checksum(sealed.trailer))
        let object = object(header, trailer: sealed.trailer, file: file.descriptor, isVerified: true)
        guard let generation else {
            directory.discard(file)
            return object
        }
        // The header last: whatever a crash leaves without it is no object.
        try file.descriptor.write(sealed.trailer, at: bodyOffset + sealed.length)
        try file.descriptor.write(header.encoded(), at: 0)
        try file.descriptor.synchronize()
        do throws(SystemError) {
            try link(object, of: fill, file, under: generation, replacing: replacing)
        } catch {
            // It has no place, but its bytes are whole: whoever waits for them gets them.
            failures.note("\(error)")
            index.withLock { $0.unregister(fill) }
            directory.discard(file)
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

    // MARK: Damage

    /// Drops an object whose bytes are not those that were stored. On a worker, or at the end of a failed `sendfile`.
    func objectIsDamaged(_ object: StoredObject) {
        let dropped = index.withLock { $0.forget(object) }
        guard let status = try? object.file.status() else { return }
        let path = ObjectPath(object.key)
        log("cache: \(path.string) is damaged (a block's checksum), dropped")
        dropDamaged(path, ifStill: FileIdentity(status), of: object.key.seriesKey)
        withExtendedLifetime(dropped) {}
    }

    /// Drops an object that is sound and of no use any more.
    package func drop(_ object: StoredObject) async {
        await workers.run {
            let dropped = self.index.withLock { $0.forget(object) }
            guard let status = try? object.file.status() else { return }
            self.remove(ObjectPath(object.key), ifStill: FileIdentity(status), of: object.key.seriesKey)
            withExtendedLifetime(dropped) {}
        }
    }

    private func dropDamaged(_ path: ObjectPath, ifStill identity: FileIdentity?, of series: SeriesKey) {
        counters.damaged.wrappingAdd(1, ordering: .relaxed)
        remove(path, ifStill: identity, of: series)
    }

    private func remove(_ path: ObjectPath, ifStill identity: FileIdentity?, of series: SeriesKey) {
        let name = publishing.withLock { _ in
            index.withLock { $0.isClosed } ? nil : directory.moveToTrash(path, ifStill: identity)
        }
        guard let name else { return }
        let contents = directory.contents(
            ofTrash: name, below: Array(path.components.dropFirst(ObjectPath.seriesDepth)))
        directory.deleteTrash(name)
        accounting.noteRemoved(series, contents)
    }
}
