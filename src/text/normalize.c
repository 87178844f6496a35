#include "text/normalize.h"

#include "text/unicode.h"

#include <stdbool.h>
#include <string.h>

/* What a byte below 0x80 is after lower-casing. */
enum class { WORD, OTHER, SPACE, PUNCTUATION };

static enum class ascii_class(unsigned char c) {
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) return WORD;
    if (kvt_unicode_space(c)) return SPACE;
    return c > 0x20 && c < 0x7f ? PUNCTUATION : OTHER; /* "_" is punctuation here */
}

/*
 * The text being built. \b(a|an|the)\b takes a whole run of \w characters, so an article is known
 * when its run ends; the space that replaces it ends the token too.
 */
struct builder {
    struct kvt_buffer *out;
    size_t token; /* where the current token starts */
    size_t run;   /* where the current run of \w characters starts; out->length if there is none */
    size_t count; /* tokens ended */
    bool in_token;
};

static bool is_article(const char *text, size_t length)
{
    return (length == 1 && text[0] == 'a') || (length == 2 && memcmp(text, "an", 2) == 0) ||
           (length == 3 && memcmp(text, "the", 3) == 0);
}

static void end_token(struct builder *builder)
{
    if (builder->in_token && builder->out->length > builder->token)
        builder->count++;
    else if (builder->in_token && builder->count > 0)
        builder->out->length--; /* nothing was left of the token: its separator goes */
    builder->in_token = false;
    builder->run = builder->out->length;
}

/* The run of \w characters ends here. */
static void end_run(struct builder *builder)
{
    struct kvt_buffer *out = builder->out;
    if (is_article(out->data + builder->run, out->length - builder->run)) {
        out->length = builder->run;
        end_token(builder);
    }
    builder->run = out->length;
}

static void put(struct builder *builder, const char *bytes, size_t length, bool word)
{
    struct kvt_buffer *out = builder->out;
    if (!word)
        end_run(builder);
    if (!builder->in_token) {
        if (builder->count > 0)
            out->data[out->length++] = ' ';
        builder->in_token = true;
        builder->token = builder->run = out->length;
    }
    for (size_t i = 0; i < length; i++)
        out->data[out->length++] = bytes[i];
    if (!word)
        builder->run = out->length;
}

/* For each ASCII byte what is left of it: its lower case, ' ' for white space, 0 if it goes, and
 * OTHER_BYTE for control characters, which belong to a token but not to a word. */
enum { OTHER_BYTE = 1 };
static unsigned char ascii_table[128];

static void fill_table(void)
{
    for (unsigned c = 0; c < 128; c++) {
        unsigned char low = (unsigned char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
        enum class class = ascii_class(low);
        ascii_table[c] = class == WORD    ? low
                         : class == SPACE ? ' '
                         : class == OTHER ? OTHER_BYTE
                                          : 0;
    }
}

/*
 * The same for a text of letters, digits, punctuation and white space, where a token is a word.
 * Returns false, with nothing written, as soon as something else is met.
 */
static bool normalize_plain(struct kvt_buffer *out, const char *text, size_t length, size_t *count)
{
    if (!ascii_table['a'])
        fill_table();
    kvt_buffer_reserve(out, length + 1);
    char *start = out->data + out->length, *to = start, *token = start;
    const unsigned char *at = (const unsigned char *)text, *end = at + length;
    *count = 0;
    for (;;) {
        unsigned char c = ' ';
        if (at < end) {
            if (*at >= 0x80 || ascii_table[*at] == OTHER_BYTE)
                return false;
            c = ascii_table[*at];
        }
        if (c != ' ') {
            *to = (char)c;
            to += c != 0;
        } else {
            if (to > token && !is_article(token, (size_t)(to - token))) {
                *to++ = ' ';
                token = to;
                ++*count;
            } else {
                to = token;
            }
            if (at == end)
                break;
        }
        at++;
    }
    out->length += (size_t)(to - start) - (*count > 0); /* the last space */
    out->data[out->length] = '\0';
    return true;
}

size_t kvt_normalize_english(struct kvt_buffer *out, struct kvt_buffer *scratch, const char *text,
                             size_t length)
{
    size_t count;
    if (normalize_plain(out, text, length, &count))
        return count;
    kvt_buffer_clear(scratch);
    kvt_unicode_lower(scratch, text, length);
    /* Replacing an article by a space never makes the text longer; separators replace white space.
     */
    kvt_buffer_reserve(out, scratch->length + 1);
    struct builder builder = {.out = out, .token = out->length, .run = out->length};
    const char *at = scratch->data, *end = at + scratch->length;
    while (at < end) {
        unsigned char c = (unsigned char)*at;
        uint32_t code_point = c;
        size_t step = 1;
        enum class class;
        if (c < 0x80) {
            class = ascii_class(c);
            while (class == WORD && at + step < end && (unsigned char)at[step] < 0x80 &&
                   ascii_table[(unsigned char)at[step]] > ' ')
                step++; /* a run of letters and digits at once; the text is in lower case */
        } else {
            step = kvt_unicode_next(at, (size_t)(end - at), &code_point);
            class = kvt_unicode_word(code_point)    ? WORD
                    : kvt_unicode_space(code_point) ? SPACE
                                                    : OTHER;
        }
        if (class == SPACE) {
            end_run(&builder);
            end_token(&builder);
        } else if (class != PUNCTUATION) {
            put(&builder, at, step, class == WORD);
        }
        at += step;
    }
    end_run(&builder);
    end_token(&builder);
    out->data[out->length] = '\0';
    return builder.count;
}
