// A connection's output: what goes into the queue, when it is sent, and how the connection ends.
import CLinux
import EventLoop
import Glibc
import HTTP

extension Connection {
    /// Up to so many bytes leave in one call, whatever they are made of.
    private static let wholeAnswerSize = 64 << 10

    /// Whether something has still to be handed to the kernel.
    var hasOutput: Bool { !isClosed && (!output.isEmpty || transport.hasPendingOutput) }

    func enqueue(_ segment: OutputQueue.Segment) {
        if !isClosed { output.append(segment) }
    }

    func enqueue(framing bytes: [UInt8]) { enqueue(.bytes(bytes, bodyStart: bytes.count)) }

    /// Sends a whole answer. A small one becomes one buffer with its head, file regions too when their pages are in memory.
    func send(_ head: consuming [UInt8], body: ResponseBody) {
        guard !isClosed else { return }
        let bodyStart = head.count
        let isSmall = body.length <= Self.wholeAnswerSize
        switch body {
        case .empty: output.append(framing: head)
        case .bytes(let bytes) where isSmall:
            head.append(contentsOf: bytes)
            output.append(.bytes(head, bodyStart: bodyStart))
        case .bytes(let bytes):
            output.append(framing: head)
            output.append(body: bytes)
        case .file(let prefix, let region, let suffix):
            head.append(contentsOf: prefix)
            if isSmall, region.appendWarmBytes(to: &head) {
                head.append(contentsOf: suffix)
                output.append(.bytes(head, bodyStart: bodyStart))
            } else {
                output.append(.bytes(head, bodyStart: bodyStart))
                output.append(region)
                output.append(body: suffix)
            }
        }
        flush()
        advance()
    }

    /// Hands the kernel what it takes; the rest goes when the socket is writable again.
    func flush() {
        guard hasOutput else { return }
        let result = transport.send(&output, scratch: &server.scratch)
        if case .answering(let answer) = phase { answer.bytesSent += result.bodyBytes }
        switch result.outcome {
        case .drained: outputDrained()
        case .blocked, .yielded:
            watch(watched.union(.writable))
            waitForProgress(hasProgressed: result.hasProgressed)
        case .failed: lose(.clientGone)
        case .fileFailed(let error):
            server.log(.fileUnreadable(error))
            if case .file(let region)? = output.segments.first { (region.owner as? any FileRegionOwner)?.fileFailed() }
            lose(.aborted)
        }
    }

    private func outputDrained() {
        watch(watched.subtracting(.writable))
        if deadline.kind == .stall { clearDeadline() }
        switch phase {
        case .answering(let answer):
            answer.outputDrained()
            advance()
        case .closing: finishClosing()
        case .head, .body, .lingering, .closed: break
        }
    }

    // MARK: Ends

    /// Answers without a handler, and closes.
    func refuse(_ status: Int, _ sentence: String) {
        let text = Array((sentence + "\n").utf8)
        var bytes: [UInt8] = []
        HTTP1ResponseEncoder.append(
            ResponseHead(status: status, fields: ["Content-Type": "text/plain; charset=utf-8"]),
            framing: .length(Int64(text.count)), persistence: .close, date: server.date(), to: &bytes)
        enqueue(framing: bytes + text)
        beginClosing()
    }

    /// Sends what is queued, then ends our half and waits for the peer's end.
    func beginClosing() {
        guard !isClosed else { return }
        phase = .closing
        clearDeadline()
        if hasOutput { flush() } else { finishClosing() }
    }

    private func finishClosing() {
        transport.prepareShutdown()
        // The drained output calls here again.
        if hasOutput { return flush() }
        phase = .lingering
        _ = shutdown(descriptor, Int32(SHUT_WR))
        setDeadline(.linger)
        watch([.readable, .peerClosed])
    }

    /// Closes at once, without what is queued.
    ///
    /// - Parameter reset: whether the peer shall see an error instead of an end.
    func abort(reset: Bool) {
        guard !isClosed else { return }
        if reset {
            var option = Glibc.linger(l_onoff: 1, l_linger: 0)
            let size = socklen_t(MemoryLayout<Glibc.linger>.size)
            unsafe _ = setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &option, size)
        }
        lose(.aborted)
    }

    /// The connection is of no more use; its exchange hears of it.
    func lose(_ end: ExchangeEnd) {
        let phase = phase
        close()
        if case .answering(let answer) = phase { answer.end(end) }
    }

    func closeIfIdle() {
        if case .head = phase, input.isEmpty, !hasOutput { close() }
    }

    /// Closes unless a request is under way, or stands in the socket already. Who has connected a moment ago is about to
    /// send its first request: that one no client repeats by itself, as it does the next on a connection that was kept.
    func beginDraining() {
        if case .head = phase, input.isEmpty { receive() }
        guard deadline.kind == .head else { return closeIfIdle() }
        loop.schedule(after: Self.firstRequestGrace) { [weak self] in self?.closeIfIdle() }
    }

    /// How long a draining server waits for the first request of a new connection.
    private static var firstRequestGrace: Duration { .seconds(1) }

    func close() {
        guard !isClosed else { return }
        phase = .closed
        clearDeadline()
        deadline.timer?.cancel()
        output.removeAll()
        loop.deregister(descriptor)
        Glibc.close(descriptor)
        server.connectionDidClose(self)
    }
}

extension FileRegion {
    /// Appends the region's bytes if all of them can be had without waiting for the disk; else nothing.
    func appendWarmBytes(to buffer: inout [UInt8]) -> Bool {
        let start = buffer.count
        let wanted = Int(length)
        buffer.append(addingCapacity: wanted) { span in
            unsafe span.withUnsafeMutableBufferPointer { room, count in
                // The room has `wanted` bytes, and the kernel writes no more.
                let read = SocketCall.retrying {
                    unsafe clinux_pread_nowait(descriptor, room.baseAddress, wanted, off_t(offset))
                }
                count = max(0, read.0)
            }
        }
        if buffer.count == start + wanted { return true }
        buffer.removeSubrange(start...)
        return false
    }
}
