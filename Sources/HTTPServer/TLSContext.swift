// The keys and rules of a TLS listener. Knows no connections.
import COpenSSL
import Glibc
import Synchronization

/// The files of a TLS listener, and what they held when they were last read.
package final class TLSContext: Sendable {
    private let certificateFile: String
    private let keyFile: String
    private let clientCAFile: String?
    private let current: Mutex<TLSKeys>

    /// Reads PEM files; blocks.
    ///
    /// - Parameters:
    ///   - certificateFile: the server's certificate, and behind it the intermediate ones.
    ///   - keyFile: the key, without passphrase.
    ///   - clientCAFile: CA certificates for clients; nil asks clients for nothing.
    /// - Throws: ``TLSError`` when a file cannot be read or the key does not fit.
    package init(certificateFile: String, keyFile: String, clientCAFile: String? = nil) throws(TLSError) {
        self.certificateFile = certificateFile
        self.keyFile = keyFile
        self.clientCAFile = clientCAFile
        current = Mutex(try TLSKeys(certificateFile: certificateFile, keyFile: keyFile, clientCAFile: clientCAFile))
    }

    /// Reads the files again, for connections from now on; blocks.
    ///
    /// - Throws: ``TLSError``; then what was read before goes on.
    package func reload() throws(TLSError) {
        let keys = try TLSKeys(certificateFile: certificateFile, keyFile: keyFile, clientCAFile: clientCAFile)
        current.withLock { $0 = keys }
    }

    /// A new connection's encryption; nil when memory is short.
    func transport(_ descriptor: Int32) -> (any Transport)? {
        current.withLock { $0 }.transport(descriptor)
    }

    /// The newest reason in this thread's error queue.
    static var lastReason: String? {
        unsafe ERR_reason_error_string(ERR_peek_last_error()).map { unsafe String(cString: $0) }
    }
}

/// A certificate chain with its key, and whose client certificates are accepted.
///
/// TLS 1.2 and 1.3, no renegotiation, HTTP/1.1 by ALPN. With a client CA, every connection must bring a certificate that it
/// signed, and none is resumed, so that each verification is a fresh one.
///
/// Unchecked because it never changes after `init`, and OpenSSL lets threads share a context that does not.
@safe private final class TLSKeys: @unchecked Sendable {
    private let context: OpaquePointer

    init(certificateFile: String, keyFile: String, clientCAFile: String?) throws(TLSError) {
        guard let context = unsafe SSL_CTX_new(TLS_server_method()) else { throw TLSError("no TLS context") }
        unsafe self.context = unsafe context
        unsafe copenssl_set_server_policy(context)
        unsafe copenssl_never_ask_for_passphrase(context)
        unsafe copenssl_speak_http11(context)
        try Self.check("the certificate chain \(certificateFile)") {
            unsafe SSL_CTX_use_certificate_chain_file(context, certificateFile)
        }
        try Self.check("the key \(keyFile)") {
            unsafe SSL_CTX_use_PrivateKey_file(context, keyFile, SSL_FILETYPE_PEM)
        }
        try Self.check("key and certificate") { unsafe SSL_CTX_check_private_key(context) }
        if let clientCAFile { try requireClientCertificates(of: clientCAFile) }
    }

    deinit { unsafe SSL_CTX_free(context) }

    private func requireClientCertificates(of file: String) throws(TLSError) {
        try Self.check("the client CA \(file)") { unsafe SSL_CTX_load_verify_locations(context, file, nil) }
        // The list of names that is sent to clients, so that browsers offer the right certificate. The context takes it over.
        unsafe SSL_CTX_set_client_CA_list(context, SSL_load_client_CA_file(file))
        unsafe SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nil)
        unsafe copenssl_refuse_resumption(context)
    }

    private static func check(_ what: String, _ call: () -> Int32) throws(TLSError) {
        ERR_clear_error()
        if call() != 1 { throw TLSError("\(what): \(TLSContext.lastReason ?? "unusable")") }
    }

    /// Each connection holds on to OpenSSL's context, which may thus outlive this object.
    func transport(_ descriptor: Int32) -> (any Transport)? {
        unsafe TLSTransport(descriptor: descriptor, context: context)
    }
}

/// Keys or certificates that cannot be used.
package struct TLSError: Error, CustomStringConvertible {
    package let description: String
    init(_ description: String) { self.description = description }
}
