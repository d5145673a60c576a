// libcurl, and typed wrappers for its variadic calls and macros.
#pragma once
#include <curl/curl.h>

/* A macro with a cast, which Swift does not see. */
static const long ccurl_auth_basic = CURLAUTH_BASIC;

static inline CURLcode ccurl_global_init(void) { return curl_global_init(CURL_GLOBAL_DEFAULT); }

static inline CURLcode ccurl_set_long(CURL *h, CURLoption o, long v) { return curl_easy_setopt(h, o, v); }
static inline CURLcode ccurl_set_string(CURL *h, CURLoption o, const char *v) { return curl_easy_setopt(h, o, v); }
static inline CURLcode ccurl_set_pointer(CURL *h, CURLoption o, void *v) { return curl_easy_setopt(h, o, v); }
static inline CURLcode ccurl_set_list(CURL *h, struct curl_slist *v) {
    return curl_easy_setopt(h, CURLOPT_HTTPHEADER, v);
}
static inline CURLcode ccurl_set_url(CURL *h, CURLU *v) { return curl_easy_setopt(h, CURLOPT_CURLU, v); }

typedef size_t (*ccurl_data_callback)(char *data, size_t size, size_t count, void *context);
static inline CURLcode ccurl_set_data_callback(CURL *h, CURLoption o, ccurl_data_callback f) {
    return curl_easy_setopt(h, o, f);
}
static inline CURLcode ccurl_set_open_socket_callback(CURL *h, curl_opensocket_callback f) {
    return curl_easy_setopt(h, CURLOPT_OPENSOCKETFUNCTION, f);
}
static inline CURLcode ccurl_set_close_socket_callback(CURL *h, curl_closesocket_callback f) {
    return curl_easy_setopt(h, CURLOPT_CLOSESOCKETFUNCTION, f);
}

typedef int (*ccurl_socket_callback)(CURL *h, curl_socket_t s, int what, void *context, void *socket_context);
typedef int (*ccurl_timer_callback)(CURLM *m, long milliseconds, void *context);
static inline CURLMcode ccurl_multi_set_socket_callback(CURLM *m, ccurl_socket_callback f) {
    return curl_multi_setopt(m, CURLMOPT_SOCKETFUNCTION, f);
}
static inline CURLMcode ccurl_multi_set_timer_callback(CURLM *m, ccurl_timer_callback f) {
    return curl_multi_setopt(m, CURLMOPT_TIMERFUNCTION, f);
}
static inline CURLMcode ccurl_multi_set_pointer(CURLM *m, CURLMoption o, void *v) {
    return curl_multi_setopt(m, o, v);
}
static inline CURLMcode ccurl_multi_set_long(CURLM *m, CURLMoption o, long v) { return curl_multi_setopt(m, o, v); }

static inline CURLcode ccurl_get_pointer(CURL *h, CURLINFO i, void **v) { return curl_easy_getinfo(h, i, v); }
/* The socket of a finished transfer whose connection was kept, or CURL_SOCKET_BAD. */
static inline curl_socket_t ccurl_kept_socket(CURL *h) {
    curl_socket_t s = CURL_SOCKET_BAD;
    return curl_easy_getinfo(h, CURLINFO_ACTIVESOCKET, &s) == CURLE_OK ? s : CURL_SOCKET_BAD;
}

/* The next finished transfer, or NULL; *result is set. */
static inline CURL *ccurl_multi_next_done(CURLM *m, CURLcode *result) {
    int left = 0;
    for (CURLMsg *message; (message = curl_multi_info_read(m, &left)) != NULL;) {
        if (message->msg == CURLMSG_DONE) {
            *result = message->data.result;
            return message->easy_handle;
        }
    }
    return NULL;
}
