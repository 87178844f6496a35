#include "token/spaces.h"

#include "core/bits.h"
#include "core/memory.h"
#include "token/ascii.h"

#include <stdlib.h>
#include <string.h>

enum { WIDTH = sizeof KVT_VISIBLE_SPACE - 1 };

static bool starts_with_space(const char *text, size_t length)
{
    return length > 0 &&
           (text[0] == ' ' || (length >= WIDTH && memcmp(text, KVT_VISIBLE_SPACE, WIDTH) == 0));
}

static bool wants_space(const struct kvt_tokenizer *tokenizer, const char *text, size_t length,
                        bool first)
{
    if (tokenizer->unless_space && starts_with_space(text, length))
        return false;
    return tokenizer->prepend == KVT_PREPEND_ALWAYS ||
           (tokenizer->prepend == KVT_PREPEND_FIRST && first);
}

/* Without branches: neither words nor runs of spaces are long. Returns the end of what it wrote. */
static char *show_each(char *out, const char *text, size_t length)
{
    uint32_t space = 0;
    memcpy(&space, KVT_VISIBLE_SPACE, WIDTH);
    for (size_t i = 0; i < length; i++) {
        bool is_space = text[i] == ' ';
        uint32_t bytes = is_space ? space : (unsigned char)text[i];
        memcpy(out, &bytes, sizeof bytes);
        out += is_space ? WIDTH : 1;
    }
    return out;
}

static void show(struct kvt_buffer *out, const char *text, size_t length)
{
    size_t added = (WIDTH - 1) * kvt_count_byte(text, length, ' ');
    kvt_buffer_reserve(out, length + added + sizeof(uint32_t)); /* each is written as a word */
    char *end = out->data + out->length;
    size_t at = 0;
    for (; length - at >= KVT_BLOCK; at += KVT_BLOCK) {
        if (kvt_block_equal(text + at, ' ')) {
            end = show_each(end, text + at, KVT_BLOCK);
        } else {
            memcpy(end, text + at, KVT_BLOCK);
            end += KVT_BLOCK;
        }
    }
    show_each(end, text + at, length - at);
    out->length += length + added;
    out->data[out->length] = '\0';
}

/* `origin`: what the raw text has covered after these bytes, and `before` them. */
static void put(struct kvt_spaces *spaces, const char *text, size_t length, size_t before,
                size_t origin)
{
    for (size_t i = 0; i < length; i++) {
        kvt_grow(&spaces->origins, &spaces->origins_capacity, spaces->text.length + i,
                 sizeof *spaces->origins);
        spaces->origins[spaces->text.length + i] = i + 1 < length ? before : origin;
    }
    kvt_buffer_append(&spaces->text, text, length);
}

void kvt_spaces_show(struct kvt_spaces *spaces, const struct kvt_tokenizer *tokenizer,
                     const char *text, size_t length, size_t base, bool with_origins)
{
    bool prepend = wants_space(tokenizer, text, length, base == 0);
    spaces->text.length = 0;
    if (prepend && with_origins)
        put(spaces, KVT_VISIBLE_SPACE, WIDTH, base, base);
    else if (prepend)
        kvt_buffer_append(&spaces->text, KVT_VISIBLE_SPACE, WIDTH);
    if (!with_origins) {
        show(&spaces->text, text, length);
        return;
    }
    for (size_t i = 0; i < length; i++) {
        bool is_space = text[i] == ' ';
        put(spaces, is_space ? KVT_VISIBLE_SPACE : text + i, is_space ? WIDTH : 1, base + i,
            base + i + 1);
    }
}

void kvt_spaces_free(struct kvt_spaces *spaces)
{
    kvt_buffer_free(&spaces->text);
    free(spaces->origins);
    *spaces = (struct kvt_spaces){0};
}
