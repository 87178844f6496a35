#include "text/tokens.h"

#include "core/bits.h"
#include "core/error.h"
#include "core/memory.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_BITS = 8, SPARSE_BITS = 2 /* a quarter of the slots at most is taken */ };

static inline struct kvt_token known_by(const char *data, size_t length)
{
    struct kvt_token token = {{data, length}, 0, 0};
    const size_t size = length < sizeof token.first ? length : sizeof token.first;
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    static const uint64_t bytes[] = {0,          0xff,         0xffff,         0xffffff,
                                     UINT32_MAX, 0xffffffffff, 0xffffffffffff, 0xffffffffffffff,
                                     UINT64_MAX};
    memcpy(&token.first, data, sizeof token.first);
    token.first &= bytes[size]; /* without a branch: lengths of words cannot be predicted */
#else
    memcpy(&token.first, data, size);
#endif
    token.mixed = token.first * 0x9e3779b97f4a7c15u;
    return token;
}

static inline uint64_t *sieve_word(struct kvt_token_sieve *sieve, const struct kvt_token *token)
{
    return &sieve->words[token->mixed >> (64 - KVT_TOKEN_SIEVE_BITS) >> 6];
}

static inline uint64_t sieve_bit(const struct kvt_token *token)
{
    return (uint64_t)1 << (token->mixed >> (64 - KVT_TOKEN_SIEVE_BITS) & 63);
}

static inline void note(struct kvt_token_sieve *sieve, const struct kvt_token *token)
{
    *sieve_word(sieve, token) |= sieve_bit(token);
}

static inline bool noted(struct kvt_token_sieve *sieve, const struct kvt_token *token)
{
    return (*sieve_word(sieve, token) & sieve_bit(token)) != 0;
}

/* The token's slot, or the free slot where it belongs. */
static struct kvt_token_slot *slot_of(const struct kvt_tokens *tokens,
                                      const struct kvt_token *token)
{
    const struct kvt_span text = token->text;
    const bool whole = text.length <= sizeof token->first;
    const uint64_t hash = whole ? token->mixed : kvt_words_hash(text.data, text.length);
    struct kvt_token_slot *end = tokens->slots + ((size_t)1 << tokens->bits);
    for (struct kvt_token_slot *slot = tokens->slots + (hash >> (64 - tokens->bits));;) {
        if (slot->epoch != tokens->epoch ||
            (slot->first == token->first && slot->length == text.length &&
             (whole || memcmp(slot->data, text.data, text.length) == 0)))
            return slot;
        if (++slot == end)
            slot = tokens->slots;
    }
}

static inline void note_token(struct kvt_tokens *tokens, const char *data, size_t length)
{
    struct kvt_token *token = &tokens->said_tokens[tokens->n_said_tokens++];
    *token = known_by(data, length);
    note(&tokens->said, token);
}

static inline void add_token(struct kvt_tokens *tokens, const char *data, size_t length)
{
    const struct kvt_token token = known_by(data, length);
    if (!noted(&tokens->said, &token))
        return;
    struct kvt_token_slot *slot = slot_of(tokens, &token);
    if (slot->epoch != tokens->epoch)
        *slot = (struct kvt_token_slot){token.first, data, length, tokens->epoch, 0, 0};
    note(&tokens->known, &token);
    tokens->places.data[tokens->places.count++] = (uint32_t)(slot - tokens->slots);
}

static inline void count_known(struct kvt_tokens *tokens, const struct kvt_token *token)
{
    if (!noted(&tokens->known, token))
        return;
    struct kvt_token_slot *slot = slot_of(tokens, token);
    if (slot->epoch == tokens->epoch)
        slot->count++;
}

static inline void count_token(struct kvt_tokens *tokens, const char *data, size_t length)
{
    const struct kvt_token token = known_by(data, length);
    count_known(tokens, &token);
}

