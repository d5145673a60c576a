// iconv: a function from bytes to bytes, for DICOM's older character sets.
#pragma once
#include <iconv.h>
#include <stddef.h>

// Converts all of `input` to UTF-8 in `output`; answers the bytes written, or -1 if a byte means nothing in `charset`,
// the charset is unknown, or the output is too small (three bytes for each of input are always enough).
long ciconv_to_utf8(const char *charset, const unsigned char *input, size_t length, unsigned char *output,
                    size_t capacity);
