#include "token/cursor.h"

#include "core/escape.h"
#include "core/utf8.h"
#include "stream/json.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

int kvt_cursor_fail(const struct kvt_cursor *cursor, const char *what)
{
    return kvt_fail(cursor->error, KVT_DATA, "byte %zu: %s", (size_t)(cursor->at - cursor->start),
                    what);
}

char kvt_cursor_peek(struct kvt_cursor *cursor)
{
    while (cursor->at < cursor->end && (*cursor->at == ' ' || *cursor->at == '\n' ||
                                        *cursor->at == '\t' || *cursor->at == '\r'))
        cursor->at++;
    return cursor->at < cursor->end ? *cursor->at : '\0';
}

int kvt_cursor_expect(struct kvt_cursor *cursor, char c)
{
    if (kvt_cursor_peek(cursor) != c) {
        char what[] = "expected '?'";
        what[10] = c;
        return kvt_cursor_fail(cursor, what);
    }
    cursor->at++;
    return 0;
}

int kvt_cursor_more(struct kvt_cursor *cursor, char close, bool *first)
{
    if (kvt_cursor_peek(cursor) == close) {
        cursor->at++;
        return 0;
    }
    if (!*first && kvt_cursor_expect(cursor, ',') != 0)
        return -1;
    *first = false;
    return 1;
}

/* The escape behind a backslash. */
static int escape(struct kvt_cursor *cursor, struct kvt_buffer *out)
{
    uint32_t code_point;
    char utf8[4];
    int used = kvt_escape_decode(cursor->at, cursor->end, &code_point);
    if (used < 0)
        return kvt_cursor_fail(cursor, "a bad escape");
    if (code_point >= 0xd800 && code_point <= 0xdfff)
        return kvt_cursor_fail(cursor, "a lone surrogate");
    cursor->at += used;
    kvt_buffer_append(out, utf8, kvt_utf8_encode(code_point, utf8));
    return 0;
}

int kvt_cursor_string(struct kvt_cursor *cursor, struct kvt_buffer *out)
{
    if (kvt_cursor_expect(cursor, '"') != 0)
        return -1;
    unsigned char high = 0;
    for (;;) {
        const char *start = cursor->at;
        const char *at = start;
        while (at < cursor->end && *at != '"' && *at != '\\' && (unsigned char)*at >= 0x20)
            high |= (unsigned char)*at++;
        cursor->at = at;
        if (high >= 0x80 && kvt_utf8_valid(start, (size_t)(at - start)) != (size_t)(at - start))
            return kvt_cursor_fail(cursor, "a string that is not UTF-8");
        kvt_buffer_append(out, start, (size_t)(at - start));
        if (at >= cursor->end || (unsigned char)*at < 0x20)
            return kvt_cursor_fail(cursor, "an unfinished string");
        cursor->at++;
        if (*at == '"')
            return 0;
        if (escape(cursor, out) != 0)
            return -1;
    }
}

int kvt_cursor_key(struct kvt_cursor *cursor, struct kvt_buffer *out)
{
    kvt_buffer_clear(out);
    if (kvt_cursor_string(cursor, out) != 0)
        return -1;
    return kvt_cursor_expect(cursor, ':');
}

int kvt_cursor_integer(struct kvt_cursor *cursor, int64_t *value)
{
    bool negative = kvt_cursor_peek(cursor) == '-';
    cursor->at += negative;
    const char *start = cursor->at;
    int64_t number = 0;
    while (cursor->at < cursor->end && *cursor->at >= '0' && *cursor->at <= '9' &&
           cursor->at - start < 18)
        number = 10 * number + (*cursor->at++ - '0');
    char next = kvt_cursor_peek(cursor);
    if (cursor->at == start || (next != ',' && next != '}' && next != ']'))
        return kvt_cursor_fail(cursor, "expected a whole number");
    *value = negative ? -number : number;
    return 0;
}

static int skip_string(struct kvt_cursor *cursor)
{
    cursor->at++;
    while (cursor->at < cursor->end && *cursor->at != '"')
        cursor->at += *cursor->at == '\\' && cursor->at + 1 < cursor->end ? 2 : 1;
    if (cursor->at >= cursor->end)
        return kvt_cursor_fail(cursor, "an unfinished string");
    cursor->at++;
    return 0;
}

int kvt_cursor_skip(struct kvt_cursor *cursor)
{
    size_t depth = 0;
    do {
        char c = kvt_cursor_peek(cursor);
        if (c == '"') {
            if (skip_string(cursor) != 0)
                return -1;
        } else if (c == '{' || c == '[') {
            depth++;
            cursor->at++;
        } else if (c == '}' || c == ']') {
            if (depth == 0)
                return kvt_cursor_fail(cursor, "expected a value");
            depth--;
            cursor->at++;
        } else if ((c == ',' || c == ':') && depth > 0) {
            cursor->at++;
        } else {
            size_t length = cursor->at < cursor->end ? strcspn(cursor->at, ",:{}[]\" \t\r\n") : 0;
            if (length == 0)
                return kvt_cursor_fail(cursor, "expected a value");
            cursor->at += length;
        }
    } while (depth > 0);
    return 0;
}

json_t *kvt_cursor_tree(struct kvt_cursor *cursor)
{
    kvt_cursor_peek(cursor);
    const char *start = cursor->at;
    if (kvt_cursor_skip(cursor) != 0)
        return NULL;

    return kvt_json_parse(start, (size_t)(cursor->at - start), NULL, cursor->error);
}

int kvt_cursor_read_file(const char *path, struct kvt_buffer *out, struct kvt_error *error)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        return kvt_fail(error, KVT_SYSTEM, "cannot open %s: %s", path, strerror(errno));
    struct stat status;
    if (fstat(fileno(file), &status) == 0 && S_ISREG(status.st_mode) && status.st_size > 0)
        kvt_buffer_reserve(out, (size_t)status.st_size + 1);
    kvt_buffer_reserve(out, 65536);
    size_t length;
    while ((length = fread(out->data + out->length, 1, out->capacity - out->length - 1, file)) >
           0) {
        out->length += length;
        if (out->capacity - out->length < 2)
            kvt_buffer_reserve(out, 65536);
    }
    out->data[out->length] = '\0';
    int failed = ferror(file);
    fclose(file);
    return failed ? kvt_fail(error, KVT_SYSTEM, "cannot read %s: %s", path, strerror(errno)) : 0;
}
