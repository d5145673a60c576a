#include "CIconv.h"

long ciconv_to_utf8(const char *charset, const unsigned char *input, size_t length, unsigned char *output,
                    size_t capacity) {
    iconv_t converter = iconv_open("UTF-8", charset);
    if (converter == (iconv_t)-1) return -1;
    char *in = (char *)input, *out = (char *)output;
    size_t in_left = length, out_left = capacity;
    size_t result = iconv(converter, &in, &in_left, &out, &out_left);
    if (result != (size_t)-1) result = iconv(converter, NULL, NULL, &out, &out_left);
    iconv_close(converter);
    return result == (size_t)-1 || in_left > 0 ? -1 : (long)(capacity - out_left);
}
