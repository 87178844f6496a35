#include "text/pylist.h"

#include "core/buffer.h"
#include "core/utf8.h"

#include <stdint.h>
#include <string.h>

struct cursor {
    const char *at, *end;
};

static void skip_space(struct cursor *c)
{
    while (c->at < c->end && strchr(" \t\r\n", *c->at) && *c->at)
        c->at++;
}

/* Reads exactly `digits` hexadecimal digits. */
static int read_hex(struct cursor *c, int digits, uint32_t *value)
{
    *value = 0;
    for (int i = 0; i < digits; i++, c->at++) {
        static const char set[] = "0123456789abcdefABCDEF";
        const char *found = c->at < c->end && *c->at ? strchr(set, *c->at) : NULL;
        if (!found)
            return -1;
        uint32_t digit = (uint32_t)(found - set);
        *value = *value << 4 | (digit > 15 ? digit - 6 : digit);
    }
    return 0;
}

/* What follows a backslash in a Python string. */
static int read_escape(struct cursor *c, struct kvt_buffer *out)
{
    static const char simple[] = "n\nt\tr\ra\ab\bf\fv\v\\\\''\"\"";
    if (c->at == c->end)
        return -1;
    char kind = *c->at++;
    for (size_t i = 0; simple[i]; i += 2)
        if (kind == simple[i]) {
            kvt_buffer_byte(out, simple[i + 1]);
            return 0;
        }
    int digits = kind == 'x' ? 2 : kind == 'u' ? 4 : kind == 'U' ? 8 : 0;
    uint32_t value;
    if (!digits || read_hex(c, digits, &value) != 0)
        return -1;
    char bytes[4];
    if (value == 0) /* JSON texts here do not carry it */
        value = 0xfffd;
    kvt_buffer_append(out, bytes, kvt_utf8_encode(value, bytes));
    return 0;
}

static int read_string(struct cursor *c, struct kvt_buffer *out)
{
    char quote = *c->at++;
    while (c->at < c->end && *c->at != quote) {
        if (*c->at != '\\') {
            kvt_buffer_byte(out, *c->at++);
            continue;
        }
        c->at++;
        if (read_escape(c, out) != 0)
            return -1;
    }
    if (c->at == c->end)
        return -1;
    c->at++;
    return 0;
}

/* Adds the text in `piece` to the list; ill-formed UTF-8 becomes U+FFFD. */
static void add(json_t *list, struct kvt_buffer *piece)
{
    struct kvt_buffer valid = {0};
    kvt_utf8_repair(&valid, kvt_buffer_string(piece), piece->length);
    json_array_append_new(list, json_stringn(kvt_buffer_string(&valid), valid.length));
    kvt_buffer_free(&valid);
    kvt_buffer_clear(piece);
}

static int read_items(struct cursor *c, json_t *list, struct kvt_error *error)
{
    struct kvt_buffer piece = {0};
    int status = -1;
    for (;;) {
        skip_space(c);
        if (c->at < c->end && *c->at == ',' && json_array_size(list) > 0) {
            c->at++;
            skip_space(c);
        }
        if (c->at == c->end) {
            kvt_fail(error, KVT_DATA, "a list without its closing bracket");
            break;
        }
        if (*c->at == ']') {
            c->at++;
            status = 0;
            break;
        }
        if (c->end - c->at >= 3 && memcmp(c->at, "...", 3) == 0) {
            kvt_fail(error, KVT_DATA, "a list that was shortened when it was written (...)");
            break;
        }
        if (*c->at != '\'' && *c->at != '"') {
            kvt_fail(error, KVT_DATA, "a list of something else than texts");
            break;
        }
        if (read_string(c, &piece) != 0) {
            kvt_fail(error, KVT_DATA,
                     "a list with a text that is not closed, or an unknown escape");
            break;
        }
        add(list, &piece);
    }
    kvt_buffer_free(&piece);
    return status;
}

json_t *kvt_pylist_parse(const char *text, size_t length, struct kvt_error *error)
{
    struct cursor c = {text, text + length};
    skip_space(&c);
    if (c.at == c.end || *c.at != '[') {
        kvt_fail(error, KVT_DATA, "not a list");
        return NULL;
    }
    c.at++;
    json_t *list = json_array();
    int status = read_items(&c, list, error);
    skip_space(&c);
    if (status == 0 && c.at != c.end)
        status = kvt_fail(error, KVT_DATA, "text after a list");
    if (status == 0)
        return list;
    json_decref(list);
    return NULL;
}
