#include "stream/string.h"

#include "core/bits.h"
#include "core/escape.h"
#include "core/memory.h"
#include "core/utf8.h"
#include "stream/json.h"
#include "stream/scan.h"

#include <stdint.h>
#include <string.h>

/* What follows a backslash; U+0000 and a lone surrogate become U+FFFD. Returns the bytes used, or
 * -1. */
static int escape(struct kvt_buffer *out, const char *text, const char *end)
{
    uint32_t code_point;
    char utf8[4];
    int used = kvt_escape_decode(text, end, &code_point);
    if (used < 0)
        return -1;
    if (code_point == 0)
        code_point = 0xfffd;
    kvt_buffer_append(out, utf8, kvt_utf8_encode(code_point, utf8));
    return used;
}

/* Bytes of the piece that are not plain: control characters, beyond ASCII, a quote or a backslash.
 */
static uint64_t odd_bytes(const char *piece)
{
    const kvt_piece bytes = kvt_piece_load(piece);
    return kvt_piece_outside(bytes, ' ') | kvt_piece_equal(bytes, '"') |
           kvt_piece_equal(bytes, '\\');
}

/* Bytes from text on that are plain. */
static size_t plain_run(const char *text, const char *end)
{
    const char *at = text;
    if (end - text < KVT_PIECE) {
        while (at < end && (unsigned char)*at >= 0x20 && (unsigned char)*at < 0x80 && *at != '"' &&
               *at != '\\')
            at++;
        return (size_t)(at - text);
    }
    const char *last = end - KVT_PIECE; /* a piece that overlaps the one before */
    uint64_t odd = odd_bytes(at);
    while (!odd && at < last) {
        at = last - at > KVT_PIECE ? at + KVT_PIECE : last;
        odd = odd_bytes(at);
    }
    return odd ? (size_t)(at - text) + kvt_bits_lowest(odd) : (size_t)(end - text);
}

int kvt_string_decode(struct kvt_buffer *room, const char *value, size_t length,
                      struct kvt_span *text, struct kvt_error *error)
{
    if (length < 2 || value[0] != '"' || value[length - 1] != '"')
        return kvt_fail(error, KVT_DATA, "not a text");
    const char *at = value + 1, *end = value + length - 1, *copied = at;
    size_t start = room->length;
    bool moved = false; /* the text is being put together in `room` */
    while (at < end) {
        at += plain_run(at, end);
        if (at == end)
            break;
        if ((unsigned char)*at < 0x20)
            return kvt_fail(error, KVT_DATA, "a control character in a text");
        uint32_t code_point;
        int step = *at == '\\' ? -1 : kvt_utf8_decode(at, (size_t)(end - at), &code_point);
        if (step > 0) {
            at += step;
            continue;
        }
        moved = true;
        kvt_buffer_append(room, copied, (size_t)(at - copied));
        if (*at == '\\') {
            step = escape(room, at + 1, end);
            if (step < 0)
                return kvt_fail(error, KVT_DATA, "an escape in a text that JSON does not have");
            at += step + 1;
        } else {
            kvt_buffer_append(room, "\xef\xbf\xbd", 3);
            at += -step;
        }
        copied = at;
    }
    if (!moved) {
        *text = (struct kvt_span){value + 1, length - 2};
        return 0;
    }
    kvt_buffer_append(room, copied, (size_t)(end - copied));
    *text = (struct kvt_span){room->data + start, room->length - start};
    return 0;
}

static const char *skip_space(const char *at, const char *end)
{
    while (at < end && (*at == ' ' || *at == '\t' || *at == '\r' || *at == '\n'))
        at++;
    return at;
}

const char *kvt_string_take(struct kvt_buffer *room, const char *value, const char *end,
                            struct kvt_span *text, int *status, struct kvt_error *error)
{
    size_t plain = plain_run(value + 1, end);
    const char *stop = value + 1 + plain;
    if (stop < end && *stop == '"') { /* as most are */
        *text = (struct kvt_span){value + 1, plain};
        return stop + 1;
    }
    stop = kvt_scan_string(value, end);
    *status = stop ? kvt_string_decode(room, value, (size_t)(stop - value), text, error) : 0;
    return *status == 0 ? stop : NULL;
}

int kvt_string_list(struct kvt_buffer *room, const char *value, size_t length,
                    struct kvt_span **spans, size_t *capacity, size_t *count, size_t *used,
                    struct kvt_error *error)
{
    const char *at = value, *end = value + length;
    int status = 0;
    *count = 0;
    if (at == end || *at != '[')
        return 0;
    at = skip_space(at + 1, end);
    bool more = at < end && *at == '"';
    while (more) {
        kvt_grow(spans, capacity, *count, sizeof **spans);
        at = kvt_string_take(room, at, end, &(*spans)[*count], &status, error);
        if (!at)
            return status;
        ++*count;
        at = skip_space(at, end);
        more = at < end && *at == ',';
        if (more)
            at = skip_space(at + 1, end);
        if (more && (at == end || *at != '"'))
            return 0;
    }
    *used = (size_t)(at - value) + 1;
    return at < end && *at == ']';
}

/* Copies a text as far as whole pieces of it are plain, the last one up to its end; false if not
 * all of it is, and for a text that is shorter than a piece. */
static bool copy_plain(char *to, const char *text, size_t length)
{
    if (length < KVT_PIECE)
        return false;
    const size_t last = length - KVT_PIECE; /* a piece that overlaps the one before */
    for (size_t at = 0; at < last; at += KVT_PIECE) {
        if (odd_bytes(text + at))
            return false;
        kvt_piece_store(to + at, kvt_piece_load(text + at));
    }
    kvt_piece_store(to + last, kvt_piece_load(text + last));
    return !odd_bytes(text + last);
}

void kvt_string_write(struct kvt_buffer *out, const char *text, size_t length)
{
    kvt_buffer_reserve(out, length + 2);
    char *start = out->data + out->length;
    if (!copy_plain(start + 1, text, length)) {
        if (plain_run(text, text + length) < length) {
            kvt_json_write_string(out, text, length);
            return;
        }
        if (length)
            memcpy(start + 1, text, length);
    }
    start[0] = start[length + 1] = '"';
    start[length + 2] = '\0';
    out->length += length + 2;
}
