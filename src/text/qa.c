/* Metrics of normalised texts (LongBench's qa_f1_score) and RULER's substring match. */
#define _GNU_SOURCE /* memmem: two-way search, linear in the worst case */
#include "core/bits.h"
#include "text/metrics.h"

#include <string.h>

const char *kvt_span_find(struct kvt_span text, struct kvt_span needle)
{
    if (needle.length == 0)
        return text.data;
    if (text.length < needle.length)
        return NULL;
    return memmem(text.data, text.length, needle.data, needle.length);
}

/* The text without white space at its ends (ASCII, as the answers of single letters are). */
static struct kvt_span stripped(struct kvt_span text)
{
    while (text.length && strchr(" \t\r\n", text.data[0]))
        text.data++, text.length--;
    while (text.length && strchr(" \t\r\n", text.data[text.length - 1]))
        text.length--;
    return text;
}

static bool same(struct kvt_span a, struct kvt_span b)
{
    return a.length == b.length && memcmp(a.data, b.data, a.length) == 0;
}

int kvt_metric_em(struct kvt_scratch *scratch, const struct kvt_comparison *pair, double *value,
                  struct kvt_error *error)
{
    (void)scratch, (void)error;
    *value = same(pair->gold_norm, pair->prediction_norm);
    /* "A" normalises to nothing, an article as it is; then the texts themselves must be the same.
     */
    if (pair->gold_norm.length == 0 && *value > 0) {
        struct kvt_span prediction = stripped(pair->prediction);
        *value = prediction.length > 0 && same(prediction, stripped(pair->gold));
    }
    return 0;
}

/* Bytes up to the first space; eight are looked at together, as most tokens are not longer. */
static size_t token_length(const char *text, size_t length)
{
    size_t at = 0;
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    const uint64_t ones = 0x0101010101010101u, tops = 0x8080808080808080u;
    for (uint64_t v; length - at >= sizeof v; at += sizeof v) {
        memcpy(&v, text + at, sizeof v);
        v ^= ones * ' ';
        uint64_t zeros = (v - ones) & ~v & tops; /* the lowest bit set is the first zero byte's */
        if (zeros)
            return at + kvt_bits_lowest(zeros) / 8;
    }
#endif
    const char *space = memchr(text + at, ' ', length - at);
    return space ? (size_t)(space - text) : length;
}

/* Cuts the next token off a normalised text. */
static struct kvt_span next_token(struct kvt_span *text)
{
    struct kvt_span token = {text->data, token_length(text->data, text->length)};
    size_t used = token.length + (token.length < text->length);
    text->data += used;
    text->length -= used;
    return token;
}

/* A set of bits that knows most tokens of the prediction not to be a gold's, by their length and
 * first bytes; they need not be looked up. */
enum { SIEVE_BITS = 12, SIEVE_WORDS = 1 << (SIEVE_BITS - 6) };

static unsigned sieve_place(struct kvt_span token)
{
    unsigned char first = (unsigned char)token.data[0];
    unsigned char second = (unsigned char)token.data[token.length > 1];
    uint64_t key = (uint64_t)first << 40 | (uint64_t)second << 32 | (token.length & 0xffff);
    return (unsigned)(key * 0x9e3779b97f4a7c15u >> (64 - SIEVE_BITS));
}

static void number_golds(struct kvt_scratch *scratch, size_t n_golds, uint64_t *sieve)
{
    kvt_words_clear(&scratch->tokens);
    scratch->gold_tokens.count = 0;
    for (size_t i = 0; i < n_golds; i++) {
        struct kvt_gold *gold = &scratch->golds[i];
        gold->first_token = scratch->gold_tokens.count;
        struct kvt_span rest = {scratch->gold_norm.data + gold->start, gold->length};
        while (rest.length > 0) {
            struct kvt_span token = next_token(&rest);
            unsigned place = sieve_place(token);
            sieve[place / 64] |= (uint64_t)1 << place % 64;
            kvt_numbers_add(&scratch->gold_tokens,
                            kvt_words_add(&scratch->tokens, token.data, token.length));
        }
    }
}

static void count_token(struct kvt_scratch *scratch, struct kvt_span token, const uint64_t *sieve)
{
    unsigned place = sieve_place(token);
    if (!(sieve[place / 64] >> place % 64 & 1))
        return;
    uint32_t id = kvt_words_find(&scratch->tokens, token.data, token.length);
    if (id != KVT_WORD_UNKNOWN)
        scratch->token_counts.data[id]++;
}

