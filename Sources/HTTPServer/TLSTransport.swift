// An encrypted socket. OpenSSL works in memory; this program moves the bytes, many records with one call.
import COpenSSL
import EventLoop
import Glibc

/// TLS between a connection and its socket.
///
/// OpenSSL's own socket BIO writes each 16 KiB record by itself; here up to 128 KiB are encrypted into memory and sent at once.
@safe final class TLSTransport: Transport {
    /// Plaintext encrypted before something is sent.
    private static let batchSize = 128 << 10
    /// Memory for outgoing records that an idle connection may keep.
    private static let keptMemory = 16 << 10

    private enum Stage { case handshake, open, ended, failed }

    private let descriptor: Int32
    private let ssl: OpaquePointer
    // Owned by `ssl`.
    private let incoming: OpaquePointer
    private var outgoing: OpaquePointer
    /// How much of what `outgoing` holds was sent.
    private var sent = 0
    private var stage = Stage.handshake
    private var hasPreparedShutdown = false
    private(set) var clientSubject: String?

    init?(descriptor: Int32, context: OpaquePointer) {
        guard let ssl = unsafe SSL_new(context) else { return nil }
        guard let incoming = unsafe BIO_new(BIO_s_mem()), let outgoing = unsafe BIO_new(BIO_s_mem()) else {
            unsafe SSL_free(ssl)
            return nil
        }
        unsafe SSL_set_bio(ssl, incoming, outgoing)
        unsafe SSL_set_accept_state(ssl)
        self.descriptor = descriptor
        unsafe (self.ssl, self.incoming, self.outgoing) = unsafe (ssl, incoming, outgoing)
    }

    deinit { unsafe SSL_free(ssl) }

    var isSecure: Bool { true }
    var hasPendingOutput: Bool { unsafe withOutgoing { $0.count } > 0 }

    // MARK: Receiving

    func receive(into input: inout [UInt8], scratch: inout [UInt8]) -> ReceiveOutcome {
        let (count, code) = SocketCall.receive(descriptor, &scratch, most: TransportLimits.bytesPerReceive)
        if count == 0 { return .ended }
        if count < 0 { return code == EAGAIN ? .nothing : .failed(nil) }
        // The kernel has filled `count` bytes; the BIO copies them and grows as needed.
        guard unsafe BIO_write(incoming, scratch, Int32(count)) == Int32(count) else { return .failed(nil) }
        if stage == .handshake, let reason = shakeHands() { return .failed(reason) }
        while stage == .open {
            ERR_clear_error()
            let read = unsafe SSL_read(ssl, &scratch, Int32(TransportLimits.bytesPerReceive))
            if read > 0 {
                input.append(contentsOf: scratch[0..<Int(read)])
                continue
            }
            switch unsafe SSL_get_error(ssl, read) {
            case SSL_ERROR_WANT_READ: return .received
            case SSL_ERROR_ZERO_RETURN: stage = .ended
            default: stage = .failed
            }
        }
        switch stage {
        case .handshake, .open: return .received
        case .ended: return .ended
        case .failed: return .failed(nil)
        }
    }

    /// Goes on with the handshake.
    ///
    /// - Returns: why it failed; nil while it has not.
    private func shakeHands() -> String? {
        ERR_clear_error()
        let result = unsafe SSL_do_handshake(ssl)
        if result == 1 {
            stage = .open
            if unsafe SSL_get_verify_result(ssl) == Int(X509_V_OK) { clientSubject = subject() }
            return nil
        }
        if unsafe SSL_get_error(ssl, result) == SSL_ERROR_WANT_READ { return nil }
        stage = .failed
        let verification = unsafe SSL_get_verify_result(ssl)
        if verification != Int(X509_V_OK) { return unsafe String(cString: X509_verify_cert_error_string(verification)) }
        return TLSContext.lastReason ?? "protocol error"
    }

