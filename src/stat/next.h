/*
 * stat/next.h: which bins to sample next. The rule looks only at quantities that do not change when
 * the budgets trade their names (entries whose failures disagree, scores pooled over budgets), so
 * the final test, done once at a total fixed beforehand, needs no correction for having looked.
 */
#ifndef KVT_STAT_NEXT_H
#define KVT_STAT_NEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct kvt_next_bin {
    int bin;
    size_t n;        /* entries so far */
    size_t limit;    /* entries there are, SIZE_MAX if unknown */
    size_t mixed;    /* entries on which some runs fail and some do not */
    double accuracy; /* mean score over all runs */
    size_t add;      /* out: entries to add */
};

/* One scored response as the rule sees it: which run it came from does not matter. */
struct kvt_next_glance {
    int bin;
    uint32_t entry;
    double score;
    bool failed;
};

/*
 * Sorts the glances and counts them per bin, ascending; limits are SIZE_MAX. Returns the number of
 * bins; *bins is released with free().
 */
size_t kvt_next_count(struct kvt_next_glance *glances, size_t n, struct kvt_next_bin **bins);

enum { KVT_NEXT_START = 5, KVT_NEXT_BATCH = 5, KVT_NEXT_TOP_UP = 20 };

/*
 * Hands out `total` entries in batches of KVT_NEXT_BATCH and returns how many were placed (fewer
 * only when all bins are full). A bin below KVT_NEXT_START comes first. Then, counting all batches
 * ever handed out: every third goes to the smallest bin; the one before it to the first bin with
 * accuracy below .8 of the best, while that has fewer than KVT_NEXT_TOP_UP; the others to the bin
 * with the largest (mixed + .5)/(n + 1) among those with accuracy of at least .8 of the best. Ties
 * go to the earlier bin.
 */
size_t kvt_next_plan(struct kvt_next_bin *bins, size_t n_bins, size_t total);

#endif
