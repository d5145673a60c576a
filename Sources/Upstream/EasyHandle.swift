// One libcurl easy handle: what is told to libcurl about a request. Every option that matters for safety is set here and
// nowhere else. Knows no loop and no transfer.
import CCurl
import HTTP

/// An easy handle and the memory that must live as long as its transfer. Touched on one loop only.
@safe final class EasyHandle {
    /// libcurl's name for the handle.
    let pointer: UnsafeMutableRawPointer
    private let errorText: UnsafeMutablePointer<CChar>
    private var lines: UnsafeMutablePointer<curl_slist>?
    private var address: OpaquePointer?
    /// The first option that libcurl did not take.
    private var refusal: (option: CURLoption, code: CURLcode)?

    /// The callbacks of a transfer and the objects that they are called with, which must live as long as it.
    @unsafe struct Callbacks {
        var header: ccurl_data_callback
        var body: ccurl_data_callback
        var openSocket: curl_opensocket_callback
        var closeSocket: curl_closesocket_callback
        var transfer: UnsafeMutableRawPointer
        /// Outlives every connection.
        var loop: UnsafeMutableRawPointer
    }

    /// The pointer as a key for dictionaries.
    var key: UInt { unsafe UInt(bitPattern: pointer) }

    /// Nil when there is no memory.
    init?() {
        guard let handle = unsafe curl_easy_init() else { return nil }
        unsafe pointer = handle
        unsafe errorText = UnsafeMutablePointer<CChar>.allocate(capacity: Int(CURL_ERROR_SIZE))
        unsafe errorText.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
    }

    deinit {
        unsafe curl_easy_cleanup(pointer)
        freeRequest()
        unsafe errorText.deallocate()
    }

    /// Forgets the request, its credentials among it; connections stay in the multi handle's cache.
    func reset() {
        unsafe curl_easy_reset(pointer)
        freeRequest()
        unsafe errorText[0] = 0
    }

    /// libcurl's own words about what went wrong; may name addresses.
    func detail(_ code: CURLcode) -> String {
        let text = unsafe String(
            cString: unsafe errorText[0] == 0 ? curl_easy_strerror(code) : UnsafePointer(errorText))
        return "\(text) (libcurl \(code.rawValue))"
    }

    /// Prepares a GET.
    ///
    /// - Throws: `.notAllowed` when libcurl reads another host or port in the URL than ``HTTPURL`` does, `.credentials` when
    ///   these can't be sent, `.protocolViolation` when libcurl refuses anything else.
    func prepare(
        _ url: HTTPURL, _ request: UpstreamRequest, _ credentials: BackendCredentials.Ready, for backend: Backend,
        _ callbacks: Callbacks
    ) throws(UpstreamError) {
        refusal = nil
        guard setAddress(url) else {
            throw UpstreamError(kind: .notAllowed, backend: backend.name, detail: "libcurl reads \(url) differently")
        }
        unsafe set(callbacks)
        setTransport(backend, isSecure: url.isSecure)
        setTLS(backend)
        let isBuilt = setFields(request, credentials)
        if let refusal {
            let text = unsafe String(cString: curl_easy_strerror(refusal.code))
            let detail = "libcurl refuses option \(refusal.option.rawValue): \(text)"
            throw UpstreamError(kind: .protocolViolation, backend: backend.name, detail: detail)
        }
        guard isBuilt else {
            let detail = "a field of the request, or the credentials, hold characters that may not stand there"
            throw UpstreamError(kind: .credentials, backend: backend.name, detail: detail)
        }
    }

    private func freeRequest() {
        unsafe curl_slist_free_all(lines)
        unsafe lines = nil
        if let address = unsafe address { unsafe curl_url_cleanup(address) }
        unsafe address = nil
    }

    // MARK: Options

    /// The allow list was asked about what ``HTTPURL`` reads; libcurl must read the same.
    private func setAddress(_ url: HTTPURL) -> Bool {
        guard let parsed = unsafe curl_url() else { return false }
        unsafe address = parsed
        let flags = UInt32(CURLU_PATH_AS_IS | CURLU_DISALLOW_USER)
        guard unsafe curl_url_set(parsed, CURLUPART_URL, url.description, flags) == CURLUE_OK,
            unsafe part(CURLUPART_HOST, of: parsed) == url.host,
            unsafe part(CURLUPART_PORT, of: parsed) == String(url.port),
            unsafe part(CURLUPART_SCHEME, of: parsed) == (url.isSecure ? "https" : "http")
        else { return false }
        unsafe note(CURLOPT_CURLU, ccurl_set_url(pointer, parsed))
        return true
    }

    private func part(_ part: CURLUPart, of address: OpaquePointer) -> String? {
        var text: UnsafeMutablePointer<CChar>?
        guard unsafe curl_url_get(address, part, &text, UInt32(CURLU_DEFAULT_PORT)) == CURLUE_OK,
            let text = unsafe text
        else { return nil }
        defer { unsafe curl_free(text) }
        return unsafe String(cString: text)
    }

