#include "stream/json.h"

#include "core/escape.h"
#include "core/file.h"
#include "core/memory.h"
#include "core/utf8.h"
#include "stream/number.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * Bytes of the escape at text, its backslash included (one that JSON does not have passes); sets
 * *bad when it is U+0000 or a lone surrogate.
 */
static size_t escape_length(const char *text, size_t length, bool *bad)
{
    uint32_t code_point;
    int used = kvt_escape_decode(text + 1, text + length, &code_point);
    *bad = used > 0 && (code_point == 0 || (code_point >= 0xd800 && code_point <= 0xdfff));
    if (used < 0)
        return length < 2 ? length : 2;
    return (size_t)used + 1;
}

/* Rewrites text so that every string in it is valid for jansson and for SQLite. */
static size_t repair(struct kvt_buffer *out, const char *text, size_t length)
{
    struct kvt_buffer valid = {0};
    size_t replaced = kvt_utf8_repair(&valid, text, length);
    size_t at = 0;
    while (at < valid.length) {
        const char *backslash = memchr(valid.data + at, '\\', valid.length - at);
        size_t stop = backslash ? (size_t)(backslash - valid.data) : valid.length;
        kvt_buffer_append(out, valid.data + at, stop - at);
        at = stop;
        if (!backslash)
            break;
        bool bad;
        size_t width = escape_length(valid.data + at, valid.length - at, &bad);
        if (bad) {
            kvt_buffer_text(out, "\\ufffd");
            replaced++;
        } else {
            kvt_buffer_append(out, valid.data + at, width);
        }
        at += width;
    }
    kvt_buffer_free(&valid);
    return replaced;
}

json_t *kvt_json_parse(const char *text, size_t length, size_t *replaced, struct kvt_error *error)
{
    if (replaced)
        *replaced = 0;
    json_error_t why;
    json_t *value = json_loadb(text, length, JSON_DECODE_ANY, &why);
    if (value)
        return value;
    struct kvt_buffer repaired = {0};
    size_t count = repair(&repaired, text, length);
    if (count) {
        value = json_loadb(repaired.data, repaired.length, JSON_DECODE_ANY, &why);
        if (value && replaced)
            *replaced = count;
    }
    kvt_buffer_free(&repaired);
    if (!value)
        kvt_fail(error, KVT_DATA, "not JSON: %s (column %d)", why.text, why.column);
    return value;
}

json_t *kvt_json_load(const char *path, struct kvt_error *error)
{
    FILE *file = fopen(path, "rb");
    if (!file) {
        kvt_fail(error, KVT_SYSTEM, "cannot open %s: %s", path, strerror(errno));
        return NULL;
    }
    size_t length;
    char *text = kvt_file_read_rest(file, &length);
    int failed = errno;
    fclose(file);
    if (!text) {
        kvt_fail(error, KVT_SYSTEM, "cannot read %s: %s", path, strerror(failed));
        return NULL;
    }
    json_t *value = kvt_json_parse(text, length, NULL, error);
    free(text);
    if (!value)
        kvt_fail_context(error, "%s", path);
    return value;
}

void kvt_json_write_string(struct kvt_buffer *out, const char *text, size_t length)
{
    kvt_buffer_byte(out, '"');
    size_t plain = 0; /* start of the run not yet copied */
    size_t at = 0;
    while (at < length) {
        unsigned char c = (unsigned char)text[at];
        if (c >= 0x20 && c < 0x80 && c != '"' && c != '\\') {
            at++;
            continue;
        }
        uint32_t code_point;
        int step = kvt_utf8_decode(text + at, length - at, &code_point);
        if (step > 1) {
            at += (size_t)step;
            continue;
        }
        kvt_buffer_append(out, text + plain, at - plain);
        if (step < 0 || c == 0)
            kvt_buffer_append(out, "\xef\xbf\xbd", 3);
        else if (c == '"' || c == '\\')
            kvt_buffer_append(out, (char[]){'\\', (char)c}, 2);
        else if (c == '\n')
            kvt_buffer_append(out, "\\n", 2);
        else if (c == '\t')
            kvt_buffer_append(out, "\\t", 2);
        else if (c == '\r')
            kvt_buffer_append(out, "\\r", 2);
        else
            kvt_buffer_printf(out, "\\u%04x", (unsigned)c);
        at += (size_t)(step < 0 ? -step : 1);
        plain = at;
    }
    kvt_buffer_append(out, text + plain, length - plain);
    kvt_buffer_byte(out, '"');
}

void kvt_json_write(struct kvt_buffer *out, const json_t *value)
{
    switch (value ? json_typeof(value) : JSON_NULL) {
    case JSON_OBJECT: {
        const char *key;
        json_t *member;
        bool first = true;
        kvt_buffer_byte(out, '{');
        json_object_foreach((json_t *)(uintptr_t)value, key, member)
        {
            if (!first)
                kvt_buffer_byte(out, ',');
            first = false;
            kvt_json_write_string(out, key, strlen(key));
            kvt_buffer_byte(out, ':');
            kvt_json_write(out, member);
        }
        kvt_buffer_byte(out, '}');
        break;
    }
    case JSON_ARRAY:
        kvt_buffer_byte(out, '[');
        for (size_t i = 0; i < json_array_size(value); i++) {
            if (i)
                kvt_buffer_byte(out, ',');
            kvt_json_write(out, json_array_get(value, i));
        }
        kvt_buffer_byte(out, ']');
        break;
    case JSON_STRING:
        kvt_json_write_string(out, json_string_value(value), json_string_length(value));
        break;
    case JSON_INTEGER:
        kvt_buffer_printf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        break;
    case JSON_REAL:
        kvt_number_append(out, json_real_value(value));
        break;
    case JSON_TRUE:
        kvt_buffer_text(out, "true");
        break;
    case JSON_FALSE:
        kvt_buffer_text(out, "false");
        break;
    case JSON_NULL:
        kvt_buffer_text(out, "null");
        break;
    }
}

