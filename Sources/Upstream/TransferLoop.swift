// libcurl's multi interface driven by one event loop: sockets and timers go to the loop, readiness comes back. Knows how a
// transfer begins and ends, not what it carries.
import CCurl
import EventLoop
import Glibc
import HTTP

/// One multi handle and its transfers.
///
/// Unchecked because everything is touched on `loop` only, but for ``closeIdleConnection(of:then:)``, which hops.
@safe final class TransferLoop: @unchecked Sendable {
    let loop: EventLoop
    private let multi: UnsafeMutableRawPointer
    private var timer: LoopTimer?
    private var watches: [Int32: SocketWatch] = [:]
    /// By the address of their easy handle.
    private var transfers: [UInt: Transfer] = [:]
    private var connections = ConnectionTable()
    private var spareHandles: [EasyHandle] = []
    private static let maxSpareHandles = 64

    /// - Parameter maxIdle: connections that are kept open for later requests.
    /// - Throws: ``SystemError`` when there is no memory.
    init(loop: EventLoop, maxIdle: Int) throws(SystemError) {
        guard let multi = unsafe curl_multi_init() else { throw SystemError(call: "curl_multi_init", code: ENOMEM) }
        self.loop = loop
        unsafe self.multi = multi
        let context = unsafe Unmanaged.passUnretained(self).toOpaque()
        unsafe ccurl_multi_set_socket_callback(multi, socketChanged)
        unsafe ccurl_multi_set_pointer(multi, CURLMOPT_SOCKETDATA, context)
        unsafe ccurl_multi_set_timer_callback(multi, timerChanged)
        unsafe ccurl_multi_set_pointer(multi, CURLMOPT_TIMERDATA, context)
        unsafe ccurl_multi_set_long(multi, CURLMOPT_MAXCONNECTS, max(1, maxIdle))
        // One transfer per connection, for HTTP/2 too: a transfer that is paused must not hold up the others.
        unsafe ccurl_multi_set_long(multi, CURLMOPT_PIPELINING, Int(CURLPIPE_NOTHING))
    }

    // MARK: Transfers

    /// Sends a request.
    ///
    /// - Throws: ``UpstreamError`` when it can't be sent as it is; the permit is still the caller's then.
    func start(
        _ transfer: Transfer, _ request: UpstreamRequest, _ credentials: BackendCredentials.Ready
    ) throws(UpstreamError) {
        loop.assertOnLoop()
        guard let handle = spareHandles.popLast() ?? EasyHandle() else {
            throw transfer.pool.error(.connect, "no memory for a libcurl handle")
        }
        // The table of transfers keeps the transfer until libcurl has let go of it; connections know the loop only, which
        // lives until they are closed.
        let callbacks = unsafe EasyHandle.Callbacks(
            header: headerArrived, body: bodyArrived, openSocket: openSocket, closeSocket: closeSocket,
            transfer: Unmanaged.passUnretained(transfer).toOpaque(), loop: Unmanaged.passUnretained(self).toOpaque())
        do {
            unsafe try handle.prepare(transfer.url, request, credentials, for: transfer.pool.backend, callbacks)
        } catch {
            throw transfer.pool.error(error.kind, error.detail)
        }
        transfers[handle.key] = transfer
        transfer.handle = handle
        let code = unsafe curl_multi_add_handle(multi, handle.pointer)
        guard code == CURLM_OK else {
            transfers[handle.key] = nil
            transfer.handle = nil
            throw transfer.pool.error(.connect, unsafe String(cString: curl_multi_strerror(code)))
        }
    }

    /// Takes a transfer out of libcurl and gives its permit back. A connection in the middle of a response is closed.
    func remove(_ transfer: Transfer) {
        loop.assertOnLoop()
        guard let handle = transfer.handle else { return }
        transfer.handle = nil
        let kept = unsafe ccurl_kept_socket(handle.pointer)
        if kept >= 0 { markUsed(kept, by: transfer) }
        unsafe curl_multi_remove_handle(multi, handle.pointer)
        transfers[handle.key] = nil
        handle.reset()
        if spareHandles.count < Self.maxSpareHandles { spareHandles.append(handle) }
        transfer.pool.permits.giveBack(on: loop.index, keptConnections: connections.released(by: transfer))
    }

