// An object's file, as it is found: its header and trailer read and held against each other. Knows no index and drops
// nothing; what is to be done about damage is its callers' business.
import CLinux
import CachePolicy
import EventLoop
import Glibc

/// Why a file in an object's place is not that object.
enum FileDamage: Error {
    case notAFile
    case header(HeaderError)
    case wrongSize(Int64)
    case wrongPlace
    case trailer
    case block(Int)
    case unreadable(SystemError)
}

/// A file whose header, size and trailer are sound; its body was not looked at.
struct ObjectFile {
    let file: Descriptor
    let status: stat
    let header: ObjectHeader
    /// The block checksums as they stand in the file.
    let trailer: [UInt8]

    /// Reads header and trailer.
    ///
    /// - Parameter identity: set as soon as it is known, so that whoever drops the file drops this one.
    init(_ file: Descriptor, identity: inout FileIdentity?) throws(FileDamage) {
        do {
            let status = try file.status()
            guard status.isRegularFile else { throw FileDamage.notAFile }
            identity = FileIdentity(status)
            var head = try file.read(at: 0, count: ObjectLayout.pageSize)
            let headSize = try ObjectHeader.size(announcedBy: head)
            if headSize > head.count { head += try file.read(at: Int64(head.count), count: headSize - head.count) }
            let header = try ObjectHeader(decoding: head)
            let size = ObjectLayout.fileSize(bodyOffset: header.bodyOffset, length: header.length)
            guard Int64(status.st_size) == size else { throw FileDamage.wrongSize(Int64(status.st_size)) }
            let trailer = try file.read(
                at: header.bodyOffset + header.length, count: ObjectLayout.trailerSize(length: header.length))
            guard ContentHash.checksum(trailer) == header.trailerChecksum else { throw FileDamage.trailer }
            self.file = file
            self.status = status
            self.header = header
            self.trailer = trailer
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

    /// Reads the whole body and holds it against the trailer, a block at a time.
    ///
    /// - Parameter mayGoOn: called with the bytes read before the next are; false ends it.
    /// - Returns: false when it was ended before its end.
    /// - Throws: ``FileDamage/block(_:)`` or ``FileDamage/unreadable(_:)``.
    func checkBody(_ mayGoOn: (Int) -> Bool) throws(FileDamage) -> Bool {
        // Nobody else will want what stands behind a block that is read for its own sake.
        posix_fadvise(file.number, 0, 0, POSIX_FADV_RANDOM)
        let stored = ObjectLayout.checksums(of: trailer)
        for block in stored.indices {
            let range = ObjectLayout.range(ofBlock: block, length: header.length)
            let bytes: [UInt8]
            do throws(SystemError) {
                bytes = try file.readOnce(at: header.bodyOffset + range.lowerBound, count: range.count)
            } catch {
                throw .unreadable(error)
            }
            guard bytes.count == range.count, ContentHash.checksum(bytes) == stored[block] else { throw .block(block) }
            if !mayGoOn(bytes.count) { return false }
        }
        return true
    }
}