/* A block of the text at a time; where its spaces are, tokens end. */
static void count_in_prediction(struct kvt_scratch *scratch, struct kvt_span text,
                                const uint64_t *sieve)
{
    const char *token = text.data, *end = text.data + text.length, *at = token;
    for (; end - at >= KVT_BLOCK; at += KVT_BLOCK)
        for (uint64_t spaces = kvt_block_equal(at, ' '); spaces; spaces &= spaces - 1) {
            const char *space = at + kvt_bits_lowest(spaces);
            count_token(scratch, (struct kvt_span){token, (size_t)(space - token)}, sieve);
            token = space + 1;
        }
    for (struct kvt_span rest = {token, (size_t)(end - token)}; rest.length > 0;)
        count_token(scratch, next_token(&rest), sieve);
}

/* How many tokens the gold and the prediction have in common, each as often as it stands in both.
 */
static size_t common_tokens(struct kvt_scratch *scratch, const struct kvt_gold *gold)
{
    const uint32_t *ids = scratch->gold_tokens.data + gold->first_token;
    const uint32_t *counts = scratch->token_counts.data;
    uint32_t *used = scratch->token_used.data;
    size_t common = 0;
    for (size_t i = 0; i < gold->n_tokens; i++)
        if (used[ids[i]] < counts[ids[i]]) {
            used[ids[i]]++;
            common++;
        }
    for (size_t i = 0; i < gold->n_tokens; i++)
        used[ids[i]] = 0;
    return common;
}

void kvt_count_tokens(struct kvt_scratch *scratch, const struct kvt_comparison *pair,
                      size_t n_golds)
{
    uint64_t sieve[SIEVE_WORDS] = {0};
    number_golds(scratch, n_golds, sieve);
    kvt_numbers_zero(&scratch->token_counts, scratch->tokens.count);
    if (scratch->token_used.count < scratch->tokens.count)
        kvt_numbers_zero(&scratch->token_used, scratch->tokens.count);
    count_in_prediction(scratch, pair->prediction_norm, sieve);
    for (size_t i = 0; i < n_golds; i++)
        scratch->golds[i].common = common_tokens(scratch, &scratch->golds[i]);
}

int kvt_metric_f1(struct kvt_scratch *scratch, const struct kvt_comparison *pair, double *value,
                  struct kvt_error *error)
{
    (void)scratch, (void)error;
    size_t common = pair->common_tokens;
    *value = 0;
    if (common > 0) {
        double precision = (double)common / (double)pair->prediction_tokens;
        double recall = (double)common / (double)pair->gold_tokens;
        *value = 2 * precision * recall / (precision + recall);
    }
    return 0;
}

void kvt_explain_f1(struct kvt_scratch *scratch, const struct kvt_comparison *pair,
                    struct kvt_writer *writer)
{
    (void)scratch;
    kvt_member_integer(writer, "common_tokens", (long long)pair->common_tokens);
    kvt_member_integer(writer, "pred_tokens", (long long)pair->prediction_tokens);
    kvt_member_integer(writer, "gold_tokens", (long long)pair->gold_tokens);
}

int kvt_metric_contains(struct kvt_scratch *scratch, const struct kvt_comparison *pair,
                        double *value, struct kvt_error *error)
{
    (void)scratch, (void)error;
    struct kvt_span text = pair->prediction_norm, gold = pair->gold_norm;
    const char *end = text.data + text.length;
    *value = 0;
    for (const char *at; gold.length > 0 && (at = kvt_span_find(text, gold));) {
        const char *after = at + gold.length;
        if ((at == pair->prediction_norm.data || at[-1] == ' ') &&
            (after == end || *after == ' ')) {
            *value = 1;
            break;
        }
        /* The next place where the gold can stand whole begins after a space. */
        const char *space = memchr(at, ' ', (size_t)(end - at));
        if (!space)
            break;
        text = (struct kvt_span){space + 1, (size_t)(end - space - 1)};
    }
    return 0;
}

int kvt_metric_string_match(struct kvt_scratch *scratch, const struct kvt_comparison *pair,
                            double *value, struct kvt_error *error)
{
    (void)error;
    struct kvt_buffer *lower = &scratch->lower;
    kvt_buffer_clear(lower);
    kvt_unicode_lower(lower, pair->prediction.data, pair->prediction.length);
    size_t length = lower->length;
    kvt_unicode_lower(lower, pair->gold.data, pair->gold.length);
    struct kvt_span text = {lower->data, length};
    struct kvt_span gold = {lower->data + length, lower->length - length};
    *value = kvt_span_find(text, gold) != NULL;
    return 0;
}
