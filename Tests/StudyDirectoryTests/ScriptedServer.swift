// A FHIR server that answers as a test says: one blocking thread for each connection on 127.0.0.1, a free port.
import CLinux
import EventLoop
import Glibc
import Synchronization

struct Answer: Sendable {
    var status = 200
    var fields: [String] = []
    var body = ""
    /// The connection stays open and nothing comes.
    var isSilent = false

    static func json(_ body: String, _ fields: String...) -> Answer {
        Answer(fields: ["Content-Type: application/fhir+json"] + fields, body: body)
    }
    static func status(_ status: Int) -> Answer { Answer(status: status) }
    static let silence = Answer(isSilent: true)
}

struct Question: Sendable {
    /// "/fhir/ImagingStudy?identifier=…"
    let target: String
    private let lines: [String]

    init(_ head: String) {
        let all = head.split(separator: "\r\n").map(String.init)
        target = all.first?.split(separator: " ").dropFirst().first.map(String.init) ?? ""
        lines = Array(all.dropFirst())
    }

    subscript(name: String) -> String? {
        for line in lines where line.lowercased().hasPrefix("\(name.lowercased()):") {
            return String(line.dropFirst(name.count + 1).drop { $0 == " " })
        }
        return nil
    }
}

/// The script is called on the server's threads; it may block on a ``Gate``. The server ends with this handle.
final class ScriptedServer: Sendable {
    private let listener: ScriptedListener

    init(_ script: @escaping @Sendable (Question) -> Answer = { _ in .status(500) }) throws {
        listener = try ScriptedListener(script)
    }

    deinit { listener.stop() }

    var port: Int { listener.port }
    /// What was asked, in order.
    var questions: [Question] { listener.questions }
    var targets: [String] { questions.map(\.target) }

    func answer(_ script: @escaping @Sendable (Question) -> Answer) { listener.answer(script) }
    func forgetQuestions() { listener.forgetQuestions() }
    /// Ends the server: its port refuses from now on.
    func stop() { listener.stop() }
}

/// What the server's threads hold on to.
private final class ScriptedListener: Sendable {
    let port: Int
    private let listener: Int32
    private let threads = WorkerPool(threads: 12)
    private let state: Mutex<State>

    private struct State {
        var script: @Sendable (Question) -> Answer
        var questions: [Question] = []
        var sockets: Set<Int32> = []
        var isStopped = false

        init(_ script: @escaping @Sendable (Question) -> Answer) { self.script = script }
    }

    init(_ script: @escaping @Sendable (Question) -> Answer) throws {
        state = Mutex(State(script))
        let listener = try system("socket") { socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0) }
        self.listener = listener
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        // The address outlives each call, and its size is given.
        _ = try unsafe withUnsafeMutablePointer(to: &address) { pointer in
            try unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                try system("bind") { unsafe bind(listener, pointer, length) }
                try system("listen") { listen(listener, 128) }
                return try system("getsockname") { unsafe getsockname(listener, pointer, &length) }
            }
        }
        port = Int(UInt16(bigEndian: address.sin_port))
        threads.submit { self.acceptAll() }
    }

    var questions: [Question] { state.withLock { $0.questions } }

    func answer(_ script: @escaping @Sendable (Question) -> Answer) { state.withLock { $0.script = script } }
    func forgetQuestions() { state.withLock { $0.questions = [] } }

    func stop() {
        // Under the lock, since a descriptor's number may be another's once it is closed.
        let isFirst = state.withLock { state in
            if state.isStopped { return false }
            state.isStopped = true
            shutdown(listener, Int32(SHUT_RDWR))
            for socket in state.sockets { shutdown(socket, Int32(SHUT_RDWR)) }
            return true
        }
        if isFirst { threads.stop() }
    }

    private func acceptAll() {
        while true {
            let socket = accept(listener, nil, nil)
            if socket < 0 { break }
            let isStopped = state.withLock { state in
                state.sockets.insert(socket)
                return state.isStopped
            }
            if isStopped { shutdown(socket, Int32(SHUT_RDWR)) }
            threads.submit {
                self.converse(socket)
                self.state.withLock { _ = $0.sockets.remove(socket) }
                close(socket)
            }
        }
        close(listener)
    }

    private func converse(_ socket: Int32) {
        var unread: [UInt8] = []
        while true {
            let text = String(decoding: unread, as: UTF8.self)
            guard let end = text.firstRange(of: "\r\n\r\n") else {
                var buffer = [UInt8](repeating: 0, count: 16 << 10)
                // At most the array's size is read.
                let count = unsafe recv(socket, &buffer, buffer.count, 0)
                if count <= 0 { return }
                unread += buffer[..<count]
                continue
            }
            let head = String(text[..<end.lowerBound])
            unread.removeFirst(head.utf8.count + 4)
            let question = Question(head)
            let script = state.withLock { state in
                state.questions.append(question)
                return state.script
            }
            let answer = script(question)
            if !answer.isSilent, !send(answer, to: socket) { return }
        }
    }

    private func send(_ answer: Answer, to socket: Int32) -> Bool {
        let fields = (answer.fields + ["Content-Length: \(answer.body.utf8.count)"]).map { "\($0)\r\n" }.joined()
        let bytes = Array("HTTP/1.1 \(answer.status) Scripted\r\n\(fields)\r\n\(answer.body)".utf8)
        var sent = 0
        while sent < bytes.count {
            // The buffer is the array itself, from what is sent already.
            let count = unsafe bytes.withUnsafeBytes { buffer in
                unsafe Glibc.send(
                    socket, buffer.baseAddress.map { unsafe $0 + sent }, buffer.count - sent, Int32(MSG_NOSIGNAL))
            }
            if count <= 0 { return false }
            sent += count
        }
        return true
    }
}

/// Holds a server's thread until the test opens it.
@safe final class Gate: @unchecked Sendable {
    // Unchecked: sem_post and sem_wait are safe on one address from any thread, and the address never moves.
    private let handle = UnsafeMutablePointer<sem_t>.allocate(capacity: 1)

    init() { unsafe sem_init(handle, 0, 0) }
    deinit {
        unsafe sem_destroy(handle)
        unsafe handle.deallocate()
    }

    func open() { unsafe _ = sem_post(handle) }
    /// Lets one thread pass for each ``open()``.
    func pass() { while unsafe sem_wait(handle) != 0 {} }
}