    private func set(_ callbacks: Callbacks) {
        unsafe note(CURLOPT_HEADERFUNCTION, ccurl_set_data_callback(pointer, CURLOPT_HEADERFUNCTION, callbacks.header))
        unsafe note(CURLOPT_WRITEFUNCTION, ccurl_set_data_callback(pointer, CURLOPT_WRITEFUNCTION, callbacks.body))
        unsafe note(CURLOPT_OPENSOCKETFUNCTION, ccurl_set_open_socket_callback(pointer, callbacks.openSocket))
        unsafe note(CURLOPT_CLOSESOCKETFUNCTION, ccurl_set_close_socket_callback(pointer, callbacks.closeSocket))
        unsafe set(CURLOPT_HEADERDATA, callbacks.transfer)
        unsafe set(CURLOPT_WRITEDATA, callbacks.transfer)
        unsafe set(CURLOPT_OPENSOCKETDATA, callbacks.transfer)
        unsafe set(CURLOPT_PRIVATE, callbacks.transfer)
        unsafe set(CURLOPT_CLOSESOCKETDATA, callbacks.loop)
        unsafe set(CURLOPT_ERRORBUFFER, UnsafeMutableRawPointer(errorText))
    }

    private func setTransport(_ backend: Backend, isSecure: Bool) {
        set(CURLOPT_HTTPGET, 1)
        set(CURLOPT_PROTOCOLS_STR, "http,https")
        // Redirects are judged and followed by us.
        set(CURLOPT_FOLLOWLOCATION, 0)
        set(CURLOPT_NOSIGNAL, 1)
        // An empty text keeps libcurl from looking into the environment.
        set(CURLOPT_PROXY, backend.proxy ?? "")
        set(CURLOPT_NOPROXY, "")
        set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1)
        // One transfer a connection, so HTTP/2 would gain nothing.
        set(CURLOPT_HTTP_VERSION, Int(CURL_HTTP_VERSION_1_1))
        set(CURLOPT_BUFFERSIZE, Int(BodyBuffer.maxPiece))
        set(CURLOPT_TCP_KEEPALIVE, 1)
        set(CURLOPT_TCP_KEEPIDLE, 30)
        set(CURLOPT_TCP_KEEPINTVL, 10)
        set(CURLOPT_CONNECTTIMEOUT_MS, max(1, backend.connectTimeout.inMilliseconds))
        set(CURLOPT_USERAGENT, "wadogate")
    }

    private func setTLS(_ backend: Backend) {
        set(CURLOPT_SSL_VERIFYPEER, 1)
        set(CURLOPT_SSL_VERIFYHOST, 2)
        set(CURLOPT_SSLVERSION, Int(CURL_SSLVERSION_TLSv1_2))
        if let file = backend.caFile {
            set(CURLOPT_CAINFO, file)
            // The system's authorities don't count beside the backend's own.
            set(CURLOPT_CAPATH, nil)
        }
        if let certificate = backend.clientCertificate {
            set(CURLOPT_SSLCERT, certificate)
            set(CURLOPT_SSLKEY, backend.clientKey ?? certificate)
        }
    }

    /// False when a line can't be sent, or there is no memory.
    private func setFields(_ request: UpstreamRequest, _ credentials: BackendCredentials.Ready) -> Bool {
        var fields = HTTPFields()
        for line in request.permittedLines { fields.append(line.name, line.value) }
        // Bodies are stored as they come, and lengths and checksums must be those of the object.
        fields.append("Accept-Encoding", "identity")
        switch credentials {
        case .none: break
        case .basic(let user, let password):
            set(CURLOPT_HTTPAUTH, ccurl_auth_basic)
            set(CURLOPT_USERNAME, user)
            set(CURLOPT_PASSWORD, password)
        case .field(let name, let value):
            fields.remove(name)
            guard fields.append(name, value) else { return false }
        }
        for line in fields.all {
            // libcurl takes "Name:" for "leave this field out", and "Name;" for an empty value.
            let text = line.value.isEmpty ? line.name + ";" : line.name + ": " + line.value
            guard let longer = unsafe curl_slist_append(lines, text) else { return false }
            unsafe lines = longer
        }
        unsafe note(CURLOPT_HTTPHEADER, ccurl_set_list(pointer, lines))
        return true
    }

    private func set(_ option: CURLoption, _ value: Int) {
        unsafe note(option, ccurl_set_long(pointer, option, value))
    }

    private func set(_ option: CURLoption, _ value: String?) {
        if let value {
            unsafe note(option, ccurl_set_string(pointer, option, value))
        } else {
            unsafe note(option, ccurl_set_string(pointer, option, nil))
        }
    }

    private func set(_ option: CURLoption, _ value: UnsafeMutableRawPointer) {
        unsafe note(option, ccurl_set_pointer(pointer, option, value))
    }

    private func note(_ option: CURLoption, _ code: CURLcode) {
        if code != CURLE_OK, refusal == nil { refusal = (option, code) }
    }
}

extension Duration {
    /// Whole milliseconds, rounded up.
    var inMilliseconds: Int {
        let (seconds, attoseconds) = components
        return Int(clamping: seconds) * 1000 + Int((attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000)
    }
}
