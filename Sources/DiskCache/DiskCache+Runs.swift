// The file in which the runs of the process are numbered; what the numbers mean is CachePolicy's RunLedger.
//
// Why whole objects are read again after a kill, although each was written, synchronised and only then given its name: that
// order holds as far as the disk does. A drive or a hypervisor that acknowledges a flush it has not done, a file system
// mounted without barriers, or one that replays a name whose blocks it lost, leaves a file with the right length and a sound
// header over wrong bytes. The blocks' checksums would find that as well, but in the middle of an answer. So the order is the
// first net, which makes the second one cheap: what it catches is rare, and only what the last run stored must be read.
import CachePolicy
import EventLoop
import Glibc
import Synchronization

extension DiskCache {
    /// Begins a run: its number is on the disk before an object bears it. Blocks.
    func beginRun() {
        let text = readRuns()
        var new = RunLedger(after: text, now: clock() / 1000)
        if !write(new) { new = .unrecorded }
        ledger.withLock { $0 = new }
    }

    /// Whether what this run number stored must be read whole before a byte of it is served.
    func isSuspect(_ run: Int64) -> Bool { ledger.withLock { $0.isSuspect(run) } }

    var hasSuspects: Bool { ledger.withLock { !$0.suspects.isEmpty } }

    /// A walk over the whole tree has read every object that was suspect when it began.
    func suspectsWereRead() {
        let new = ledger.withLock { ledger in
            ledger.allWereRead()
            return ledger
        }
        _ = write(new)
    }

    /// Everything that this run stored is in its place. Blocks.
    func endRun() {
        let new = ledger.withLock { ledger in
            ledger.end()
            return ledger
        }
        _ = write(new)
    }

    private func readRuns() -> String? {
        guard let file = try? directory.root.makeFile(FileName(Self.runsFile)) else { return nil }
        guard let bytes = try? file.read(at: 0, count: 4096) else { return nil }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// In one small write: a torn one is noticed by its checksum, and costs a look at every object.
    private func write(_ ledger: RunLedger) -> Bool {
        guard ledger.isRecorded else { return false }
        do throws(SystemError) {
            let text = Array(ledger.text.utf8)
            let file = try directory.root.makeFile(FileName(Self.runsFile))
            try file.write(text, at: 0)
            try system("ftruncate") { ftruncate(file.number, off_t(text.count)) }
            try file.synchronize()
            return true
        } catch {
            log(
                "cache: the file \(Self.runsFile) can't be written, so what is stored now is read again next time: \(error)"
            )
            return false
        }
    }

    private static let runsFile = "runs"
}
