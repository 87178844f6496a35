#include "text/tokens.h"

#include "core/bits.h"
#include "core/error.h"
#include "core/memory.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_BITS = 8, SPARSE_BITS = 2 /* a quarter of the slots at most is taken */ };

void kvt_tokens_start(struct kvt_tokens *tokens, size_t n_tokens)
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
    kvt_numbers_zero(&tokens->places, n_tokens);
    tokens->places.count = 0;
    memset(tokens->sieve, 0, sizeof tokens->sieve);
    if (++tokens->epoch == 0) { /* wrapped: old slots must not come alive again */
        for (size_t i = 0; i < (size_t)1 << tokens->bits; i++)
            tokens->slots[i].epoch = 0;
        tokens->epoch = 1;
    }
}

/* A token with what the table knows it by. */
struct known {
    struct kvt_span text;
    uint64_t first; /* its first eight bytes, zeros behind a shorter one: no byte of a text is 0 */
    uint64_t mixed; /* these */
};

static inline struct known known_by(const char *data, size_t length)
{
    struct known token = {{data, length}, 0, 0};
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

/* Most tokens of a prediction are no gold's: a set of bits knows that. */
static inline uint64_t *sieve_word(struct kvt_tokens *tokens, const struct known *token)
{
    return &tokens->sieve[token->mixed >> (64 - KVT_TOKEN_SIEVE_BITS) >> 6];
}

static inline uint64_t sieve_bit(const struct known *token)
{
    return (uint64_t)1 << (token->mixed >> (64 - KVT_TOKEN_SIEVE_BITS) & 63);
}

/* The token's slot, or the free slot where it belongs. */
static struct kvt_token_slot *slot_of(const struct kvt_tokens *tokens, const struct known *token)
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

static inline void add_token(struct kvt_tokens *tokens, const char *data, size_t length)
{
    const struct known token = known_by(data, length);
    struct kvt_token_slot *slot = slot_of(tokens, &token);
    if (slot->epoch != tokens->epoch)
        *slot = (struct kvt_token_slot){token.first, data, length, tokens->epoch, 0, 0};
    *sieve_word(tokens, &token) |= sieve_bit(&token);
    tokens->places.data[tokens->places.count++] = (uint32_t)(slot - tokens->slots);
}

static inline void count_token(struct kvt_tokens *tokens, const char *data, size_t length)
{
    const struct known token = known_by(data, length);
    if (!(*sieve_word(tokens, &token) & sieve_bit(&token)))
        return;
    struct kvt_token_slot *slot = slot_of(tokens, &token);
    if (slot->epoch == tokens->epoch)
        slot->count++;
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

void kvt_tokens_add(struct kvt_tokens *tokens, struct kvt_span gold)
{
    for_each(tokens, gold, add_token);
}

void kvt_tokens_count(struct kvt_tokens *tokens, struct kvt_span prediction)
{
    for_each(tokens, prediction, count_token);
}

size_t kvt_tokens_common(struct kvt_tokens *tokens, size_t first, size_t n)
{
    const uint32_t *places = tokens->places.data + first;
    size_t common = 0;
    for (size_t i = 0; i < n; i++) {
        struct kvt_token_slot *slot = &tokens->slots[places[i]];
        common += slot->used < slot->count;
        slot->used += slot->used < slot->count;
    }
    for (size_t i = 0; i < n; i++)
        tokens->slots[places[i]].used = 0;
    return common;
}

void kvt_tokens_free(struct kvt_tokens *tokens)
{
    free(tokens->slots);
    free(tokens->places.data);
    *tokens = (struct kvt_tokens){0};
}
