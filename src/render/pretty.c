#include "render/pretty.h"

#include <stdint.h>
#include <string.h>

enum { SHORT = 280 }; /* longest value written on one line */

static void indent(struct kvt_buffer *out, size_t depth)
{
    kvt_buffer_byte(out, '\n');
    for (size_t i = 0; i < depth; i++)
        kvt_buffer_text(out, "  ");
}

static void write_value(struct kvt_buffer *out, const json_t *value, size_t depth)
{
    struct kvt_buffer compact = {0};
    kvt_json_write(&compact, value);
    bool container = json_is_object(value) || json_is_array(value);
    if (!container || (compact.length <= SHORT && depth > 0)) {
        kvt_buffer_append(out, compact.data, compact.length);
        kvt_buffer_free(&compact);
        return;
    }
    kvt_buffer_free(&compact);
    const char *key, *separator = "";
    json_t *member;
    size_t index;
    kvt_buffer_byte(out, json_is_object(value) ? '{' : '[');
    json_object_foreach((json_t *)(uintptr_t)value, key, member)
    {
        kvt_buffer_text(out, separator);
        indent(out, depth + 1);
        kvt_json_write_string(out, key, strlen(key));
        kvt_buffer_text(out, ": ");
        write_value(out, member, depth + 1);
        separator = ",";
    }
    json_array_foreach(value, index, member)
    {
        kvt_buffer_text(out, separator);
        indent(out, depth + 1);
        write_value(out, member, depth + 1);
        separator = ",";
    }
    indent(out, depth);
    kvt_buffer_byte(out, json_is_object(value) ? '}' : ']');
}

void kvt_pretty_write(struct kvt_buffer *out, const json_t *value)
{
    write_value(out, value, 0);
    kvt_buffer_byte(out, '\n');
}
