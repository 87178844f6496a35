#include "stat/next.h"

#include "core/memory.h"

#include <math.h>
#include <stdlib.h>

static int by_entry(const void *a, const void *b)
{
    const struct kvt_next_glance *x = a, *y = b;
    if (x->bin != y->bin)
        return x->bin < y->bin ? -1 : 1;
    if (x->entry != y->entry)
        return x->entry < y->entry ? -1 : 1;
    return (x->score > y->score) - (x->score < y->score);
}

size_t kvt_next_count(struct kvt_next_glance *glances, size_t n, struct kvt_next_bin **bins)
{
    size_t n_bins = 0, capacity = 0;
    *bins = NULL;
    if (n)
        qsort(glances, n, sizeof *glances, by_entry);
    for (size_t i = 0, end; i < n; i = end) {
        struct kvt_next_bin bin = {.bin = glances[i].bin, .limit = SIZE_MAX};
        double sum = 0;
        for (end = i; end < n && glances[end].bin == bin.bin;) {
            size_t first = end, failed = 0;
            for (; end < n && glances[end].bin == bin.bin &&
                   glances[end].entry == glances[first].entry;
                 end++) {
                failed += glances[end].failed;
                sum += glances[end].score;
            }
            bin.n++;
            bin.mixed += failed > 0 && failed < end - first;
        }
        bin.accuracy = sum / (double)(end - i);
        kvt_grow(bins, &capacity, n_bins, sizeof **bins);
        (*bins)[n_bins++] = bin;
    }
    return n_bins;
}

static size_t size_of(const struct kvt_next_bin *bin)
{
    return bin->n + bin->add;
}

static bool is_full(const struct kvt_next_bin *bin)
{
    return size_of(bin) >= bin->limit;
}

static bool is_eligible(const struct kvt_next_bin *bin, double best)
{
    return bin->accuracy >= 0.8 * best;
}

static struct kvt_next_bin *smallest(struct kvt_next_bin *bins, size_t n)
{
    struct kvt_next_bin *found = NULL;
    for (size_t b = 0; b < n; b++)
        if (!is_full(&bins[b]) && (!found || size_of(&bins[b]) < size_of(found)))
            found = &bins[b];
    return found;
}

/* The first bin that has dropped, while it is small. */
static struct kvt_next_bin *top_up(struct kvt_next_bin *bins, size_t n, double best)
{
    for (size_t b = 0; b < n; b++)
        if (!is_eligible(&bins[b], best))
            return !is_full(&bins[b]) && size_of(&bins[b]) < KVT_NEXT_TOP_UP ? &bins[b] : NULL;
    return NULL;
}

static struct kvt_next_bin *most_mixed(struct kvt_next_bin *bins, size_t n, double best)
{
    struct kvt_next_bin *found = NULL;
    double most = -1;
    for (size_t b = 0; b < n; b++) {
        double share = ((double)bins[b].mixed + 0.5) / ((double)size_of(&bins[b]) + 1);
        if (!is_full(&bins[b]) && is_eligible(&bins[b], best) && share > most) {
            most = share;
            found = &bins[b];
        }
    }
    return found;
}

static struct kvt_next_bin *choose(struct kvt_next_bin *bins, size_t n)
{
    size_t batches = 0;
    double best = 0;
    for (size_t b = 0; b < n; b++) {
        size_t size = size_of(&bins[b]);
        if (size < KVT_NEXT_START && !is_full(&bins[b]))
            return &bins[b];
        batches += size > KVT_NEXT_START ? (size - KVT_NEXT_START) / KVT_NEXT_BATCH : 0;
        best = fmax(best, bins[b].accuracy);
    }
    struct kvt_next_bin *bin = NULL;
    if (batches % 3 == 1)
        bin = top_up(bins, n, best);
    if (!bin && batches % 3 != 2)
        bin = most_mixed(bins, n, best);
    return bin ? bin : smallest(bins, n);
}

size_t kvt_next_plan(struct kvt_next_bin *bins, size_t n_bins, size_t total)
{
    size_t placed = 0;
    for (size_t b = 0; b < n_bins; b++)
        bins[b].add = 0;
    while (placed < total) {
        struct kvt_next_bin *bin = choose(bins, n_bins);
        if (!bin)
            break;
        size_t batch = KVT_NEXT_BATCH;
        if (size_of(bin) < KVT_NEXT_START)
            batch = KVT_NEXT_START - size_of(bin);
        if (batch > total - placed)
            batch = total - placed;
        if (batch > bin->limit - size_of(bin)) /* a full bin is never chosen */
            batch = bin->limit - size_of(bin);
        bin->add += batch;
        placed += batch;
    }
    return placed;
}
