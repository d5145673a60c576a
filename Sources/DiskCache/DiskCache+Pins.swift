// The file of pins: read at the start, replaced in one step when they change, so that neither a crash nor the loss of the
// accounting loses one. The text is CachePolicy's.
import CLinux
package import CachePolicy
import EventLoop
import Glibc
import Synchronization

extension DiskCache {
    private static let pinFileName = "pins"

    /// What eviction leaves alone.
    package func pins() -> Set<Pin> { accounting.state.withLock { $0.pins } }

    /// Keeps series from being evicted, also those that are yet to come, over restarts.
    ///
    /// - Throws: ``CacheError/io(detail:)`` when the file of pins can't be written, or there would be too many.
    package func pin(_ pin: Pin) async throws(CacheError) {
        guard PinFile.canHold(pin) else {
            throw .io(detail: "a subject such as Patient/7 is one word of 256 bytes at most")
        }
        try await change { pins throws(CacheError) in
            if pins.count >= PinFile.pinLimit { throw .io(detail: "there are \(PinFile.pinLimit) pins already") }
            pins.insert(pin)
        }
    }

    /// Takes a pin back; one that is not there is no error.
    ///
    /// - Throws: ``CacheError/io(detail:)`` when the file of pins can't be written.
    package func unpin(_ pin: Pin) async throws(CacheError) {
        try await change { $0.remove(pin) }
    }

    private func change(
        _ body: @escaping @Sendable (inout Set<Pin>) throws(CacheError) -> Void
    ) async throws(CacheError) {
        try await background.run { () throws(CacheError) in
            try self.pinning.withLock { _ throws(CacheError) in
                if self.counters.pinsAreUnread.load(ordering: .relaxed) {
                    throw .io(detail: "file \(Self.pinFileName) could not be read: mend it, then start again")
                }
                var pins = self.pins()
                let before = pins
                try body(&pins)
                if pins == before { return }
                do throws(SystemError) {
                    try self.write(PinFile.text(of: pins))
                } catch {
                    throw .io(detail: "file \(Self.pinFileName): \(error)")
                }
                self.accounting.setPins(pins)
            }
        }
    }

    private func write(_ text: String) throws(SystemError) {
        // A process that has given the folder up writes nothing into it.
        if index.withLock({ $0.isClosed }) { throw SystemError(call: "flock", code: EBADF) }
        let name = FileName.unique()
        let file = try directory.fills.makeFile(name, exclusively: true)
        do throws(SystemError) {
            try file.write(Array(text.utf8), at: 0)
            try file.synchronize()
            try directory.fills.replace(name, to: directory.root, as: FileName(Self.pinFileName))
        } catch {
            directory.fills.removeFile(name)
            throw error
        }
        try system("fsync") { fsync(directory.root.number) }
    }

    /// The pins on the disk; none when there is no file. At start-up.
    func readPins() -> Set<Pin> {
        let file: Descriptor
        do throws(SystemError) {
            file = try directory.root.open(FileName(Self.pinFileName), O_RDONLY | O_NONBLOCK | O_NOCTTY)
            guard try file.status().isRegularFile else { throw SystemError(call: "open", code: EINVAL) }
            let bytes = try file.read(at: 0, count: PinFile.sizeLimit)
            let (pins, skipped) = PinFile.pins(in: String(decoding: bytes, as: UTF8.self))
            if skipped > 0 { log("cache: file \(Self.pinFileName): \(skipped) lines are not understood and skipped") }
            return pins
        } catch {
            if error.code != ENOENT {
                log("cache: file \(Self.pinFileName): \(error): nothing is pinned")
                // What cannot be read must not be written over.
                counters.pinsAreUnread.store(true, ordering: .relaxed)
            }
            return []
        }
    }
}
