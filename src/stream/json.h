/*
 * stream/json.h: JSON text in and out. jansson parses; this room writes, because the stream's
 * numbers have one form (stream/number.h) and jansson writes 0.2 as 0.20000000000000001.
 *
 * Ownership: a json_t returned here is a new reference, released with json_decref.
 */
#ifndef KVT_STREAM_JSON_H
#define KVT_STREAM_JSON_H

#include "core/buffer.h"
#include "core/error.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Parses one JSON value of any type. What JSON or SQLite cannot carry (invalid UTF-8, lone
 * surrogates, U+0000) is replaced by U+FFFD; *replaced (may be NULL) counts how often.
 * Returns NULL and fills *error (with the column) when the text is not JSON.
 */
json_t *kvt_json_parse(const char *text, size_t length, size_t *replaced, struct kvt_error *error);
/* Reads and parses a whole file. */
json_t *kvt_json_load(const char *path, struct kvt_error *error);

/* Appends compact JSON, members in their order, numbers by kvt_number_format. NULL writes null. */
void kvt_json_write(struct kvt_buffer *out, const json_t *value);
/* Appends a quoted JSON string; ill-formed UTF-8 and U+0000 become U+FFFD. */
void kvt_json_write_string(struct kvt_buffer *out, const char *text, size_t length);

/*
 * Building an object or array by hand: commas are placed for you.
 *     struct kvt_writer w; kvt_writer_start(&w, &buffer);
 *     kvt_write_object(&w); kvt_write_key(&w, "n"); kvt_write_integer(&w, 5); kvt_write_end(&w);
 */
struct kvt_writer {
    struct kvt_buffer *out;
    uint64_t object_levels; /* bit d: level d is an object */
    uint64_t begun_levels;  /* bit d: level d already has an element */
    int depth;              /* up to 63 */
    bool after_key;
};

void kvt_writer_start(struct kvt_writer *writer, struct kvt_buffer *out);
void kvt_write_object(struct kvt_writer *writer);
void kvt_write_array(struct kvt_writer *writer);
void kvt_write_end(struct kvt_writer *writer); /* closes the innermost object or array */
void kvt_write_key(struct kvt_writer *writer, const char *key);
void kvt_write_string(struct kvt_writer *writer, const char *text); /* NULL writes null */
void kvt_write_string_n(struct kvt_writer *writer, const char *text, size_t length);
void kvt_write_number(struct kvt_writer *writer, double value);
void kvt_write_integer(struct kvt_writer *writer, long long value);
void kvt_write_bool(struct kvt_writer *writer, bool value);
void kvt_write_null(struct kvt_writer *writer);
void kvt_write_json(struct kvt_writer *writer, const json_t *value);
/* Key and value in one call. */
void kvt_member_string(struct kvt_writer *writer, const char *key, const char *text);
void kvt_member_number(struct kvt_writer *writer, const char *key, double value);
void kvt_member_integer(struct kvt_writer *writer, const char *key, long long value);
void kvt_member_bool(struct kvt_writer *writer, const char *key, bool value);
void kvt_member_null(struct kvt_writer *writer, const char *key);
void kvt_member_json(struct kvt_writer *writer, const char *key, const json_t *value);

/* Reading with a fallback: the member at a dotted path ("telemetry.kv.bytes"), or NULL. Borrowed.
 */
json_t *kvt_json_get(const json_t *object, const char *path);
const char *kvt_json_text(const json_t *object, const char *path, const char *fallback);
double kvt_json_number(const json_t *object, const char *path, double fallback);
long long kvt_json_integer(const json_t *object, const char *path, long long fallback);
bool kvt_json_bool(const json_t *object, const char *path, bool fallback);

#endif
