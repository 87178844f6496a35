/*
 * text/lcs.h: longest common subsequences of sequences of symbols 0..n_symbols-1, one bit per cell:
 * each row of the table is one vector of the columns where it grows by one (Hyyro 2004), so a pair
 * costs x_count * ceil(y_count / 64) steps and two equal texts of 10,000 words some milliseconds.
 */
#ifndef KVT_TEXT_LCS_H
#define KVT_TEXT_LCS_H

#include "text/metric.h"

struct kvt_sequence {
    const uint32_t *data;
    size_t count;
};

/*
 * Length of the longest common subsequence. Here and below scratch->index holds y
 * (kvt_index_build), and all symbols are below n_symbols of that call.
 */
size_t kvt_lcs_length(struct kvt_scratch *scratch, struct kvt_sequence x, struct kvt_sequence y);

/*
 * Sets marks[symbol] = 1 for the symbols of one longest common subsequence: of all of them the one
 * that the recursion in rouge 1.0.1 finds: from the end, both back on equal symbols, x back if
 * that is strictly better, else y back. Memory: rows are kept in blocks and computed again from
 * checkpoints, so that it grows with y_count * sqrt(x_count) bits at worst.
 */
void kvt_lcs_mark(struct kvt_scratch *scratch, struct kvt_sequence x, struct kvt_sequence y,
                  uint32_t *marks);

#endif