/* Calls `visit` for each token. A block of the text at a time; where its spaces are, tokens end. */
static inline void for_each(struct kvt_tokens *tokens, struct kvt_span text,
                            void (*visit)(struct kvt_tokens *, const char *, size_t))
{
    const char *token = text.data, *end = text.data + text.length;
    for (const char *at = token; at < end; at += KVT_BLOCK) {
        uint64_t spaces = kvt_block_equal(at, ' ');
        if (end - at < KVT_BLOCK)
            spaces &= ((uint64_t)1 << (end - at)) - 1;
        for (; spaces; spaces &= spaces - 1) {
            const char *space = at + kvt_bits_lowest(spaces);
            visit(tokens, token, (size_t)(space - token));
            token = space + 1;
        }
    }
    if (token < end)
        visit(tokens, token, (size_t)(end - token));
}

/* An empty table with room for so many tokens. */
static void clear_slots(struct kvt_tokens *tokens, size_t n_tokens)
{
    unsigned bits = FIRST_BITS;
    while (n_tokens >> (bits - SPARSE_BITS))
        bits++;
    if (n_tokens >= UINT32_MAX >> SPARSE_BITS)
        kvt_die(KVT_SYSTEM, "more than %lu tokens in one row's answers",
                (unsigned long)UINT32_MAX >> SPARSE_BITS);
    if (!tokens->slots || bits > tokens->bits) {
        free(tokens->slots);
        tokens->slots = kvt_alloc_zero((size_t)1 << bits, sizeof *tokens->slots);
        tokens->bits = bits;
        tokens->epoch = 0;
    }
    if (++tokens->epoch == 0) { /* wrapped: old slots must not come alive again */
        for (size_t i = 0; i < (size_t)1 << tokens->bits; i++)
            tokens->slots[i].epoch = 0;
        tokens->epoch = 1;
    }
}

/*
 * Most tokens of a gold are not in the prediction, and those of a short prediction are looked at
 * once more sooner than the golds' have got their slots. A long one is not worth it, and says
 * nearly everything.
 */
void kvt_tokens_start(struct kvt_tokens *tokens, struct kvt_span prediction, size_t n_prediction,
                      size_t n_golds)
{
    const bool worth = n_prediction / 2 <= n_golds;
    clear_slots(tokens, n_golds);
    kvt_numbers_reserve(&tokens->places, n_golds);
    tokens->places.count = tokens->ends.count = 0;
    tokens->prediction = prediction;
    memset(&tokens->known, 0, sizeof tokens->known);
    memset(&tokens->said, worth ? 0 : 0xff, sizeof tokens->said);
    tokens->n_said_tokens = 0;
    if (!worth)
        return;
    kvt_grow(&tokens->said_tokens, &tokens->said_tokens_capacity, n_prediction,
             sizeof *tokens->said_tokens);
    for_each(tokens, prediction, note_token);
}

void kvt_tokens_add(struct kvt_tokens *tokens, struct kvt_span gold)
{
    for_each(tokens, gold, add_token);
    kvt_numbers_add(&tokens->ends, (uint32_t)tokens->places.count);
}

void kvt_tokens_count(struct kvt_tokens *tokens)
{
    if (tokens->places.count == 0)
        return;
    if (tokens->n_said_tokens == 0)
        for_each(tokens, tokens->prediction, count_token);
    for (size_t i = 0; i < tokens->n_said_tokens; i++)
        count_known(tokens, &tokens->said_tokens[i]);
}

size_t kvt_tokens_common(struct kvt_tokens *tokens, size_t gold)
{
    const uint32_t first = gold > 0 ? tokens->ends.data[gold - 1] : 0,
                   end = tokens->ends.data[gold];
    const uint32_t *places = tokens->places.data;
    size_t common = 0;
    for (uint32_t i = first; i < end; i++) {
        struct kvt_token_slot *slot = &tokens->slots[places[i]];
        common += slot->used < slot->count;
        slot->used += slot->used < slot->count;
    }
    for (uint32_t i = first; i < end; i++)
        tokens->slots[places[i]].used = 0;
    return common;
}

void kvt_tokens_free(struct kvt_tokens *tokens)
{
    free(tokens->slots);
    free(tokens->said_tokens);
    free(tokens->places.data);
    free(tokens->ends.data);
    *tokens = (struct kvt_tokens){0};
}
