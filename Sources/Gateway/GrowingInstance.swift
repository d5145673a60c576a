// Frames of an instance that is still on its way: its head tells where they will lie, long before the last of them is there.
import CachePolicy
import DICOM
import DiskCache
import EventLoop
import WADO

/// The beginning of a file whose end is not known yet.
private struct FileHead: ByteSource {
    struct NotThereYet: Error {}

    let bytes: [UInt8]
    var length: Int64 { ObjectLayout.bodyLimit }

    func read(at offset: Int64, count: Int) throws -> [UInt8] {
        guard offset >= 0, offset + Int64(count) <= Int64(bytes.count) else { throw NotThereYet() }
        return Array(bytes[Int(offset)..<Int(offset) + count])
    }
}

extension Gateway {
    /// How much of a file is read for the sake of where its frames lie, step by step. Whoever has more before its pixels is
    /// waited for.
    private static let headSteps: [Int64] = [64 << 10, 512 << 10, 4 << 20]

    /// One of several frames of an instance that is being fetched, to be sent when its bytes are there; nil when it is not
    /// being fetched, or where its frames lie shows only at its end.
    ///
    /// - Throws: ``Problem`` 404 for a frame that it has not, 406 when the client does not take it as it is stored.
    func frame(
        _ number: Int, ofGrowing instance: Obtained, _ request: RetrieveRequest, _ context: RequestContext
    ) async throws(Problem) -> Obtained? {
        guard case .filling(let follower, var description, _) = instance, let facts = description.facts,
            facts.numberOfFrames > 1, let syntax = facts.transferSyntax.flatMap({ TransferSyntax($0) }),
            !syntax.isEncapsulated, !syntax.isDeflated, let index = try await frameIndex(ofGrowing: follower)
        else { return nil }
        guard number <= index.numberOfFrames else {
            throw .noFrame(number, of: index.numberOfFrames, backend: description.backend)
        }
        guard let place = index.place(ofFrame: number) else { return nil }
        description.transferSyntax = ObjectClass.explicitLittleEndian
        description.mediaType = PixelMediaType.type(of: ObjectClass.explicitLittleEndian)
        guard
            request.representation.accepts(
                mediaType: description.mediaType, transferSyntax: description.transferSyntax)
        else { throw .notAcceptable(have: description) }
        description.etag += "-\(number)"
        context.entry.backend = description.backend
        // What passes through has its room behind the slowest listener, and this one may be sent its frame last of many.
        follower.skip(to: place.lowerBound)
        return .growing(follower, place, description, .frame(number, syntax: ObjectClass.stored))
    }

    private func frameIndex(ofGrowing follower: Follower) async throws(Problem) -> FrameIndex? {
        guard let reader = follower.fill.join() else { return nil }
        var head: [UInt8] = []
        for step in Self.headSteps {
            do throws(CacheError) {
                while Int64(head.count) < step, let piece = try await reader.next(upTo: step) {
                    head += try await reader.bytes(of: piece, on: workers)
                }
            } catch {
                throw Problem(error)
            }
            let source = FileHead(bytes: head)
            let index = await workers.run { try? FrameIndex(try Part10File(source)) }
            if let index { return index }
            if Int64(head.count) < step { break }
        }
        return nil
    }
}
