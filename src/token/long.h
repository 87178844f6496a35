/*
 * token/long.h: byte-pair encoding of long pieces in linear time.
 *
 * A row of tokens is the encoding of its text exactly when each token is the encoding of its own
 * text and each pair of neighbours is the encoding of theirs: merges are taken by rank and place,
 * and a merge across a boundary depends on nothing beyond its two neighbours. So the encoding is
 * found from left to right: the longest token that fits its left neighbour, and one step back when
 * none does. Every place is given up at most once. The idea is that of the rust-gems `bpe` crate
 * (GitHub, 2024); here it does not assume that ranks grow with ids, nor that every token can be
 * reached by merging.
 */
#ifndef KVT_TOKEN_LONG_H
#define KVT_TOKEN_LONG_H

#include "token/merge.h"
#include "token/vocabulary.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct kvt_edge {
    uint64_t edge; /* node << 8 | byte; all ones: empty */
    int32_t child;
};

/* What is made once from a vocabulary, the first time a long piece is met. */
struct kvt_long_tables {
    struct kvt_edge *edges; /* open addressing */
    size_t n_slots;
    int32_t *second;    /* by the first two bytes: the node behind them, or -1 */
    int32_t first[256]; /* the token of a single byte, or -1 */
    int32_t *tokens;    /* by node: the token that ends there, or -1 */
    size_t n_nodes;
    int32_t *shorter; /* by token: the longest other token that it starts with, or -1 */
};

struct kvt_long_tables *kvt_long_tables_make(const struct kvt_vocabulary *vocabulary);
void kvt_long_tables_free(struct kvt_long_tables *tables);

/* Splits a key into its first symbols, as encode.c does it; false when a part of it has none. */
typedef bool (*kvt_symbols_function)(const void *context, const char *key, size_t length,
                                     struct kvt_merge_work *work);

struct kvt_derivation {
    uint8_t state;  /* 0 not looked at, 1 a first symbol, 2 made by merging, 3 cannot be reached */
    bool ascending; /* every merge in it has a higher rank than those that made its sides */
    uint32_t rank;  /* of the last merge */
    int32_t left, right;
};

/* Working memory of one encoder. Zero-initialise it but for the first five members. */
struct kvt_long_work {
    const struct kvt_long_tables *tables;
    const struct kvt_vocabulary *vocabulary;
    const struct kvt_merges *merges;
    kvt_symbols_function symbols;
    const void *context;
    struct kvt_derivation *derivations; /* by token */
    uint64_t *pairs;                    /* pairs tried before: direct mapped; low bit: they fit */
    struct kvt_merge_work work;
    int32_t *row; /* tokens found so far */
    size_t n_row, row_capacity;
    uint8_t *given_up; /* by place in the piece */
    size_t given_up_capacity;
};

/*
 * Encodes a piece whose every symbol is in the vocabulary; the result is work->row. Returns false
 * when the tables do not fit (a text that no row of reachable tokens covers), and the caller merges
 * it the plain way.
 */
bool kvt_long_encode(struct kvt_long_work *work, const char *text, size_t length);
void kvt_long_work_free(struct kvt_long_work *work);

#endif
