/*
 * stat/sentence.h: a verdict as one plain sentence. Points are hundredths of the score; bins count
 * from 1.
 */
#ifndef KVT_STAT_SENTENCE_H
#define KVT_STAT_SENTENCE_H

#include "core/buffer.h"
#include "stat/verdict.h"

#include <stdbool.h>

struct kvt_sentence {
    const char *subject; /* "budget 0.2 snapkv": who is judged */
    const struct kvt_procedure *procedure;
    const struct kvt_cells *cells;
    const struct kvt_verdict *verdict;
    bool own_lengths; /* lengths are those the rows came with, not tokens */
};

/* Appends the sentence to out. */
void kvt_sentence_write(struct kvt_buffer *out, const struct kvt_sentence *sentence);

#endif
