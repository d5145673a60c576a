// An unencrypted socket: gathered writes, and sendfile for regions of files.
import CLinux
import EventLoop
import Glibc

/// Bytes go as they are: in memory by one gathered call, from files by `sendfile` without passing through this program.
final class PlainTransport: Transport {
    /// More segments than an answer has in practice.
    private static let vectorsPerCall = 8

    private let descriptor: Int32

    init(descriptor: Int32) { self.descriptor = descriptor }

    var isSecure: Bool { false }
    var clientSubject: String? { nil }
    var hasPendingOutput: Bool { false }
    func prepareShutdown() {}

    func receive(into input: inout [UInt8], scratch: inout [UInt8]) -> ReceiveOutcome {
        let (count, code) = SocketCall.receive(descriptor, &scratch, most: TransportLimits.bytesPerReceive)
        if count > 0 {
            input.append(contentsOf: scratch[0..<count])
            return .received
        }
        if count == 0 { return .ended }
        return code == EAGAIN ? .nothing : .failed(nil)
    }

    func send(_ queue: inout OutputQueue, scratch: inout [UInt8]) -> SendResult {
        var result = SendResult(outcome: .drained, hasProgressed: false, bodyBytes: 0)
        var turn = TransportLimits.bytesPerTurn
        while let first = queue.segments.first {
            if turn <= 0 {
                result.outcome = .yielded
                break
            }
            let sent: Int
            let code: Int32
            switch first {
            case .bytes: (sent, code) = sendBytes(queue)
            case .file(let region): (sent, code) = sendFile(region, from: queue.offset)
            }
            if sent <= 0 {
                result.outcome = Self.outcome(of: first, sent: sent, code: code)
                break
            }
            turn -= sent
            result.hasProgressed = true
            result.bodyBytes += queue.consume(Int64(sent))
        }
        return result
    }

    private static func outcome(of segment: OutputQueue.Segment, sent: Int, code: Int32) -> SendOutcome {
        guard sent < 0 else {
            // sendfile answers 0 at the file's end only, and the segment was not at its own.
            return .fileFailed(nil)
        }
        if code == EAGAIN { return .blocked }
        // These come from the socket, whatever was sent; others of sendfile come from the file.
        let isSocketError = [EPIPE, ECONNRESET, ETIMEDOUT, ENOTCONN, EHOSTUNREACH, ENETUNREACH].contains(code)
        if case .file = segment, !isSocketError { return .fileFailed(SystemError(call: "sendfile", code: code)) }
        return .failed
    }

    /// Sends the bytes at the queue's beginning, up to the first file region.
    private func sendBytes(_ queue: OutputQueue) -> (Int, Int32) {
        let last = min(queue.segments.count, Self.vectorsPerCall)
        let end = queue.segments[..<last].firstIndex { if case .file = $0 { true } else { false } } ?? last
        // A head before a file waits in the kernel for the file's first bytes, so that both leave in one packet.
        let flags = end < queue.segments.count ? Int32(MSG_MORE) : 0
        if end == 1, case .bytes(let bytes, _) = queue.segments[0] {
            return SocketCall.send(descriptor, bytes, from: Int(queue.offset), flags: flags)
        }
        var vectors = unsafe [iovec]()
        unsafe vectors.reserveCapacity(end)
        return unsafe gather(queue, from: 0, to: end, into: &vectors, flags: flags)
    }

    /// Nests one closure for each segment, so that every pointer lives until the call has returned.
    private func gather(
        _ queue: OutputQueue, from index: Int, to end: Int, into vectors: inout [iovec], flags: Int32
    ) -> (Int, Int32) {
        guard index < end, case .bytes(let bytes, _) = queue.segments[index] else {
            return unsafe SocketCall.send(descriptor, vectors, flags: flags)
        }
        return unsafe bytes.withUnsafeBufferPointer { buffer in
            let skipped = index == 0 ? Int(queue.offset) : 0
            // The offset is less than the segment's length; sendmsg only reads.
            let start = unsafe UnsafeMutableRawPointer(mutating: buffer.baseAddress).map { unsafe $0 + skipped }
            unsafe vectors.append(iovec(iov_base: start, iov_len: buffer.count - skipped))
            return unsafe gather(queue, from: index + 1, to: end, into: &vectors, flags: flags)
        }
    }

    private func sendFile(_ region: FileRegion, from sent: Int64) -> (Int, Int32) {
        var offset = off_t(region.offset + sent)
        let count = Int(min(region.length - sent, Int64(TransportLimits.bytesPerFileCall)))
        return SocketCall.retrying { unsafe sendfile(descriptor, region.descriptor, &offset, count) }
    }
}

/// Calls on sockets that answer a count, or −1 and `errno`; again after EINTR. EAGAIN is an ordinary answer here, so no errors.
enum SocketCall {
    static func retrying(_ call: () -> Int) -> (Int, Int32) {
        while true {
            let count = call()
            if count >= 0 { return (count, 0) }
            let code = clinux_errno()
            if code != EINTR { return (-1, code) }
        }
    }

    static func receive(_ descriptor: Int32, _ buffer: inout [UInt8], most: Int) -> (Int, Int32) {
        // recv writes at most the count it is given.
        unsafe buffer.withUnsafeMutableBytes { buffer in
            retrying { unsafe recv(descriptor, buffer.baseAddress, min(most, buffer.count), 0) }
        }
    }

    static func read(_ file: Int32, _ buffer: inout [UInt8], most: Int, at offset: off_t) -> (Int, Int32) {
        // pread writes at most the count it is given.
        unsafe buffer.withUnsafeMutableBytes { buffer in
            retrying { unsafe pread(file, buffer.baseAddress, min(most, buffer.count), offset) }
        }
    }

    static func send(_ descriptor: Int32, _ bytes: [UInt8], from start: Int, flags: Int32) -> (Int, Int32) {
        unsafe bytes.withUnsafeBytes { buffer in
            unsafe send(descriptor, UnsafeRawBufferPointer(rebasing: buffer[start...]), flags: flags)
        }
    }

    static func send(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer, flags: Int32) -> (Int, Int32) {
        let flags = flags | Int32(MSG_NOSIGNAL)
        return retrying { unsafe Glibc.send(descriptor, bytes.baseAddress, bytes.count, flags) }
    }

    static func send(_ descriptor: Int32, _ vectors: [iovec], flags: Int32) -> (Int, Int32) {
        let flags = flags | Int32(MSG_NOSIGNAL)
        var vectors = unsafe vectors
        return unsafe vectors.withUnsafeMutableBufferPointer { vectors in
            var message = unsafe msghdr()
            unsafe message.msg_iov = vectors.baseAddress
            unsafe message.msg_iovlen = vectors.count
            return retrying { unsafe sendmsg(descriptor, &message, flags) }
        }
    }
}
