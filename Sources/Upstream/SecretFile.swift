// A secret that lives in a file and is read again when the file changes. Secrets stay out of errors and logs.
import EventLoop
import Glibc
import Synchronization

/// One secret in a file; may be used from any loop.
final class SecretFile: Sendable {
    struct Failure: Error {
        /// Names the file, never what it holds.
        let detail: String
    }

    private struct Stamp: Equatable {
        var device: UInt64
        var inode: UInt64
        var size: Int64
        var seconds: Int
        var nanoseconds: Int
    }

    private struct State {
        var secret: String?
        var stamp: Stamp?
        var nextCheck: ContinuousClock.Instant?
    }

    static let maxSize = 64 << 10
    /// How long a secret is used without a look at its file.
    static let checkInterval: Duration = .seconds(1)

    private let path: String
    private let workers: WorkerPool
    private let state = Mutex(State())

    init(path: String, workers: WorkerPool) {
        self.path = path
        self.workers = workers
    }

    /// The secret without the line end that editors leave behind.
    ///
    /// - Throws: ``Failure`` when the file can't be read, is larger than 64 KiB, empty, or holds control characters.
    func secret(now: ContinuousClock.Instant) async throws(Failure) -> String {
        let known = state.withLock { state -> String? in
            guard let secret = state.secret, let next = state.nextCheck else { return nil }
            if now < next { return secret }
            // Those that come during the check use what is known.
            state.nextCheck = now + Self.checkInterval
            return nil
        }
        if let known { return known }
        return try await workers.run { () throws(Failure) -> String in try self.check(now: now) }
    }

    private func check(now: ContinuousClock.Instant) throws(Failure) -> String {
        do {
            let stamp = try stampOfFile()
            let unchanged = state.withLock { $0.stamp == stamp ? $0.secret : nil }
            let secret = if let unchanged { unchanged } else { try read() }
            state.withLock { state in
                state = State(secret: secret, stamp: stamp, nextCheck: now + Self.checkInterval)
            }
            return secret
        } catch {
            state.withLock { $0 = State() }
            throw error
        }
    }

    private func stampOfFile() throws(Failure) -> Stamp {
        var status = stat()
        do {
            try system("stat") { unsafe stat(path, &status) }
        } catch {
            throw Failure(detail: "\(path): \(error)")
        }
        return Stamp(
            device: UInt64(status.st_dev), inode: UInt64(status.st_ino), size: Int64(status.st_size),
            seconds: status.st_mtim.tv_sec, nanoseconds: status.st_mtim.tv_nsec)
    }

    private func read() throws(Failure) -> String {
        var bytes = [UInt8](repeating: 0, count: Self.maxSize + 1)
        var count = 0
        do {
            let descriptor = try system("open") { unsafe open(path, O_RDONLY | O_CLOEXEC) }
            defer { close(descriptor) }
            while count < bytes.count {
                let offset = count
                // The pointer covers the array, and at most the rest of it is read.
                let got = try system("read") {
                    unsafe bytes.withUnsafeMutableBytes { buffer in
                        unsafe Glibc.read(descriptor, buffer.baseAddress! + offset, buffer.count - offset)
                    }
                }
                if got == 0 { break }
                count += got
            }
        } catch {
            throw Failure(detail: "\(path): \(error)")
        }
        guard count <= Self.maxSize else { throw Failure(detail: "\(path): larger than \(Self.maxSize) bytes") }
        while count > 0, bytes[count - 1] == UInt8(ascii: "\n") || bytes[count - 1] == UInt8(ascii: "\r") { count -= 1 }
        guard count > 0 else { throw Failure(detail: "\(path): empty") }
        guard bytes[..<count].allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else {
            throw Failure(detail: "\(path): control characters, or more than one line")
        }
        return String(decoding: bytes[..<count], as: UTF8.self)
    }
}
