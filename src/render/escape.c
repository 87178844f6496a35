#include "render/escape.h"

#include "core/utf8.h"

#include <stdbool.h>
#include <string.h>

void kvt_escape_csv(struct kvt_buffer *out, const char *text)
{
    if (!strpbrk(text, ",\"\r\n")) {
        kvt_buffer_text(out, text);
        return;
    }
    kvt_buffer_byte(out, '"');
    for (; *text; text++) {
        if (*text == '"')
            kvt_buffer_byte(out, '"');
        kvt_buffer_byte(out, *text);
    }
    kvt_buffer_byte(out, '"');
}

/* C0, DEL and C1 controls, line and paragraph separators, and the marks that reorder a line. */
static int is_control(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x2028 || c == 0x2029 || c == 0x200e ||
           c == 0x200f || (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

/* Calls `put` for every character, cleaned; stops with an ellipsis after `limit` characters. */
static void each_character(struct kvt_buffer *out, const char *text, size_t limit,
                           void (*put)(struct kvt_buffer *, const char *, size_t))
{
    size_t length = strlen(text), count = 0;
    while (length > 0) {
        uint32_t c;
        char encoded[4];
        int used = kvt_utf8_decode(text, length, &c);
        size_t step = (size_t)(used < 0 ? -used : used);
        if (limit && count++ == limit) {
            put(out, "\xe2\x80\xa6", 3); /* U+2026 */
            return;
        }
        put(out, encoded, kvt_utf8_encode(is_control(c) ? ' ' : c, encoded));
        text += step;
        length -= step;
    }
}

static void put_gnuplot(struct kvt_buffer *out, const char *character, size_t length)
{
    if (*character == '\'')
        kvt_buffer_byte(out, '\'');
    kvt_buffer_append(out, character, length);
}

void kvt_escape_gnuplot(struct kvt_buffer *out, const char *text, size_t limit)
{
    kvt_buffer_byte(out, '\'');
    each_character(out, text, limit, put_gnuplot);
    kvt_buffer_byte(out, '\'');
}

static void put_markdown(struct kvt_buffer *out, const char *character, size_t length)
{
    switch (*character) {
    case '<':
        kvt_buffer_text(out, "&lt;");
        return;
    case '>':
        kvt_buffer_text(out, "&gt;");
        return;
    case '&':
        kvt_buffer_text(out, "&amp;");
        return;
    default:
        /* Marks that only matter at the start of a line (#, -, +, 1.) need no care: text never is.
         */
        if (strchr("\\`*_[]|~$", *character))
            kvt_buffer_byte(out, '\\');
        kvt_buffer_append(out, character, length);
    }
}

void kvt_escape_markdown(struct kvt_buffer *out, const char *text, size_t limit)
{
    each_character(out, text, limit, put_markdown);
}

static void put_plain(struct kvt_buffer *out, const char *character, size_t length)
{
    kvt_buffer_append(out, character, length);
}

void kvt_escape_plain(struct kvt_buffer *out, const char *text, size_t limit)
{
    each_character(out, text, limit, put_plain);
}

static size_t longest_backticks(const char *text)
{
    size_t longest = 0, run = 0;
    for (; *text; text++) {
        run = *text == '`' ? run + 1 : 0;
        if (run > longest)
            longest = run;
    }
    return longest;
}

void kvt_escape_code(struct kvt_buffer *out, const char *text, size_t limit)
{
    struct kvt_buffer clean = {0};
    each_character(&clean, text, limit, put_plain);
    const char *body = kvt_buffer_string(&clean);
    size_t fence = longest_backticks(body) + 1;
    bool pad = clean.length == 0 || body[0] == '`' || body[clean.length - 1] == '`';
    for (size_t i = 0; i < fence; i++)
        kvt_buffer_byte(out, '`');
    if (pad)
        kvt_buffer_byte(out, ' ');
    for (const char *at = body; *at; at++) {
        if (*at == '|') /* ends a table cell even inside a code span (GitHub's tables) */
            kvt_buffer_byte(out, '\\');
        kvt_buffer_byte(out, *at);
    }
    if (pad)
        kvt_buffer_byte(out, ' ');
    for (size_t i = 0; i < fence; i++)
        kvt_buffer_byte(out, '`');
    kvt_buffer_free(&clean);
}