void kvt_writer_start(struct kvt_writer *writer, struct kvt_buffer *out)
{
    *writer = (struct kvt_writer){.out = out};
}

/* Places the comma that belongs before the next element of the current level. */
static void separate(struct kvt_writer *writer)
{
    if (writer->after_key) {
        writer->after_key = false;
        return;
    }
    uint64_t bit = (uint64_t)1 << writer->depth;
    if (writer->begun_levels & bit)
        kvt_buffer_byte(writer->out, ',');
    writer->begun_levels |= bit;
}

static void open_level(struct kvt_writer *writer, bool object)
{
    separate(writer);
    kvt_buffer_byte(writer->out, object ? '{' : '[');
    if (writer->depth >= 63)
        kvt_die(KVT_SYSTEM, "JSON nested more than 63 deep");
    writer->depth++;
    uint64_t bit = (uint64_t)1 << writer->depth;
    writer->begun_levels &= ~bit;
    if (object)
        writer->object_levels |= bit;
    else
        writer->object_levels &= ~bit;
}

void kvt_write_object(struct kvt_writer *writer)
{
    open_level(writer, true);
}

void kvt_write_array(struct kvt_writer *writer)
{
    open_level(writer, false);
}

void kvt_write_end(struct kvt_writer *writer)
{
    uint64_t bit = (uint64_t)1 << writer->depth;
    kvt_buffer_byte(writer->out, writer->object_levels & bit ? '}' : ']');
    writer->depth--;
}

void kvt_write_key(struct kvt_writer *writer, const char *key)
{
    separate(writer);
    kvt_json_write_string(writer->out, key, strlen(key));
    kvt_buffer_byte(writer->out, ':');
    writer->after_key = true;
}

void kvt_write_string_n(struct kvt_writer *writer, const char *text, size_t length)
{
    separate(writer);
    kvt_json_write_string(writer->out, text, length);
}

void kvt_write_string(struct kvt_writer *writer, const char *text)
{
    if (text)
        kvt_write_string_n(writer, text, strlen(text));
    else
        kvt_write_null(writer);
}

void kvt_write_number(struct kvt_writer *writer, double value)
{
    separate(writer);
    kvt_number_append(writer->out, value);
}

void kvt_write_integer(struct kvt_writer *writer, long long value)
{
    separate(writer);
    kvt_buffer_printf(writer->out, "%lld", value);
}

void kvt_write_bool(struct kvt_writer *writer, bool value)
{
    separate(writer);
    kvt_buffer_text(writer->out, value ? "true" : "false");
}

void kvt_write_null(struct kvt_writer *writer)
{
    separate(writer);
    kvt_buffer_text(writer->out, "null");
}

void kvt_write_json(struct kvt_writer *writer, const json_t *value)
{
    separate(writer);
    kvt_json_write(writer->out, value);
}

void kvt_member_string(struct kvt_writer *writer, const char *key, const char *text)
{
    kvt_write_key(writer, key);
    kvt_write_string(writer, text);
}

void kvt_member_number(struct kvt_writer *writer, const char *key, double value)
{
    kvt_write_key(writer, key);
    kvt_write_number(writer, value);
}

void kvt_member_integer(struct kvt_writer *writer, const char *key, long long value)
{
    kvt_write_key(writer, key);
    kvt_write_integer(writer, value);
}

void kvt_member_bool(struct kvt_writer *writer, const char *key, bool value)
{
    kvt_write_key(writer, key);
    kvt_write_bool(writer, value);
}

void kvt_member_null(struct kvt_writer *writer, const char *key)
{
    kvt_write_key(writer, key);
    kvt_write_null(writer);
}

void kvt_member_json(struct kvt_writer *writer, const char *key, const json_t *value)
{
    kvt_write_key(writer, key);
    kvt_write_json(writer, value);
}

json_t *kvt_json_get(const json_t *object, const char *path)
{
    json_t *value = (json_t *)(uintptr_t)object;
    while (value && *path) {
        size_t length = strcspn(path, ".");
        char key[128];
        if (length >= sizeof key)
            return NULL;
        memcpy(key, path, length);
        key[length] = '\0';
        value = json_object_get(value, key);
        path += length + (path[length] == '.');
    }
    return value;
}

const char *kvt_json_text(const json_t *object, const char *path, const char *fallback)
{
    const json_t *value = kvt_json_get(object, path);
    return json_is_string(value) ? json_string_value(value) : fallback;
}

double kvt_json_number(const json_t *object, const char *path, double fallback)
{
    const json_t *value = kvt_json_get(object, path);
    return json_is_number(value) ? json_number_value(value) : fallback;
}

long long kvt_json_integer(const json_t *object, const char *path, long long fallback)
{
    const json_t *value = kvt_json_get(object, path);
    if (json_is_integer(value))
        return json_integer_value(value);
    if (json_is_real(value) && fabs(json_real_value(value)) < 9e15)
        return (long long)json_real_value(value);
    return fallback;
}

bool kvt_json_bool(const json_t *object, const char *path, bool fallback)
{
    const json_t *value = kvt_json_get(object, path);
    return json_is_boolean(value) ? json_is_true(value) : fallback;
}
