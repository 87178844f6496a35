/* text/tokens_body.h: tokens that two texts have in common, for the kernels that include this. */
#include "core/bits.h"
#include "core/error.h"
#include "core/memory.h"
#include "text/tokens.h"

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

static inline void add_token(struct kvt_tokens *tokens, const char *data, size_t length)
{
    const struct kvt_token token = known_by(data, length);
    struct kvt_token_slot *slot = slot_of(tokens, &token);
    if (slot->epoch != tokens->epoch)
        *slot = (struct kvt_token_slot){token.first, data, length, tokens->epoch, 0, 0};
    note(&tokens->known, &token);
    tokens->places.data[tokens->places.count++] = (uint32_t)(slot - tokens->slots);
}

static inline void count_token(struct kvt_tokens *tokens, const char *data, size_t length)
{
    const struct kvt_token token = known_by(data, length);
    if (!noted(&tokens->known, &token))
        return;
    struct kvt_token_slot *slot = slot_of(tokens, &token);
    if (slot->epoch == tokens->epoch)
        slot->count++;
}

static inline char tag(const struct kvt_token *token)
{
    return (char)(token->mixed >> 56);
}

static inline void say_token(struct kvt_tokens *tokens, const char *data, size_t length)
{
    struct kvt_token *token = &tokens->said[tokens->n_said];
    *token = known_by(data, length);
    tokens->tags[tokens->n_said++] = tag(token);
}

/* Uses up one of those that are set, if one is the token. */
static void use_one_of(struct kvt_tokens *tokens, uint64_t set, const struct kvt_token *token)
{
    for (; set; set &= set - 1) {
        const struct kvt_token *said = &tokens->said[kvt_bits_lowest(set)];
        if (said->first != token->first || said->text.length != token->text.length ||
            memcmp(said->text.data, token->text.data, token->text.length) != 0)
            continue;
        tokens->unused &= ~(set & -set);
        return;
    }
}

/*
 * The same for a token of a gold. Which tokens both have cannot be predicted, and so there is no
 * branch on it: only where a tag says too much, or a token's first bytes.
 */
static inline void use_token(struct kvt_tokens *tokens, const char *data, size_t length)
{
    const struct kvt_token token = known_by(data, length);
    const uint64_t set = kvt_block_equal(tokens->tags, tag(&token)) & tokens->unused;
    const uint64_t none = (uint64_t)1 << (KVT_BLOCK - 1);
    const struct kvt_token *said = &tokens->said[kvt_bits_lowest(set | none)];
    const bool other = ((said->first ^ token.first) | (said->text.length ^ length)) != 0;
    if ((set != 0) & (other | (length > sizeof token.first)))
        use_one_of(tokens, set, &token);
    else
        tokens->unused &= ~(set & -set);
}

/* Calls `visit` for each token. A block of the text at a time; where its spaces are, and its end,
 * tokens end. */
static inline void for_each(struct kvt_tokens *tokens, struct kvt_span text,
                            void (*visit)(struct kvt_tokens *, const char *, size_t))
{
    const char *token = text.data, *end = text.data + text.length;
    if (text.length == 0)
        return;
    for (const char *at = token; at <= end; at += KVT_BLOCK) {
        uint64_t spaces = kvt_block_equal(at, ' ');
        if (end - at < KVT_BLOCK)
            spaces = (spaces & (((uint64_t)1 << (end - at)) - 1)) | (uint64_t)1 << (end - at);
        for (; spaces; spaces &= spaces - 1) {
            const char *space = at + kvt_bits_lowest(spaces);
            visit(tokens, token, (size_t)(space - token));
            token = space + 1;
        }
    }
    kvt_pieces_done();
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

static void tokens_start(struct kvt_tokens *tokens, struct kvt_span prediction, size_t n_prediction,
                         size_t n_golds)
{
    tokens->prediction = prediction;
    tokens->is_short = n_prediction <= KVT_TOKENS_SHORT;
    tokens->n_said = tokens->common.count = tokens->places.count = tokens->ends.count = 0;
    if (tokens->is_short) {
        for_each(tokens, prediction, say_token);
        return;
    }
    clear_slots(tokens, n_golds);
    kvt_numbers_reserve(&tokens->places, n_golds);
    memset(&tokens->known, 0, sizeof tokens->known);
}

static uint64_t all_said(const struct kvt_tokens *tokens)
{
    return tokens->n_said == KVT_BLOCK ? ~(uint64_t)0 : ((uint64_t)1 << tokens->n_said) - 1;
}

static void tokens_add(struct kvt_tokens *tokens, struct kvt_span gold)
{
    if (tokens->is_short) {
        const uint64_t said = all_said(tokens);
        tokens->unused = said;
        for_each(tokens, gold, use_token);
        kvt_numbers_add(&tokens->common, kvt_bits_count(said & ~tokens->unused));
    } else {
        for_each(tokens, gold, add_token);
        kvt_numbers_add(&tokens->ends, (uint32_t)tokens->places.count);
    }
}

static void tokens_count(struct kvt_tokens *tokens)
{
    if (tokens->places.count > 0)
        for_each(tokens, tokens->prediction, count_token);
}
