#include "http/placeholder.h"

#include "core/buffer.h"
#include "core/option.h"
#include "stream/json.h"

#include <stdint.h>
#include <string.h>

static int unknown(const char *name, const json_t *values, struct kvt_error *error)
{
    const char *key, *nearest = "";
    json_t *value;
    size_t best = SIZE_MAX;
    json_object_foreach((json_t *)(uintptr_t)values, key, value)
    {
        size_t distance = kvt_spelling_distance(name, key);
        if (distance < best) {
            best = distance;
            nearest = key;
        }
    }
    return kvt_fail(
        error, KVT_USAGE,
        "engine.extra_body: unknown placeholder {%s}; the nearest is {%s} ({{ stands for {)", name,
        nearest);
}

/* Length of "{name}" at text, its name copied; 0 if there is no closing brace. */
static size_t placeholder_at(const char *text, char *name, size_t size)
{
    const char *close = strchr(text, '}');
    if (!close)
        return 0;
    size_t length = (size_t)(close - text - 1);
    size_t copied = length < size - 1 ? length : size - 1;
    memcpy(name, text + 1, copied);
    name[copied] = '\0';
    return length + 2;
}

/* Text with its placeholders filled. Returns 0, 1 when one has no value, -1 on a mistake. */
static int fill_text(struct kvt_buffer *out, const char *text, const json_t *values,
                     struct kvt_error *error)
{
    for (const char *at = text; *at;) {
        if ((at[0] == '{' && at[1] == '{') || (at[0] == '}' && at[1] == '}')) {
            kvt_buffer_byte(out, *at);
            at += 2;
            continue;
        }
        if (*at != '{') {
            kvt_buffer_byte(out, *at++);
            continue;
        }
        char name[64];
        size_t length = placeholder_at(at, name, sizeof name);
        if (length == 0)
            return kvt_fail(error, KVT_USAGE,
                            "engine.extra_body: '%s' has a { without its } ({{ stands for {)",
                            text);
        const json_t *value = json_object_get(values, name);
        if (!value)
            return unknown(name, values, error);
        if (json_is_null(value))
            return 1;
        if (json_is_string(value))
            kvt_buffer_text(out, json_string_value(value));
        else
            kvt_json_write(out, value);
        at += length;
    }
    return 0;
}

static json_t *fill_string(const json_t *template, const json_t *values, struct kvt_error *error)
{
    const char *text = json_string_value(template);
    char name[64];
    if (text[0] == '{' && text[1] != '{' &&
        placeholder_at(text, name, sizeof name) == json_string_length(template)) {
        json_t *value = json_object_get(values, name);
        if (!value)
            unknown(name, values, error);
        return value ? json_deep_copy(value) : NULL;
    }
    struct kvt_buffer out = {0};
    json_t *filled = NULL;
    int status = fill_text(&out, text, values, error);
    if (status == 0)
        filled = json_stringn(kvt_buffer_string(&out), out.length);
    else if (status == 1)
        filled = json_null();
    kvt_buffer_free(&out);
    return filled;
}

static json_t *fill(const json_t *template, const json_t *values, struct kvt_error *error);

static json_t *fill_object(const json_t *template, const json_t *values, struct kvt_error *error)
{
    json_t *filled = json_object();
    const char *key;
    json_t *member;
    json_object_foreach((json_t *)(uintptr_t) template, key, member)
    {
        json_t *value = fill(member, values, error);
        if (!value) {
            json_decref(filled);
            return NULL;
        }
        if (json_is_null(value) && !json_is_null(member))
            json_decref(value); /* a placeholder without a value takes its member along */
        else
            json_object_set_new(filled, key, value);
    }
    return filled;
}

static json_t *fill_array(const json_t *template, const json_t *values, struct kvt_error *error)
{
    json_t *filled = json_array();
    for (size_t i = 0; i < json_array_size(template); i++) {
        const json_t *member = json_array_get(template, i);
        json_t *value = fill(member, values, error);
        if (!value) {
            json_decref(filled);
            return NULL;
        }
        if (json_is_null(value) && !json_is_null(member))
            json_decref(value);
        else
            json_array_append_new(filled, value);
    }
    return filled;
}

static json_t *fill(const json_t *template, const json_t *values, struct kvt_error *error)
{
    switch (json_typeof(template)) {
    case JSON_OBJECT:
        return fill_object(template, values, error);
    case JSON_ARRAY:
        return fill_array(template, values, error);
    case JSON_STRING:
        return fill_string(template, values, error);
    default:
        return json_deep_copy(template);
    }
}

json_t *kvt_placeholder_fill(const json_t *template, const json_t *values, struct kvt_error *error)
{
    return fill(template, values, error);
}

static bool text_uses(const char *text, const char *name)
{
    size_t length = strlen(name);
    for (const char *at = text; (at = strchr(at, '{')) != NULL; at++) {
        if (at[1] == '{') {
            at++;
            continue;
        }
        if (strncmp(at + 1, name, length) == 0 && at[1 + length] == '}')
            return true;
    }
    return false;
}

bool kvt_placeholder_uses(const json_t *template, const char *name)
{
    const char *key;
    json_t *member;
    if (json_is_string(template))
        return text_uses(json_string_value(template), name);
    if (json_is_array(template)) {
        for (size_t i = 0; i < json_array_size(template); i++)
            if (kvt_placeholder_uses(json_array_get(template, i), name))
                return true;
        return false;
    }
    json_object_foreach((json_t *)(uintptr_t) template, key, member)
    {
        if (kvt_placeholder_uses(member, name))
            return true;
    }
    return false;
}
