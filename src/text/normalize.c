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

size_t kvt_normalize_english(struct kvt_buffer *out, struct kvt_buffer *scratch, const char *text,
                             size_t length)
{
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
