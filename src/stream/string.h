/*
 * stream/string.h: the text of a JSON string without a parser, for stages that look at a few
 * members of long lines.
 */
#ifndef KVT_STREAM_STRING_H
#define KVT_STREAM_STRING_H

#include "core/buffer.h"
#include "core/error.h"

#include <stdbool.h>
#include <stddef.h>

/* A piece of text that belongs to somebody else. */
struct kvt_span {
    const char *data;
    size_t length;
};

/*
 * The text of the string value[0..length), quotes included. As in kvt_json_parse, ill-formed UTF-8,
 * lone surrogates and U+0000 become U+FFFD. A text without escapes that is well-formed stays where
 * it is; another one is appended to `room`, whose memory must not move while spans are in use:
 * reserve KVT_STRING_ROOM(length of the line) before. Returns -1 with *error if the string is not
 * valid JSON.
 */
int kvt_string_decode(struct kvt_buffer *room, const char *value, size_t length,
                      struct kvt_span *text, struct kvt_error *error);

/*
 * The same for the string that begins at `value`, which is looked for its end as well: returns the
 * byte after it. NULL if it does not end before `end` (*status 0), or is not valid (*status -1).
 */
const char *kvt_string_take(struct kvt_buffer *room, const char *value, const char *end,
                            struct kvt_span *text, int *status, struct kvt_error *error);

/* Bytes that the texts of all strings on a line of this length can take: a byte becomes 3 at most.
 */
#define KVT_STRING_ROOM(length) (3 * (length) + 1)

/*
 * The texts of the array of strings that starts at `value`, one after the other, as spans; `length`
 * bytes are there, of which it takes *used. `spans` grows; *count is how many. Returns 1, 0 if the
 * value is something else than an array of strings (the caller may parse it), or -1 with *error if
 * a string is not valid.
 */
int kvt_string_list(struct kvt_buffer *room, const char *value, size_t length,
                    struct kvt_span **spans, size_t *capacity, size_t *count, size_t *used,
                    struct kvt_error *error);

/* Appends the text as a JSON string; as kvt_json_write_string, but faster where nothing in it needs
 * an escape. */
void kvt_string_write(struct kvt_buffer *out, const char *text, size_t length);

#endif
