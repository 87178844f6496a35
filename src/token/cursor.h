/*
 * token/cursor.h: a JSON text read in one pass without a tree: a vocabulary of 128,000 strings and
 * 280,000 merges is loaded straight into the tables. Small parts are cut out and given to jansson.
 */
#ifndef KVT_TOKEN_CURSOR_H
#define KVT_TOKEN_CURSOR_H

#include "core/buffer.h"
#include "core/error.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct kvt_cursor {
    const char *start, *at, *end; /* the text is followed by a NUL byte */
    struct kvt_error *error;
};

/* All functions return 0 (or what they say), or -1 and the error with the byte where it is. */
int kvt_cursor_fail(const struct kvt_cursor *cursor, const char *what);
/* The next byte that is not white space, not consumed; 0 at the end. */
char kvt_cursor_peek(struct kvt_cursor *cursor);
/* Consumes this byte, which must come next. */
int kvt_cursor_expect(struct kvt_cursor *cursor, char c);
/*
 * Inside an object or array: call before each element with *first true at the start. 1 when an
 * element follows, 0 when `close` was consumed.
 */
int kvt_cursor_more(struct kvt_cursor *cursor, char close, bool *first);
/* A string, decoded and appended to out; lone surrogates and invalid UTF-8 are errors. */
int kvt_cursor_string(struct kvt_cursor *cursor, struct kvt_buffer *out);
/* A member's key and its colon; out is replaced. */
int kvt_cursor_key(struct kvt_cursor *cursor, struct kvt_buffer *out);
int kvt_cursor_integer(struct kvt_cursor *cursor, int64_t *value);
/* Passes over a value of any type. */
int kvt_cursor_skip(struct kvt_cursor *cursor);
/* The next value as a tree; NULL and the error when it is not JSON. New reference. */
json_t *kvt_cursor_tree(struct kvt_cursor *cursor);

/* Reads a whole file. */
int kvt_cursor_read_file(const char *path, struct kvt_buffer *out, struct kvt_error *error);

#endif
