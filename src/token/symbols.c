#include "token/symbols.h"

#include "token/unicode.h"

#include <string.h>

/* Unknown characters on their way into the list: fused or not, or dropped. */
struct unknown {
    const struct kvt_tokenizer *tokenizer;
    struct kvt_merge_work *work;
    uint32_t pending; /* bytes of the unknown symbol not yet pushed */
    uint32_t skipped; /* bytes of dropped characters; they count with the next symbol's length */
};

static bool flush_unknown(struct unknown *state)
{
    uint32_t width = state->pending;
    state->pending = 0;
    return !width || kvt_merge_push(state->work, state->tokenizer->unknown, width);
}

static bool add_unknown(struct unknown *state, uint32_t width)
{
    bool pushed = true;
    if (state->tokenizer->unknown < 0) {
        state->skipped += width;
        return true;
    }
    if (!state->tokenizer->fuse_unknown)
        pushed = flush_unknown(state);
    state->pending += width;
    return pushed;
}

static bool add_known(struct unknown *state, int32_t id, uint32_t width)
{
    uint32_t skipped = state->skipped;
    state->skipped = 0;
    return flush_unknown(state) && kvt_merge_push(state->work, id, width + skipped);
}

static bool push_bytes(struct unknown *state, const char *text, size_t length)
{
    const int32_t *byte_ids = state->tokenizer->byte_ids;
    bool pushed = true;
    for (size_t i = 0; i < length && pushed; i++) {
        int32_t id = byte_ids[(unsigned char)text[i]];
        pushed = id >= 0 ? add_known(state, id, 1) : add_unknown(state, 1);
    }
    return pushed && flush_unknown(state);
}

bool kvt_symbols_has_bytes(const struct kvt_tokenizer *tokenizer, const char *text, size_t length)
{
    if (!tokenizer->byte_fallback)
        return false;
    for (size_t i = 0; i < length; i++)
        if (tokenizer->byte_ids[(unsigned char)text[i]] < 0)
            return false;
    return true;
}

/* The id of the character beyond ASCII at the start of the text, or -1; sets its bytes. */
static int32_t wide_character(const struct kvt_tokenizer *tokenizer, const char *text,
                              size_t length, size_t *width)
{
    *width = 3;
    if (length >= *width && memcmp(text, KVT_VISIBLE_SPACE, *width) == 0)
        return tokenizer->space_id;
    uint8_t flags;
    *width = kvt_unicode_next((const unsigned char *)text, length, &flags);
    return kvt_vocabulary_find(&tokenizer->vocabulary, text, *width);
}

/* The same of any character. */
static inline int32_t character(const struct kvt_tokenizer *tokenizer, const char *text,
                                size_t length, size_t *width)
{
    *width = 1;
    return (unsigned char)*text < 0x80 ? tokenizer->ascii_ids[(unsigned char)*text]
                                       : wide_character(tokenizer, text, length, width);
}

/*
 * The characters of a piece as symbols. Bytes that stand for a character do not end a run of
 * unknown ones: the reference library pushes them first and the run, when it ends, behind them.
 */
static bool push_characters(struct unknown *state, const char *text, size_t length)
{
    const struct kvt_tokenizer *tokenizer = state->tokenizer;
    bool pushed = true;
    for (size_t at = 0; at < length && pushed;) {
        size_t width;
        int32_t id = character(tokenizer, text + at, length - at, &width);
        if (id >= 0)
            pushed = add_known(state, id, (uint32_t)width);
        else if (kvt_symbols_has_bytes(tokenizer, text + at, width))
            for (size_t i = 0; i < width && pushed; i++)
                pushed = kvt_merge_push(state->work,
                                        tokenizer->byte_ids[(unsigned char)text[at + i]], 1);
        else
            pushed = add_unknown(state, (uint32_t)width);
        at += width;
    }
    return pushed && flush_unknown(state);
}

bool kvt_symbols_push(const struct kvt_tokenizer *tokenizer, const char *text, size_t length,
                      struct kvt_merge_work *work)
{
    struct unknown state = {.tokenizer = tokenizer, .work = work};
    work->n_symbols = 0;
    return tokenizer->units == KVT_UNITS_BYTES ? push_bytes(&state, text, length)
                                               : push_characters(&state, text, length);
}

/* The first symbol of the text, or -1; sets its bytes. */
static inline int32_t symbol(const struct kvt_tokenizer *tokenizer, const char *text, size_t length,
                             size_t *width)
{
    *width = 1;
    return tokenizer->units == KVT_UNITS_BYTES ? tokenizer->byte_ids[(unsigned char)*text]
                                               : character(tokenizer, text, length, width);
}

size_t kvt_symbols_short(const struct kvt_tokenizer *tokenizer, const char *text, size_t length,
                         int32_t *ids, size_t most)
{
    size_t count = 0, width;
    for (size_t at = 0; at < length; at += width) {
        int32_t id = count < most ? symbol(tokenizer, text + at, length - at, &width) : -1;
        if (id < 0)
            return 0;
        ids[count++] = id;
    }
    return count;
}

bool kvt_symbols_of_key(const void *tokenizer, const char *key, size_t length,
                        struct kvt_merge_work *work)
{
    size_t width;
    for (size_t at = 0; at < length; at += width) {
        int32_t id = symbol(tokenizer, key + at, length - at, &width);
        if (id < 0 || !kvt_merge_push(work, id, (uint32_t)width))
            return false;
    }
    return true;
}

size_t kvt_symbols_known(const struct kvt_tokenizer *tokenizer, const char *text, size_t length)
{
    size_t at = 0, width;
    if (tokenizer->units == KVT_UNITS_BYTES) {
        while (at < length && tokenizer->byte_ids[(unsigned char)text[at]] >= 0)
            at++;
        return at;
    }
    while (at < length && character(tokenizer, text + at, length - at, &width) >= 0)
        at += width;
    return at;
}
