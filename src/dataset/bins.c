#include "dataset/bins.h"

#include "core/memory.h"

#include <stdlib.h>
#include <string.h>

double kvt_bins_quantile(const int64_t *sorted, size_t n, size_t k, size_t parts)
{
    /* k (n - 1) / parts without overflow or rounding, for k <= parts */
    size_t quotient = (n - 1) / parts, remainder = (n - 1) % parts;
    size_t below = k * quotient + k * remainder / parts;
    double fraction = (double)(k * remainder % parts) / (double)parts;
    if (below + 1 >= n)
        return (double)sorted[n - 1];
    double low = (double)sorted[below], high = (double)sorted[below + 1];
    return low + fraction * (high - low);
}

static int ascending(const void *left, const void *right)
{
    int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
    return (a > b) - (a < b);
}

static size_t bin_of_length(const struct kvt_length_bin *bins, size_t count, int64_t length)
{
    size_t bin = 0;
    while (bin + 1 < count && (double)length > bins[bin].edge_high)
        bin++;
    return bin;
}

static void add_example(struct kvt_length_bin *bin, int64_t length)
{
    if (bin->n_examples == 0 || length < bin->token_min)
        bin->token_min = length;
    if (bin->n_examples == 0 || length > bin->token_max)
        bin->token_max = length;
    bin->n_examples++;
}

void kvt_bins_make(struct kvt_length_bins *bins, const int64_t *lengths, size_t n, size_t n_bins,
                   size_t *bin_of)
{
    int64_t *sorted = kvt_alloc_array(n, sizeof *sorted);
    memcpy(sorted, lengths, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, ascending);
    struct kvt_length_bin *all = kvt_alloc_zero(n_bins, sizeof *all);
    for (size_t k = 0; k < n_bins; k++) {
        all[k].asked = k;
        all[k].edge_low = kvt_bins_quantile(sorted, n, k, n_bins);
        all[k].edge_high = kvt_bins_quantile(sorted, n, k + 1, n_bins);
    }
    for (size_t i = 0; i < n; i++) {
        bin_of[i] = bin_of_length(all, n_bins, lengths[i]);
        add_example(&all[bin_of[i]], lengths[i]);
    }
    size_t *renumbered = kvt_alloc_array(n_bins, sizeof *renumbered);
    size_t count = 0;
    for (size_t k = 0; k < n_bins; k++) {
        renumbered[k] = count;
        if (all[k].n_examples)
            all[count++] = all[k];
    }
    for (size_t i = 0; i < n; i++)
        bin_of[i] = renumbered[bin_of[i]];
    free(renumbered);
    free(sorted);
    *bins = (struct kvt_length_bins){all, count};
}

void kvt_bins_free(struct kvt_length_bins *bins)
{
    free(bins->bins);
    *bins = (struct kvt_length_bins){0};
}