    /// Takes nothing more from the transfer's connection until ``resume(_:)``. libcurl lets its write callback call this,
    /// hands out the rest of what it has read, and stops: else it would read on for as long as the socket has bytes.
    func pause(_ transfer: Transfer) {
        guard let handle = transfer.handle else { return }
        unsafe curl_easy_pause(handle.pointer, CURLPAUSE_RECV)
    }

    func resume(_ transfer: Transfer) {
        loop.assertOnLoop()
        guard let handle = transfer.handle else { return }
        unsafe curl_easy_pause(handle.pointer, CURLPAUSE_CONT)
    }

    /// Ends every transfer, closes every connection and frees libcurl's memory; nothing may be started afterwards.
    ///
    /// Not left to `deinit`, because libcurl calls back while it closes.
    func close() {
        loop.assertOnLoop()
        for transfer in transfers.values { transfer.cancel() }
        spareHandles = []
        unsafe curl_multi_cleanup(multi)
        timer?.cancel()
        timer = nil
    }

    // MARK: Driving libcurl

    fileprivate func drive(_ socket: curl_socket_t, _ readiness: Int32) {
        var running: Int32 = 0
        unsafe curl_multi_socket_action(multi, socket, readiness, &running)
        var result = CURLE_OK
        while let done = unsafe ccurl_multi_next_done(multi, &result) {
            guard let transfer = transfers[UInt(bitPattern: done)] else { continue }
            let detail = transfer.handle?.detail(result) ?? ""
            remove(transfer)
            transfer.ended(result, detail)
        }
    }

    fileprivate func setTimer(_ milliseconds: Int) {
        timer?.cancel()
        timer = nil
        guard milliseconds >= 0 else { return }
        timer = loop.schedule(after: .milliseconds(milliseconds)) { [unowned self] in
            timer = nil
            drive(CURL_SOCKET_TIMEOUT, 0)
        }
    }

    fileprivate func watch(_ socket: curl_socket_t, _ what: Int32, for handle: UnsafeMutableRawPointer?) {
        if let handle = unsafe handle, let transfer = transfers[UInt(bitPattern: handle)] {
            markUsed(socket, by: transfer)
        }
        let interest: Readiness? =
            switch what {
            case CURL_POLL_IN: .readable
            case CURL_POLL_OUT: .writable
            case CURL_POLL_INOUT: [.readable, .writable]
            default: nil
            }
        do {
            if let interest, watches[socket] != nil {
                try loop.modify(socket, for: interest)
            } else if let interest {
                let watch = SocketWatch(socket, self)
                try loop.register(socket, for: interest, handler: watch)
                watches[socket] = watch
            } else if watches.removeValue(forKey: socket) != nil {
                loop.deregister(socket)
            }
        } catch {
            // epoll is out of memory or watches. The transfer's own time-outs end it.
            watches[socket] = nil
        }
    }

    // MARK: Connections

    private func markUsed(_ socket: curl_socket_t, by transfer: Transfer) {
        transfer.reusesConnection = false
        guard let pool = connections.used(socket, by: transfer) else { return }
        pool.permits.idleConnectionsRemain(connections.idleCount(of: pool), on: loop.index)
    }

    fileprivate func opened(_ socket: curl_socket_t, by transfer: Transfer) {
        connections.opened(socket, by: transfer)
        guard transfer.reusesConnection else { return }
        // The ledger counted on an idle connection, and libcurl opens a new one. If the idle one is still open, it is one
        // too many.
        transfer.reusesConnection = false
        if connections.idleCount(of: transfer.pool) > transfer.pool.permits.idleConnections(on: loop.index) {
            shutDownIdleConnection(of: transfer.pool.backend)
        }
    }

    fileprivate func closed(_ socket: curl_socket_t) {
        Glibc.close(socket)
        guard let pool = connections.closed(socket) else { return }
        pool.permits.idleConnectionsRemain(connections.idleCount(of: pool), on: loop.index)
    }

