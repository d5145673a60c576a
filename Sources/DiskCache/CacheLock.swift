// Who owns a cache's folder: one process at a time, told to whoever else wants it. Knows the lock's file and nothing beside.
import EventLoop
import Glibc

/// `flock` on the file `lock`, whose text says whose it is:
///
///     pid 4711
///     host gateway-1
///     since 2026-11-24T19:50:58Z
///     state serving               or draining: the holder takes no new work and is about to let go
///
/// The kernel lets go of the lock when its holder ends, however that comes about; the text then stands there and means
/// nothing until the next one writes it.
struct CacheLock: Sendable {
    private let file: Descriptor

    init(in folder: Descriptor) throws(SystemError) { file = try folder.makeFile(FileName("lock")) }

    /// Takes the lock if it is free, and says so in the file.
    ///
    /// - Parameter now: seconds since 1970.
    func take(now: Int64) -> Bool {
        guard flock(file.number, LOCK_EX | LOCK_NB) == 0 else { return false }
        write(Holder(pid: Int64(getpid()), host: Self.hostName, since: Self.text(of: now), isDraining: false))
        return true
    }

    /// What the file says of the holder; nil when it says nothing of use. Only worth reading when the lock is taken.
    var holder: Holder? {
        guard let bytes = try? file.read(at: 0, count: 512) else { return nil }
        return Holder(String(decoding: bytes, as: UTF8.self))
    }

    /// The lock will be free in a moment: whoever wants it may begin without it.
    func sayDraining() {
        guard var holder else { return }
        holder.isDraining = true
        write(holder)
    }

    func release() { _ = flock(file.number, LOCK_UN) }

    // What can't be written is only a sentence less in somebody's error.
    private func write(_ holder: Holder) {
        ftruncate(file.number, 0)
        try? file.write(Array(holder.text.utf8), at: 0)
    }

    private static var hostName: String {
        var name = [CChar](repeating: 0, count: 65)
        // The array's last byte stays zero.
        guard unsafe gethostname(&name, 64) == 0 else { return "?" }
        let text = String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return text.contains(where: \.isWhitespace) || text.isEmpty ? "?" : text
    }

    private static func text(of seconds: Int64) -> String {
        var time = time_t(seconds)
        var parts = unsafe tm()
        var text = [CChar](repeating: 0, count: 32)
        // Both are written before they are read; the array has room for twenty characters and the zero.
        unsafe _ = gmtime_r(&time, &parts)
        let count = unsafe strftime(&text, 31, "%Y-%m-%dT%H:%M:%SZ", &parts)
        return String(decoding: text.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}

/// Who holds a cache's lock.
struct Holder: Sendable, Equatable {
    let pid: Int64
    let host: String
    /// UTC.
    let since: String
    var isDraining: Bool

    init(pid: Int64, host: String, since: String, isDraining: Bool) {
        self.pid = pid
        self.host = host
        self.since = since
        self.isDraining = isDraining
    }

    /// Reads the lock file's text; nil when it is none.
    init?(_ text: String) {
        let words = text.split(whereSeparator: \.isWhitespace).map(String.init)
        guard words.count == 8, words[0] == "pid", let pid = Int64(words[1]), words[2] == "host", words[4] == "since",
            words[6] == "state"
        else { return nil }
        self.init(pid: pid, host: words[3], since: words[5], isDraining: words[7] == "draining")
    }

    var text: String {
        "pid \(pid)\nhost \(host)\nsince \(since)\nstate \(isDraining ? "draining" : "serving")\n"
    }

    /// For whoever is refused: who has it, and what to do.
    static func refusal(_ holder: Holder?) -> String {
        let who = holder.map { "another process uses it: \($0.pid) on \($0.host), since \($0.since)" }
        return (who ?? "another process uses it")
            + ". Two can't share a cache: stop that one first, or give this one a folder of its own (cache.path). To"
            + " replace it without a gap, start this one with --take-over, and then stop that one"
    }
}
