#include "core/memory.h"
#include "stat/quantile.h"
#include "stat/verdict.h"

#include <math.h>
#include <stdlib.h>

static void standardise(double *values, size_t n)
{
    double mean = 0, square = 0, count = 0;
    for (size_t i = 0; i < n; i++)
        if (!isnan(values[i])) {
            mean += values[i];
            count += 1;
        }
    mean /= count;
    for (size_t i = 0; i < n; i++)
        if (!isnan(values[i]))
            square += (values[i] - mean) * (values[i] - mean);
    double sd = sqrt(square / count);
    for (size_t i = 0; i < n; i++)
        values[i] = sd > 1e-12 ? (values[i] - mean) / sd : isnan(values[i]) ? NAN : 0;
}

void kvt_zscore_make(const struct kvt_cells *cells, const struct kvt_pairs *pairs, double collapse,
                     struct kvt_zscore *z)
{
    size_t n = cells->count, from = 0;
    *z = (struct kvt_zscore){kvt_alloc_array(n, sizeof(double)), kvt_alloc_array(n, sizeof(double)),
                             kvt_alloc_array(n, sizeof(double)), -1, -1};
    for (size_t b = 0; b < n; b++) {
        const struct kvt_cell *cell = &cells->items[b];
        double *scores = kvt_alloc_array(cell->n_pairs, sizeof *scores);
        for (size_t i = 0; i < cell->n_pairs; i++)
            scores[i] = pairs->items[from + i].sk;
        from += cell->n_pairs;
        z->std[b] = kvt_quantile_sd(scores, cell->n_pairs);
        z->fail[b] = cell->n_pairs ? cell->run_fail : NAN;
        z->drop[b] = cell->n_pairs ? -cell->delta_mean : NAN;
        free(scores);
    }
    standardise(z->std, n);
    standardise(z->fail, n);
    standardise(z->drop, n);
    for (size_t b = 0; b < n; b++) {
        bool high = z->std[b] >= 1 || z->fail[b] >= 1;
        bool standing = cells->items[b].retention >= collapse;
        if (!high || !standing) {
            if (z->zone_start >= 0)
                break;
            continue;
        }
        z->zone_start = z->zone_start < 0 ? (int)b : z->zone_start;
        z->zone_end = (int)b;
    }
}

void kvt_zscore_free(struct kvt_zscore *z)
{
    free(z->std);
    free(z->fail);
    free(z->drop);
}
