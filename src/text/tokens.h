/*
 * text/tokens.h: the tokens of a row's golds, counted in its prediction. A table of slots that is
 * cleared in constant time and keeps its memory from row to row; the tokens' bytes are borrowed.
 */
#ifndef KVT_TEXT_TOKENS_H
#define KVT_TEXT_TOKENS_H

#include "core/bits.h"
#include "stream/string.h" /* struct kvt_span */
#include "text/words.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One different token. */
struct kvt_token_slot {
    uint64_t first; /* its first eight bytes, zeros behind a shorter one */
    const char *data;
    size_t length;
    uint32_t epoch; /* slots of an older epoch are free */
    uint32_t count; /* how often it stands in the prediction, */
    uint32_t used;  /* and how often a gold has used it up (0 between uses) */
};

/* A set of tokens, of which it may know too many: bits at the places that a hash gives them. */
enum { KVT_TOKEN_SIEVE_BITS = 11 };
struct kvt_token_sieve {
    uint64_t words[1 << (KVT_TOKEN_SIEVE_BITS - 6)];
};

/* A token with what it is known by. */
struct kvt_token {
    struct kvt_span text;
    uint64_t first; /* as in its slot: no byte of a text is 0 */
    uint64_t mixed; /* a hash of it */
};

/* A prediction of up to so many tokens is short. */
enum { KVT_TOKENS_SHORT = KVT_BLOCK };

/* Zero-initialise; release with kvt_tokens_free. */
struct kvt_tokens {
    struct kvt_span prediction;
    bool is_short;

    /* Of a short prediction: its tokens in order, and a byte of each one's hash. */
    char tags[KVT_TOKENS_SHORT];
    struct kvt_token said[KVT_TOKENS_SHORT];
    size_t n_said;
    uint64_t unused;           /* those that no token of the gold has used up */
    struct kvt_numbers common; /* [gold] */

    /* Of a long one: the golds' tokens. */
    struct kvt_token_slot *slots;
    unsigned bits; /* 1 << bits slots, if there are any */
    uint32_t epoch;
    struct kvt_token_sieve known; /* what has a slot */
    struct kvt_numbers places;    /* of the golds' tokens, one gold after the other: slots */
    struct kvt_numbers ends;      /* [gold]: where its places end */
};

/*
 * All texts here are normalised (text/normalize.h), with a block more behind them that can be read.
 * kvt_tokens_start: a new row, with its prediction, of n_prediction tokens, and golds that have
 * n_golds tokens together at most. kvt_tokens_add: the next gold. kvt_tokens_count: after all
 * golds. kvt_tokens_common: how many tokens gold number `gold` (from 0) and the prediction have in
 * common, each as often as both have it.
 */
void kvt_tokens_start(struct kvt_tokens *tokens, struct kvt_span prediction, size_t n_prediction,
                      size_t n_golds);
void kvt_tokens_add(struct kvt_tokens *tokens, struct kvt_span gold);
void kvt_tokens_count(struct kvt_tokens *tokens);
size_t kvt_tokens_common(struct kvt_tokens *tokens, size_t gold);
void kvt_tokens_free(struct kvt_tokens *tokens);

#endif
