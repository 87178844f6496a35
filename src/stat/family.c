#include "stat/family.h"

#include "core/memory.h"
#include "stat/distribution.h"

#include <math.h>
#include <stdlib.h>

enum { TABLE_LIMIT = 1000 }; /* 2^-1000 is still a normal double */

struct indexed {
    double p;
    size_t index;
};

static int by_p(const void *a, const void *b)
{
    const struct indexed *x = a, *y = b;
    if (x->p != y->p)
        return x->p < y->p ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

double kvt_family_binomial_p(struct kvt_family_cell cell)
{
    if (cell.m < 0)
        return cell.p;
    return cell.m > 0 ? kvt_distribution_binomial_upper(cell.x, cell.m, cell.chance) : 1;
}

/* tails[k] = P(Bin(m, chance) >= k), summed from the small end; NULL when m is too large for a
 * table. */
static double *tail_table(long m, double chance)
{
    if (m < 0 || m > TABLE_LIMIT || pow(fmin(chance, 1 - chance), (double)m) < 1e-290)
        return NULL;
    double *tails = kvt_alloc_array((size_t)m + 1, sizeof *tails);
    double mass = pow(chance, (double)m), sum = 0, odds = (1 - chance) / chance;
    for (long k = m; k >= 0; k--) {
        sum += mass;
        tails[k] = k ? sum : 1;
        mass *= odds * (double)k / (double)(m - k + 1);
    }
    return tails;
}

/* The largest attainable tail probability <= p of a cell, 0 if none. */
static double attainable(const struct kvt_family_cell *cell, const double *tails, double p)
{
    double limit = p * (1 + 1e-9);
    long m = cell->m;
    if (m < 0)
        return limit < cell->floor ? 0 : p;
    long low = 0, high = m + 1; /* tail(low) > limit or low = 0; tail(high) = 0 */
    if (limit >= 1)
        return 1;
    while (high - low > 1) {
        long middle = low + (high - low) / 2;
        double tail =
            tails ? tails[middle] : kvt_distribution_binomial_upper(middle, m, cell->chance);
        if (tail <= limit)
            high = middle;
        else
            low = middle;
    }
    if (high > m)
        return 0;
    return tails ? tails[high] : kvt_distribution_binomial_upper(high, m, cell->chance);
}

void kvt_family_step_down(const struct kvt_family_cell *cells, size_t n, double *raw,
                          double *adjusted)
{
    struct indexed *order = kvt_alloc_array(n, sizeof *order);
    double **tails = kvt_alloc_array(n, sizeof *tails);
    size_t size = 0;
    for (size_t i = 0; i < n; i++) {
        double p = kvt_family_binomial_p(cells[i]);
        tails[i] = tail_table(cells[i].m, cells[i].chance);
        adjusted[i] = p;
        if (raw)
            raw[i] = p;
        if (!isnan(p))
            order[size++] = (struct indexed){p, i};
    }
    qsort(order, size, sizeof *order, by_p);
    double running = 0;
    for (size_t j = 0; j < size; j++) {
        double sum = 0;
        for (size_t i = j; i < size && sum < 1; i++)
            sum += attainable(&cells[order[i].index], tails[order[i].index], order[j].p);
        running = fmax(running, fmin(1, sum));
        adjusted[order[j].index] = running;
    }
    for (size_t i = 0; i < n; i++)
        free(tails[i]);
    free(tails);
    free(order);
}

void kvt_family_holm(const double *p, size_t n, double *adjusted)
{
    struct indexed *order = kvt_alloc_array(n, sizeof *order);
    size_t size = 0;
    for (size_t i = 0; i < n; i++) {
        if (isnan(p[i]))
            adjusted[i] = p[i];
        else
            order[size++] = (struct indexed){p[i], i};
    }
    qsort(order, size, sizeof *order, by_p);
    double running = 0;
    for (size_t j = 0; j < size; j++) {
        running = fmax(running, fmin(1, order[j].p * (double)(size - j)));
        adjusted[order[j].index] = running;
    }
    free(order);
}
