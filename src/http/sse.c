#include "http/sse.h"

#include <string.h>

static void dispatch(struct kvt_sse *sse)
{
    if (sse->has_data)
        sse->event(sse->context, kvt_buffer_string(&sse->name), kvt_buffer_string(&sse->data),
                   sse->data.length);
    kvt_buffer_clear(&sse->data);
    kvt_buffer_clear(&sse->name);
    sse->has_data = false;
}

static bool is_field(const char *line, size_t length, const char *name)
{
    return strlen(name) == length && memcmp(line, name, length) == 0;
}

static void take_line(struct kvt_sse *sse, const char *line, size_t length)
{
    if (length == 0) {
        dispatch(sse);
        return;
    }
    if (line[0] == ':') {
        sse->n_comments++;
        return;
    }
    const char *colon = memchr(line, ':', length);
    size_t field = colon ? (size_t)(colon - line) : length;
    size_t start = colon ? field + 1 : length;
    if (start < length && line[start] == ' ')
        start++;
    if (is_field(line, field, "data")) {
        if (sse->has_data)
            kvt_buffer_byte(&sse->data, '\n');
        kvt_buffer_append(&sse->data, line + start, length - start);
        sse->has_data = true;
        if (sse->data.length > KVT_SSE_MAX_EVENT)
            sse->overflow = true;
    } else if (is_field(line, field, "event")) {
        kvt_buffer_clear(&sse->name);
        kvt_buffer_append(&sse->name, line + start, length - start);
    }
}

/* Length of the text before the first CR or LF, or `length` if there is none. */
static size_t line_end(const char *bytes, size_t length)
{
    const char *lf = memchr(bytes, '\n', length);
    size_t limit = lf ? (size_t)(lf - bytes) : length;
    const char *cr = memchr(bytes, '\r', limit);
    return cr ? (size_t)(cr - bytes) : limit;
}

/* A byte-order mark may itself arrive in pieces, so the first line is looked at when it is
 * complete. */
static void finish_line(struct kvt_sse *sse, const char *line, size_t length)
{
    if (!sse->begun) {
        sse->begun = true;
        if (length >= 3 && memcmp(line, "\xef\xbb\xbf", 3) == 0) {
            line += 3;
            length -= 3;
        }
    }
    take_line(sse, line, length);
}

void kvt_sse_feed(struct kvt_sse *sse, const char *bytes, size_t length)
{
    size_t at = 0;
    while (at < length && !sse->overflow) {
        if (sse->after_cr) {
            sse->after_cr = false;
            if (bytes[at] == '\n') {
                at++;
                continue;
            }
        }
        size_t run = line_end(bytes + at, length - at);
        bool complete = at + run < length;
        if (complete && sse->line.length == 0) {
            finish_line(sse, bytes + at, run); /* no copy */
        } else {
            kvt_buffer_append(&sse->line, bytes + at, run);
            if (sse->line.length > KVT_SSE_MAX_EVENT)
                sse->overflow = true;
            if (complete) {
                finish_line(sse, sse->line.data, sse->line.length);
                kvt_buffer_clear(&sse->line);
            }
        }
        at += run;
        if (complete)
            sse->after_cr = bytes[at++] == '\r';
    }
}

void kvt_sse_end(struct kvt_sse *sse)
{
    if (sse->overflow)
        return;
    sse->ending = true;
    if (sse->line.length) {
        finish_line(sse, sse->line.data, sse->line.length);
        kvt_buffer_clear(&sse->line);
    }
    dispatch(sse);
}

void kvt_sse_free(struct kvt_sse *sse)
{
    kvt_buffer_free(&sse->line);
    kvt_buffer_free(&sse->data);
    kvt_buffer_free(&sse->name);
}
