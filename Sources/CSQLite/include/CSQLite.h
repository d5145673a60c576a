// SQLite, and its destructor constants, which are casts.
#pragma once
#include <sqlite3.h>

static inline int csqlite_bind_text_copy(sqlite3_stmt *s, int i, const char *text, int length) {
    return sqlite3_bind_text(s, i, text, length, SQLITE_TRANSIENT);
}
