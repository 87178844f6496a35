/*
 * token/pre.h: the pre-tokenizer of a tokenizer.json as a list of steps: a text in, the pieces that
 * are encoded one by one out.
 */
#ifndef KVT_TOKEN_PRE_H
#define KVT_TOKEN_PRE_H

#include "core/buffer.h"
#include "core/error.h"
#include "token/pattern.h"
#include "token/split.h"

#include <stdbool.h>
#include <stddef.h>

enum kvt_pre_kind {
    KVT_PRE_FAMILY,  /* a hand-written split that leaves nothing out */
    KVT_PRE_PATTERN, /* matches of a pattern, by `behavior` */
    KVT_PRE_BYTES,   /* a space before a piece that has none; bytes take their printable spelling */
    KVT_PRE_METASPACE, /* spaces become U+2581, one goes before the piece */
    KVT_PRE_DIGITS,    /* numbers apart, each or in runs */
    KVT_PRE_PUNCTUATION,
};

enum kvt_behavior {
    KVT_REMOVED,
    KVT_ISOLATED,
    KVT_MERGED_WITH_PREVIOUS,
    KVT_MERGED_WITH_NEXT,
    KVT_CONTIGUOUS,
};

enum kvt_prepend {
    KVT_PREPEND_NEVER,
    KVT_PREPEND_ALWAYS,
    KVT_PREPEND_FIRST, /* only where the whole text starts */
};

struct kvt_pre_step {
    enum kvt_pre_kind kind;
    kvt_split_function split;   /* FAMILY */
    struct kvt_regex *pattern;  /* PATTERN */
    enum kvt_behavior behavior; /* PATTERN, PUNCTUATION */
    bool invert;                /* PATTERN */
    bool prefix_space;          /* BYTES */
    bool plain;                 /* BYTES: only the space before the piece; bytes stay as they are */
    enum kvt_prepend prepend;   /* METASPACE */
    bool cut;                   /* METASPACE: before each U+2581 */
    bool single;                /* DIGITS: each number is a piece */
};

struct kvt_pre {
    struct kvt_pre_step *steps;
    size_t count, capacity;
};

/* Appends a copy of the step and takes its pattern. */
void kvt_pre_add(struct kvt_pre *pre, const struct kvt_pre_step *step);
void kvt_pre_free(struct kvt_pre *pre);

struct kvt_piece {
    size_t start, end;
    bool first; /* it starts where the whole text starts */
};

/* Pieces under way; zero-initialise, buffers are reused. */
struct kvt_pieces {
    struct kvt_buffer text, spare;
    struct kvt_piece *pieces, *next;
    size_t count, capacity, n_next, next_capacity;
    struct kvt_regex_search search;
    bool spelled; /* bytes have their printable spelling */
};

/*
 * Runs all steps over a text that is not empty; `first` tells whether it starts the whole text.
 * Returns 0, or -1 and *error. Afterwards pieces[i] lie in `text`.
 */
int kvt_pre_run(const struct kvt_pre *pre, const char *text, size_t length, bool first,
                struct kvt_pieces *pieces, struct kvt_error *error);
void kvt_pieces_free(struct kvt_pieces *pieces);

#endif
