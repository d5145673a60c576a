// Bodies as the gateway reads them: pieces pulled one after the other, from a backend or from an archive's file.
import DICOM
import EventLoop
import Glibc
import HTTP
import Upstream

/// A body that is pulled; belongs to one loop.
protocol BodySource: AnyObject {
    /// The next piece, nil at the proper end.
    func next() async throws(Problem) -> [UInt8]?
}

/// A backend's response.
final class UpstreamBody: BodySource {
    private let response: UpstreamResponse

    init(_ response: UpstreamResponse) { self.response = response }

    func next() async throws(Problem) -> [UInt8]? {
        do { return try await response.next() } catch { throw Problem(error) }
    }
}

/// A file of an archive folder, read on the worker pool.
final class FileBody: BodySource {
    private let file: OpenFile
    private let workers: WorkerPool
    private var offset: Int64 = 0
    let length: Int64

    /// - Throws: ``Problem`` 404 when the file is gone or is no regular file.
    init(path: String, archive: String, workers: WorkerPool) async throws(Problem) {
        self.workers = workers
        let opened = await workers.run { OpenFile(path: path) }
        guard let opened else {
            throw Problem(status: 404, "Archive \(archive) no longer holds this instance.", backend: archive)
        }
        file = opened
        length = opened.length
    }

    func next() async throws(Problem) -> [UInt8]? {
        let (file, start) = (file, offset)
        let piece = await workers.run { file.read(at: start, count: 256 << 10) }
        guard let piece else { throw Problem(status: 502, "A file of the archive cannot be read.") }
        if piece.isEmpty { return nil }
        offset += Int64(piece.count)
        return piece
    }
}

/// A regular file, open for reading; symbolic links are not followed.
final class OpenFile: Sendable {
    private let descriptor: Int32
    let length: Int64

    /// Never waits for a writer, should a FIFO stand in the file's place.
    init?(path: String) {
        descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
        var info = stat()
        guard descriptor >= 0, unsafe fstat(descriptor, &info) == 0, info.st_mode & S_IFMT == S_IFREG else {
            length = 0
            if descriptor >= 0 { close(descriptor) }
            return nil
        }
        length = Int64(info.st_size)
    }

    deinit { close(descriptor) }

    /// Nil on an error; empty at the end.
    func read(at offset: Int64, count: Int) -> [UInt8]? {
        var failed = false
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            let got = unsafe pread(descriptor, buffer.baseAddress, count, off_t(offset))
            failed = got < 0
            filled = max(0, got)
        }
        return failed ? nil : bytes
    }
}

/// The parts of a body: those of a multipart, or the bare body as the only one.
final class PartSource {
    private let body: any BodySource
    private let backend: String
    private var reader: MultipartReader?
    private var events: [MultipartReader.Event] = []
    private var position = 0
    private var bareFields: HTTPFields?
    private var hasEnded = false
    /// The whole body's Content-Length.
    private let wholeLength: Int64?

    /// - Parameter fields: the response's, for Content-Type and, of a bare body, Content-Length.
    init(body: any BodySource, fields: HTTPFields, backend: String) {
        self.body = body
        self.backend = backend
        wholeLength = Self.length(in: fields)
        let type = fields["content-type"].flatMap { MediaType(parsing: $0) }
        if let type, type.type.hasPrefix("multipart/") {
            reader = MultipartReader(contentType: type)
        } else {
            bareFields = fields
        }
    }

    /// The length that a part announces, where it can be believed: of a bare body, and of a part that fills the whole body
    /// up to an envelope's size. Other part lengths are the archive's word alone, and some archives' are wrong.
    func announcedLength(of part: HTTPFields) -> Int64? {
        guard let wholeLength, reader != nil else { return wholeLength }
        guard let length = Self.length(in: part), (0...Self.envelopeLimit).contains(wholeLength - length) else {
            return nil
        }
        return length
    }

    private static let envelopeLimit: Int64 = 4096

    /// Digits only, and not so many that a sum could overflow.
    static func length(in fields: HTTPFields) -> Int64? {
        guard let text = fields["content-length"], (1...15).contains(text.utf8.count),
            text.utf8.allSatisfy({ (0x30...0x39).contains($0) })
        else { return nil }
        return Int64(text)
    }

    /// The next part's fields; nil once the body has properly ended.
    ///
    /// - Throws: ``Problem`` 502 when the body ends before its closing boundary.
    func nextPart() async throws(Problem) -> HTTPFields? {
        if reader == nil {
            defer { bareFields = nil }
            return bareFields
        }
        while let event = try await nextEvent() {
            if case .partBegan(let fields) = event { return fields }
        }
        return nil
    }

    /// The next bytes of the present part; nil at its end.
    func nextBytes() async throws(Problem) -> [UInt8]? {
        if reader == nil { return try await body.next() }
        while let event = try await nextEvent() {
            switch event {
            case .partBytes(let bytes): return bytes
            case .partEnded: return nil
            case .partBegan, .ended: continue
            }
        }
        return nil
    }

    private func nextEvent() async throws(Problem) -> MultipartReader.Event? {
        while position == events.count {
            if hasEnded { return nil }
            let piece = try await body.next()
            position = 0
            do {
                if let piece {
                    events = try reader?.feed(piece) ?? []
                } else {
                    hasEnded = true
                    events = try reader?.finish() ?? []
                }
            } catch {
                throw Problem(error, from: backend)
            }
        }
        defer { position += 1 }
        return events[position]
    }
}