    /// Closes an idle connection whose place another loop has got; may be called from any thread.
    func closeIdleConnection(of backend: Backend, then done: @escaping @Sendable () -> Void) {
        loop.execute {
            self.shutDownIdleConnection(of: backend)
            done()
        }
    }

    private func shutDownIdleConnection(of backend: Backend) {
        guard let socket = connections.giveUpIdleConnection(of: backend) else { return }
        shutdown(socket, Int32(SHUT_RDWR))
    }
}

/// One socket of libcurl in the loop's epoll set.
private final class SocketWatch: DescriptorHandler {
    private let socket: curl_socket_t
    private unowned let owner: TransferLoop

    init(_ socket: curl_socket_t, _ owner: TransferLoop) {
        self.socket = socket
        self.owner = owner
    }

    func descriptorIsReady(_ readiness: Readiness) {
        var what: Int32 = 0
        if readiness.contains(.readable) { what |= CURL_CSELECT_IN }
        if readiness.contains(.writable) { what |= CURL_CSELECT_OUT }
        // CURL_CSELECT_ERR would make libcurl drop what can still be read; reading shows the error by itself.
        if !readiness.isDisjoint(with: .failed) { what |= CURL_CSELECT_IN | CURL_CSELECT_OUT }
        owner.drive(socket, what)
    }
}

// MARK: - Callbacks from libcurl
// Each context pointer is the object that was set beside the callback; the comments at `start` and `init` say why it lives.

private func socketChanged(
    handle: UnsafeMutableRawPointer?, socket: curl_socket_t, what: Int32, context: UnsafeMutableRawPointer?,
    socketContext: UnsafeMutableRawPointer?
) -> Int32 {
    guard let context = unsafe context else { return -1 }
    unsafe Unmanaged<TransferLoop>.fromOpaque(context).takeUnretainedValue().watch(socket, what, for: handle)
    return 0
}

private func timerChanged(
    multi: UnsafeMutableRawPointer?, milliseconds: Int, context: UnsafeMutableRawPointer?
) -> Int32 {
    guard let context = unsafe context else { return -1 }
    unsafe Unmanaged<TransferLoop>.fromOpaque(context).takeUnretainedValue().setTimer(milliseconds)
    return 0
}

private func openSocket(
    context: UnsafeMutableRawPointer?, purpose: curlsocktype, address: UnsafeMutablePointer<curl_sockaddr>?
) -> curl_socket_t {
    guard let context = unsafe context, let address = unsafe address?.pointee else { return CURL_SOCKET_BAD }
    let socket = socket(address.family, address.socktype | Int32(SOCK_CLOEXEC.rawValue), address.protocol)
    guard socket >= 0 else { return CURL_SOCKET_BAD }
    let transfer = unsafe Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue()
    transfer.home.opened(socket, by: transfer)
    return socket
}

private func closeSocket(context: UnsafeMutableRawPointer?, socket: curl_socket_t) -> Int32 {
    guard let context = unsafe context else { return -1 }
    unsafe Unmanaged<TransferLoop>.fromOpaque(context).takeUnretainedValue().closed(socket)
    return 0
}

private func headerArrived(
    data: UnsafeMutablePointer<CChar>?, size: Int, count: Int, context: UnsafeMutableRawPointer?
) -> Int {
    guard let context = unsafe context, let data = unsafe data else { return 0 }
    let transfer = unsafe Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue()
    // libcurl's buffer, for the time of this call.
    let line = unsafe UnsafeRawBufferPointer(start: data, count: size * count).bindMemory(to: UInt8.self)
    return unsafe transfer.headerLineArrived(line.span) ? size * count : 0
}

private func bodyArrived(
    data: UnsafeMutablePointer<CChar>?, size: Int, count: Int, context: UnsafeMutableRawPointer?
) -> Int {
    guard let context = unsafe context, let data = unsafe data else { return 0 }
    let transfer = unsafe Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue()
    // libcurl's buffer, for the time of this call.
    unsafe transfer.bodyArrived(UnsafeRawBufferPointer(start: data, count: size * count).bindMemory(to: UInt8.self))
    return size * count
}
