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

/*
 * What is made once from a vocabulary, the first time a long piece is met: a trie of its keys. The
 * node of a key is the token's id; the other nodes have numbers from the vocabulary's size on, the
 * first of them is the root. A step is a node (24 bits) and above it 8 bits that say by which bytes
 * it may go on; an edge is node << 40 | byte << 32 | step, 0 where there is none.
 */
struct kvt_long_tables {
    uint64_t *edges; /* open addressing */
    size_t n_edges;
    unsigned shift; /* of a hash, to a place in the table */
    int32_t size;   /* of the vocabulary */
    int32_t n_nodes;
    uint32_t *second;   /* by the first two bytes: the step behind them, all ones where none is */
    int32_t first[256]; /* the token of a single byte, or -1 */
    int32_t *shorter;   /* by token: the longest other token that it starts with, or -1 */
};

/* The tables are without edges when the vocabulary is too large for them. */
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
    uint64_t *pairs; /* pairs tried before, direct mapped; 0: none; the lowest bit: they fit */
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
