/*
 * dataset/examples.h: all rows of a run: kept as the lines they came in, counted in parallel, put
 * in bins and into the frozen order of each bin.
 */
#ifndef KVT_DATASET_EXAMPLES_H
#define KVT_DATASET_EXAMPLES_H

#include "core/error.h"
#include "core/sha256.h"
#include "dataset/bins.h"
#include "dataset/prompt.h"
#include "stream/reader.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct kvt_example {
    char *line; /* as read; the only copy of the row's text */
    size_t length;
    const char *source;
    size_t number;
    char *id, *task; /* NULL until counted, and when the row is bad */
    const struct kvt_template *template;
    int64_t token_len;
    bool overlong;
    struct kvt_error *error; /* why the row is bad, or NULL */
    unsigned char order[32]; /* place in the frozen order: SHA-256 of seed and id */
    size_t bin_idx, rank;
    bool selected;
    char prompt_sha256[KVT_SHA256_HEX]; /* "" until the entry is written */
};

struct kvt_examples {
    struct kvt_example *items;
    size_t count, capacity;
};

/* Copies the line; `source` of the line is borrowed. */
void kvt_examples_add(struct kvt_examples *examples, const struct kvt_line *line);
void kvt_examples_free(struct kvt_examples *examples);

/*
 * Parses every row and counts its prompt, in `n_threads` threads; the result does not depend on how
 * many. Bad rows get an error each.
 */
void kvt_examples_count(struct kvt_examples *examples, const struct kvt_prompter *prompter,
                        long n_threads);

/* Gives the row at `index` an error if an earlier row has its id; rows are checked in any order. */
void kvt_examples_find_repeated(struct kvt_examples *examples);

/* Removes the rows `drop` says yes to. */
void kvt_examples_remove(struct kvt_examples *examples, bool (*drop)(const struct kvt_example *));

/*
 * Sorts by bin and then by the order of (seed, id), which no other row can change, and sets bin_idx
 * and rank. Needs at least one row.
 */
void kvt_examples_bin(struct kvt_examples *examples, size_t n_bins, int64_t seed,
                      struct kvt_length_bins *bins);

/* The task of all rows, or NULL when they differ. Needs at least one row; borrowed. */
const char *kvt_examples_task(const struct kvt_examples *examples);

/*
 * How many entries have the prompt of an earlier one: with the same settings they are the same
 * request. `first` and `second` become the first two of one prompt (of the one that is repeated
 * first, in the order of the entries), or stay as they are when the count is 0.
 */
size_t kvt_examples_same_prompt(const struct kvt_examples *examples,
                                const struct kvt_example **first,
                                const struct kvt_example **second);

#endif
