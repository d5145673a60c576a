// OpenSSL 3: TLS, and the EVP interface for authenticated encryption, MACs and randomness.
#pragma once
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

/* Macros of OpenSSL's TLS that Swift cannot see. */

/* TLS 1.2 or newer, no renegotiation, buffers of idle connections given back, no session store. */
static inline int copenssl_set_server_policy(SSL_CTX *context) {
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    return SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
}

/* Every connection verifies anew: a resumed one would not look at the client's certificate. */
static inline void copenssl_refuse_resumption(SSL_CTX *context) {
    SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
    SSL_CTX_set_num_tickets(context, 0);
}

static inline int copenssl_no_passphrase(char *buffer, int size, int writing, void *context) {
    (void)buffer, (void)size, (void)writing, (void)context;
    return 0;
}

/* A key with a passphrase is an error instead of a question on the terminal. */
static inline void copenssl_never_ask_for_passphrase(SSL_CTX *context) {
    SSL_CTX_set_default_passwd_cb(context, copenssl_no_passphrase);
}

static inline int copenssl_choose_http11(
    SSL *ssl, const unsigned char **chosen, unsigned char *chosen_length, const unsigned char *offered,
    unsigned offered_length, void *context) {
    static const unsigned char ours[] = "\x08http/1.1";
    (void)ssl, (void)context;
    int result = SSL_select_next_proto(
        (unsigned char **)chosen, chosen_length, ours, sizeof ours - 1, offered, offered_length);
    return result == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

/* ALPN: a client that offers protocols must offer http/1.1; one that offers none is taken to speak it. */
static inline void copenssl_speak_http11(SSL_CTX *context) {
    SSL_CTX_set_alpn_select_cb(context, copenssl_choose_http11, NULL);
}

/* What a memory BIO holds, without taking it out. */
static inline long copenssl_memory(BIO *bio, const char **start) { return BIO_get_mem_data(bio, (char **)start); }
static inline void copenssl_empty_memory(BIO *bio) { (void)BIO_reset(bio); }

/* The subject of the peer's certificate in RFC 2253 form into `out`, a memory BIO; 0 when there is no certificate. */
static inline int copenssl_write_peer_subject(const SSL *ssl, BIO *out) {
    X509 *certificate = SSL_get1_peer_certificate(ssl);
    if (certificate == NULL) return 0;
    int length = X509_NAME_print_ex(out, X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253);
    X509_free(certificate);
    return length >= 0;
}
