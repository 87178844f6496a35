/*
 * dataset/bins.h: length bins. Edges are quantiles of all lengths (Hyndman & Fan 1996, type 7, the
 * default of R and NumPy); bin k holds the lengths in (edge k, edge k+1], the first one its lower
 * edge too. Equal lengths are therefore never parted. Bins that ties leave empty are dropped and
 * the rest renumbered.
 */
#ifndef KVT_DATASET_BINS_H
#define KVT_DATASET_BINS_H

#include <stddef.h>
#include <stdint.h>

struct kvt_length_bin {
    double edge_low, edge_high;
    int64_t token_min, token_max; /* of its examples */
    size_t n_examples;
    size_t asked; /* its number before empty bins were dropped */
};

struct kvt_length_bins {
    struct kvt_length_bin *bins;
    size_t count;
};

/* Type-7 quantile k / parts of n sorted values, n > 0, k <= parts; the place is exact. */
double kvt_bins_quantile(const int64_t *sorted, size_t n, size_t k, size_t parts);

/* Makes the bins of n lengths, n > 0, and sets bin_of[i] of each. n_bins > 0. */
void kvt_bins_make(struct kvt_length_bins *bins, const int64_t *lengths, size_t n, size_t n_bins,
                   size_t *bin_of);
void kvt_bins_free(struct kvt_length_bins *bins);

#endif
