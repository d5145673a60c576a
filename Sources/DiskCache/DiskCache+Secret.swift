// The random bytes that belong to this cache and survive a restart. What they are good for is the caller's business.
import CLinux
import EventLoop
import Glibc

extension DiskCache {
    /// 32 random bytes, made once and kept in the cache's folder, readable by its owner only. Blocks: at start-up only.
    ///
    /// - Throws: ``CacheDirectoryError`` when the file can't be read or made.
    package func secret() throws(CacheDirectoryError) -> [UInt8] {
        do throws(SystemError) {
            let file = try directory.root.makeFile(FileName("secret"))
            let stored = try file.read(at: 0, count: Self.secretLength)
            if stored.count == Self.secretLength { return stored }
            // New, or cut short by a crash at its making: nobody has used it yet.
            var generator = SystemRandomNumberGenerator()
            let secret = (0..<Self.secretLength).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
            try file.write(secret, at: 0)
            try system("fsync") { fsync(file.number) }
            return secret
        } catch {
            throw CacheDirectoryError(description: "cache folder \(directory.path), file secret: \(error)")
        }
    }

    private static let secretLength = 32
}