    private func subject() -> String? {
        guard let text = unsafe BIO_new(BIO_s_mem()) else { return nil }
        defer { unsafe BIO_free(text) }
        guard unsafe copenssl_write_peer_subject(ssl, text) == 1 else { return nil }
        var start: UnsafePointer<CChar>?
        let count = unsafe copenssl_memory(text, &start)
        // The BIO vouches for `count` bytes and lives until the string is made.
        return unsafe String(decoding: UnsafeRawBufferPointer(start: start, count: count), as: UTF8.self)
    }

    // MARK: Sending

    func send(_ queue: inout OutputQueue, scratch: inout [UInt8]) -> SendResult {
        var result = SendResult(outcome: .drained, hasProgressed: false, bodyBytes: 0)
        var turn = TransportLimits.bytesPerTurn
        while true {
            if hasPendingOutput {
                let (count, code) = unsafe withOutgoing { unsafe SocketCall.send(descriptor, $0, flags: 0) }
                if count < 0 {
                    result.outcome = code == EAGAIN ? .blocked : .failed
                    return result
                }
                result.hasProgressed = true
                turn -= count
                sentOutgoing(count)
            } else if queue.isEmpty {
                return result
            } else if turn <= 0 {
                result.outcome = .yielded
                return result
            } else if let failure = encryptBatch(&queue, scratch: &scratch, bodyBytes: &result.bodyBytes) {
                result.outcome = failure
                return result
            }
        }
    }

    /// Moves plaintext from the queue into records.
    ///
    /// - Returns: what went wrong, if something did.
    private func encryptBatch(
        _ queue: inout OutputQueue, scratch: inout [UInt8], bodyBytes: inout Int64
    ) -> SendOutcome? {
        guard stage == .open || stage == .ended else { return .failed }
        var room = Self.batchSize
        while room > 0, let first = queue.segments.first {
            let taken: Int
            switch first {
            case .bytes(let bytes, _):
                let start = Int(queue.offset)
                taken = encrypt(bytes, start..<min(bytes.count, start + room))
            case .file(let region):
                let wanted = Int(min(region.length - queue.offset, Int64(min(room, scratch.count))))
                let offset = off_t(region.offset + queue.offset)
                let (count, code) = SocketCall.read(region.descriptor, &scratch, most: wanted, at: offset)
                if count <= 0 { return .fileFailed(count < 0 ? SystemError(call: "pread", code: code) : nil) }
                taken = encrypt(scratch, 0..<count)
            }
            if taken <= 0 { return .failed }
            room -= taken
            bodyBytes += queue.consume(Int64(taken))
        }
        return nil
    }

    /// Into memory, where there is always room: all or nothing.
    private func encrypt(_ bytes: [UInt8], _ range: Range<Int>) -> Int {
        ERR_clear_error()
        return unsafe bytes.withUnsafeBytes { buffer in
            let part = unsafe UnsafeRawBufferPointer(rebasing: buffer[range])
            return Int(unsafe SSL_write(ssl, part.baseAddress, Int32(part.count)))
        }
    }

    private func withOutgoing<Value>(_ body: (UnsafeRawBufferPointer) -> Value) -> Value {
        var start: UnsafePointer<CChar>?
        let count = unsafe copenssl_memory(outgoing, &start)
        // The BIO's bytes stay where they are as long as nothing is written into it; `sent` is at most `count`.
        return unsafe body(
            UnsafeRawBufferPointer(start: start.map { unsafe $0 + sent }, count: max(0, count - sent)))
    }

    private func sentOutgoing(_ count: Int) {
        sent += count
        guard !hasPendingOutput else { return }
        let wasLarge = sent > Self.keptMemory
        sent = 0
        if wasLarge, let fresh = unsafe BIO_new(BIO_s_mem()) {
            // Frees the old one and its memory.
            unsafe SSL_set0_wbio(ssl, fresh)
            unsafe outgoing = unsafe fresh
        } else {
            unsafe copenssl_empty_memory(outgoing)
        }
    }

    func prepareShutdown() {
        guard !hasPreparedShutdown, stage == .open else { return }
        hasPreparedShutdown = true
        ERR_clear_error()
        unsafe _ = SSL_shutdown(ssl)
    }
}
