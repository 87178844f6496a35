#include "stream/string.h"

#include "core/escape.h"
#include "core/memory.h"
#include "core/utf8.h"
#include "stream/json.h"

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

/* Bytes from text on that are plain: ASCII, no control character, no backslash. */
static size_t plain_run(const char *text, const char *end)
{
    const char *at = text;
    while (end - at >= 8) {
        uint64_t v;
        memcpy(&v, at, 8);
        const uint64_t ones = 0x0101010101010101u, tops = 0x8080808080808080u;
        uint64_t backslash = v ^ (ones * '\\');
        /* A top bit is set where a byte is 0x80 or above, below 0x20, or a backslash. */
        if (((v - ones * 0x20) | (backslash - ones) | v) & tops)
            break;
        at += 8;
    }
    while (at < end && (unsigned char)*at >= 0x20 && (unsigned char)*at < 0x80 && *at != '\\')
        at++;
    return (size_t)(at - text);
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

/* The byte after the string that begins at `at`; NULL if it does not end. */
static const char *end_of_string(const char *at, const char *end)
{
    const char *open = at++;
    while (at < end) {
        const char *quote = memchr(at, '"', (size_t)(end - at));
        if (!quote)
            return NULL;
        const char *before = quote;
        while (before > open + 1 && before[-1] == '\\')
            before--;
        if ((quote - before) % 2 == 0)
            return quote + 1;
        at = quote + 1;
    }
    return NULL;
}

int kvt_string_list(struct kvt_buffer *room, const char *value, size_t length,
                    struct kvt_span **spans, size_t *capacity, size_t *count,
                    struct kvt_error *error)
{
    const char *at = value, *end = value + length;
    *count = 0;
    if (at == end || *at != '[')
        return 0;
    at = skip_space(at + 1, end);
    if (at < end && *at == ']')
        return skip_space(at + 1, end) == end;
    while (at < end && *at == '"') {
        const char *stop = end_of_string(at, end);
        if (!stop)
            return 0;
        kvt_grow(spans, capacity, *count, sizeof **spans);
        if (kvt_string_decode(room, at, (size_t)(stop - at), &(*spans)[*count], error) != 0)
            return -1;
        ++*count;
        at = skip_space(stop, end);
        if (at < end && *at == ']')
            return skip_space(at + 1, end) == end;
        if (at == end || *at != ',')
            return 0;
        at = skip_space(at + 1, end);
    }
    return 0;
}

void kvt_string_write(struct kvt_buffer *out, const char *text, size_t length)
{
    const char *end = text + length;
    size_t plain = plain_run(text, end);
    if (plain < length || memchr(text, '"', length)) {
        kvt_json_write_string(out, text, length);
        return;
    }
    kvt_buffer_reserve(out, length + 2);
    kvt_buffer_byte(out, '"');
    kvt_buffer_append(out, text, length);
    kvt_buffer_byte(out, '"');
}
