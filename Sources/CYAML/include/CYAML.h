// libyaml's event parser behind a flat event: its own event is a union of structures, of which most is not needed.
#pragma once
#include <stddef.h>

enum cyaml_kind {
    CYAML_SCALAR,
    CYAML_SEQUENCE_START,
    CYAML_SEQUENCE_END,
    CYAML_MAPPING_START,
    CYAML_MAPPING_END,
    CYAML_ALIAS,
    CYAML_DOCUMENT_START,
    CYAML_DOCUMENT_END,
    CYAML_STREAM_END,
    CYAML_ERROR,
};

struct cyaml_event {
    enum cyaml_kind kind;
    /* Counted from 1. */
    size_t line;
    size_t column;
    /* A scalar's value or an error's text; not terminated by NUL; valid until the next call with this reader. */
    const char *text;
    size_t length;
    /* A scalar without quotes, so that `null` means nothing. */
    int is_plain;
    /* An explicit tag such as `!!binary`. */
    int has_tag;
};

struct cyaml_reader;

/* Reads UTF-8 bytes, which must outlive the reader; NULL when there is no memory. */
struct cyaml_reader *cyaml_open(const unsigned char *bytes, size_t length);
/* The next event; CYAML_STREAM_END and CYAML_ERROR are final. */
struct cyaml_event cyaml_next(struct cyaml_reader *reader);
void cyaml_close(struct cyaml_reader *reader);
