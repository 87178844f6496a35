#include "text/unicode.h"

#include "core/utf8.h"
#include "text/unicode_table.h"

#include <string.h>

enum { CAPITAL_SIGMA = 0x3a3, SMALL_SIGMA = 0x3c3, FINAL_SIGMA = 0x3c2 };

static bool inside(const struct kvt_range *table, size_t count, uint32_t c)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (c > table[middle].last)
            low = middle + 1;
        else if (c < table[middle].first)
            high = middle;
        else
            return true;
    }
    return false;
}

bool kvt_unicode_space(uint32_t c)
{
    if (c < 0x80)
        return c == ' ' || (c >= 0x09 && c <= 0x0d) || (c >= 0x1c && c <= 0x1f);
    return inside(kvt_text_table_space, kvt_text_table_space_count, c);
}

bool kvt_unicode_digit(uint32_t c)
{
    if (c < 0x80)
        return c >= '0' && c <= '9';
    return inside(kvt_text_table_digit, kvt_text_table_digit_count, c);
}

bool kvt_unicode_word(uint32_t c)
{
    if (c < 0x80)
        return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
               c == '_';
    return inside(kvt_text_table_word, kvt_text_table_word_count, c);
}

size_t kvt_unicode_next(const char *text, size_t length, uint32_t *code_point)
{
    int step = kvt_utf8_decode(text, length, code_point);
    return (size_t)(step < 0 ? -step : step);
}

/* Characters that a search for the neighbour of a sigma passes over. */
static bool ignorable(uint32_t c)
{
    if (c < 0x80)
        return c == '\'' || c == '.' || c == ':' || c == '^' || c == '`';
    return inside(kvt_text_table_ignorable, kvt_text_table_ignorable_count, c);
}

static bool cased(uint32_t c)
{
    if (c < 0x80)
        return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
    return inside(kvt_text_table_cased, kvt_text_table_cased_count, c);
}

/* A sigma is final when a letter stands before it and none after it, ignorable characters aside.
 * `before` is the last character before it that is not ignorable, 0 if there is none. */
static bool final_sigma(uint32_t before, const char *after, size_t length)
{
    if (!cased(before))
        return false;
    for (size_t at = 0; at < length;) {
        uint32_t c;
        at += kvt_unicode_next(after + at, length - at, &c);
        if (!ignorable(c))
            return !cased(c);
    }
    return true;
}

static uint32_t lower_one(uint32_t c)
{
    size_t low = 0, high = kvt_text_table_lower_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct kvt_lower_range *range = &kvt_text_table_lower[middle];
        if (c > range->last)
            low = middle + 1;
        else if (c < range->first)
            high = middle;
        else if ((c - range->first) % range->stride == 0)
            return (uint32_t)((int64_t)c + range->delta);
        else
            return c;
    }
    return c;
}

/* Lower-cases the ASCII run at text; returns its length. */
static size_t lower_ascii(struct kvt_buffer *out, const char *text, size_t length)
{
    kvt_buffer_reserve(out, length);
    char *to = out->data + out->length;
    size_t at = 0;
    for (; at < length && (unsigned char)text[at] < 0x80; at++) {
        unsigned char c = (unsigned char)text[at];
        to[at] = (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
    }
    out->length += at;
    out->data[out->length] = '\0';
    return at;
}

/* The last character of text[0..length) that is not ignorable, 0 if there is none. */
static uint32_t last_firm(const char *text, size_t length)
{
    while (length > 0) {
        size_t start = length - 1;
        while (start > 0 && ((unsigned char)text[start] & 0xc0) == 0x80)
            start--;
        uint32_t c;
        kvt_unicode_next(text + start, length - start, &c);
        if (!ignorable(c))
            return c;
        length = start;
    }
    return 0;
}

size_t kvt_unicode_lower_one(const char *text, size_t length, size_t at, char lower[KVT_LOWER_SIZE],
                             size_t *n)
{
    uint32_t c;
    size_t step = kvt_unicode_next(text + at, length - at, &c);
    for (size_t i = 0; i < kvt_text_table_lower_text_count; i++)
        if (kvt_text_table_lower_text[i].code_point == c) {
            *n = strlen(kvt_text_table_lower_text[i].text);
            memcpy(lower, kvt_text_table_lower_text[i].text, *n);
            return step;
        }
    uint32_t low = c == CAPITAL_SIGMA ? SMALL_SIGMA : lower_one(c);
    if (c == CAPITAL_SIGMA &&
        final_sigma(last_firm(text, at), text + at + step, length - at - step))
        low = FINAL_SIGMA;
    *n = kvt_utf8_encode(low, lower);
    return step;
}

void kvt_unicode_lower(struct kvt_buffer *out, const char *text, size_t length)
{
    size_t at = 0;
    while (at < length) {
        at += lower_ascii(out, text + at, length - at);
        if (at == length)
            break;
        char lower[KVT_LOWER_SIZE];
        size_t n;
        at += kvt_unicode_lower_one(text, length, at, lower, &n);
        kvt_buffer_append(out, lower, n);
    }
    kvt_buffer_reserve(out, 0); /* an empty text is a C string too */
    out->data[out->length] = '\0';
}

struct kvt_span kvt_unicode_strip(const char *text, size_t length)
{
    uint32_t c;
    size_t start = 0;
    while (start < length) {
        size_t step = kvt_unicode_next(text + start, length - start, &c);
        if (!kvt_unicode_space(c))
            break;
        start += step;
    }
    while (length > start) {
        size_t last = length - 1;
        while (last > start && ((unsigned char)text[last] & 0xc0) == 0x80)
            last--;
        kvt_unicode_next(text + last, length - last, &c);
        if (!kvt_unicode_space(c))
            break;
        length = last;
    }
    return (struct kvt_span){text + start, length - start};
}
