// A scripted HTTP origin: each connection is one blocking conversation on a thread of its own, byte by byte as the test
// says. Ten seconds of silence end a conversation, so that no mistake hangs the tests.
import CLinux
import EventLoop
import Glibc
import Synchronization

/// Listens on a free port of 127.0.0.1 and runs a script for each connection.
final class Origin: Sendable {
    let port: Int
    /// Opens when the port is free again.
    let stopped = Gate()
    private let listener: Int32
    private let threads: WorkerPool
    private let state = Mutex(State())

    private struct State {
        var open: Set<Int32> = []
        var accepted = 0
        var mostOpen = 0
        var isStopping = false
    }

    init(_ script: @escaping @Sendable (Conversation) throws -> Void) throws {
        listener = try system("socket") { socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let size = socklen_t(MemoryLayout<sockaddr_in>.size)
        var length = size
        let listener = listener
        // The address outlives each call, and its size is given.
        _ = unsafe try withUnsafeMutablePointer(to: &address) { pointer in
            try unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                try system("bind") { unsafe bind(listener, pointer, size) }
                try system("listen") { listen(listener, 128) }
                return try system("getsockname") { unsafe getsockname(listener, pointer, &length) }
            }
        }
        port = Int(UInt16(bigEndian: address.sin_port))
        threads = WorkerPool(threads: 48)
        threads.submit { self.acceptAll(script) }
    }

    /// Connections accepted so far.
    var accepted: Int { state.withLock { $0.accepted } }
    /// The most connections that were open at one moment.
    var mostOpen: Int { state.withLock { $0.mostOpen } }

    func stop() {
        let isFirst = state.withLock { state in
            defer { state.isStopping = true }
            return !state.isStopping
        }
        // The listener's number may belong to another test by the second time.
        guard isFirst else { return }
        shutdown(listener, Int32(SHUT_RDWR))
        threads.stop()
    }

    private func acceptAll(_ script: @escaping @Sendable (Conversation) throws -> Void) {
        while true {
            let socket = accept(listener, nil, nil)
            if socket < 0 { break }
            state.withLock { state in
                state.accepted += 1
                // One that its peer has closed is not open, though its thread may not have noticed yet.
                let others = state.open.count { !Conversation.peerHasClosed($0) }
                state.open.insert(socket)
                state.mostOpen = max(state.mostOpen, others + 1)
            }
            threads.submit {
                let conversation = Conversation(socket)
                try? script(conversation)
                self.state.withLock { _ = $0.open.remove(socket) }
                close(socket)
            }
        }
        close(listener)
        stopped.open()
    }
}

/// One connection of a scripted origin.
final class Conversation {
    struct Ended: Error {}

    private let socket: Int32
    private var unread: [UInt8] = []

    init(_ socket: Int32) {
        self.socket = socket
        var limit = timeval(tv_sec: 10, tv_usec: 0)
        for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
            // The value outlives the call, and its size is given.
            unsafe _ = setsockopt(
                socket, SOL_SOCKET, option, &limit, socklen_t(MemoryLayout<timeval>.size))
        }
    }

    static func peerHasClosed(_ socket: Int32) -> Bool {
        var entry = pollfd(fd: socket, events: Int16(0x2000 /* POLLRDHUP */), revents: 0)
        return unsafe poll(&entry, 1, 0) > 0
    }

    /// The next request head, up to the empty line; nil when the peer has closed.
    func readHead() -> String? {
        while true {
            let text = String(decoding: unread, as: UTF8.self)
            if let end = text.firstRange(of: "\r\n\r\n") {
                let head = text[..<end.lowerBound]
                unread.removeFirst(head.utf8.count + 4)
                return String(head)
            }
            guard let bytes = receive() else { return nil }
            unread += bytes
        }
    }

    func waitForClose() { while receive() != nil {} }

    private func receive() -> [UInt8]? {
        var buffer = [UInt8](repeating: 0, count: 16 << 10)
        // At most the array's size is read.
        let count = unsafe recv(socket, &buffer, buffer.count, 0)
        return count > 0 ? Array(buffer[..<count]) : nil
    }

    /// - Throws: ``Ended`` when the peer has closed, or takes nothing for ten seconds.
    func send(_ text: String) throws { try send(Array(text.utf8)) }

    func send(_ bytes: [UInt8]) throws {
        var sent = 0
        while sent < bytes.count {
            let count = sendSome(bytes[sent...], flags: 0)
            if count <= 0 { throw Ended() }
            sent += count
        }
    }

    /// Sends a block again and again until the peer has taken nothing for a fifth of a second; how many bytes went out.
    func sendUntilStuck(_ block: [UInt8], times: Int) -> Int {
        var limit = timeval(tv_sec: 0, tv_usec: 200_000)
        // The value outlives the call, and its size is given.
        unsafe _ = setsockopt(
            socket, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        defer {
            limit.tv_sec = 10
            unsafe _ = setsockopt(
                socket, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        }
        var sent = 0
        while sent < block.count * times {
            let count = sendSome(block[(sent % block.count)...], flags: 0)
            if count <= 0 { break }
            sent += count
        }
        return sent
    }

    private func sendSome(_ bytes: ArraySlice<UInt8>, flags: Int32) -> Int {
        // The buffer is the slice itself.
        unsafe bytes.withUnsafeBytes { buffer in
            unsafe Glibc.send(socket, buffer.baseAddress, buffer.count, flags | Int32(MSG_NOSIGNAL))
        }
    }
}

/// Opens once; origin threads block on it, tests await it.
final class Gate: Sendable {
    private struct State {
        var isOpen = false
        var continuations: [CheckedContinuation<Void, Never>] = []
        var locks: [Lock] = []
    }

    private let state = Mutex(State())

    func open() {
        let waiting = state.withLock { state in
            defer { state = State(isOpen: true) }
            return state
        }
        for continuation in waiting.continuations { continuation.resume() }
        for lock in waiting.locks { lock.release() }
    }

    func opened() async {
        await withCheckedContinuation { continuation in
            let isOpen = state.withLock { state in
                if !state.isOpen { state.continuations.append(continuation) }
                return state.isOpen
            }
            if isOpen { continuation.resume() }
        }
    }

    /// Blocks the calling thread.
    func wait() {
        let lock = Lock()
        let isOpen = state.withLock { state in
            state.locks.append(lock)
            return state.isOpen
        }
        if !isOpen { lock.wait() }
    }
}

/// Blocks one thread until another releases it.
@safe private final class Lock: @unchecked Sendable {
    // Unchecked: sem_post and sem_wait are safe on one address from any thread, and the address never moves.
    private let handle = UnsafeMutablePointer<sem_t>.allocate(capacity: 1)

    init() { unsafe sem_init(handle, 0, 0) }
    deinit {
        unsafe sem_destroy(handle)
        unsafe handle.deallocate()
    }

    func release() { unsafe _ = sem_post(handle) }
    func wait() { while unsafe sem_wait(handle) != 0 {} }
}
