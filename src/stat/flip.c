#include "stat/flip.h"

#include "core/memory.h"
#include "stat/distribution.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

/* Fair coins, 64 at a time. */
struct coins {
    struct kvt_random *random;
    uint64_t word;
    unsigned left;
};

static unsigned popcount(uint64_t word)
{
    unsigned count = 0;
    for (; word; word &= word - 1)
        count++;
    return count;
}

/* Heads among the next n coins. */
static long heads(struct coins *coins, long n)
{
    long count = 0;
    while (n > 0) {
        if (coins->left == 0) {
            coins->word = kvt_random_next(coins->random);
            coins->left = 64;
        }
        unsigned take = n < (long)coins->left ? (unsigned)n : coins->left;
        uint64_t mask = take == 64 ? UINT64_MAX : (UINT64_C(1) << take) - 1;
        count += popcount(coins->word & mask);
        coins->word = take == 64 ? 0 : coins->word >> take;
        coins->left -= take;
        n -= take;
    }
    return count;
}

static int descending_size(const void *a, const void *b)
{
    double x = fabs(*(const double *)a), y = fabs(*(const double *)b);
    return (x < y) - (x > y);
}

/* Sum over every sign pattern of n <= KVT_FLIP_EXACT sizes. */
static double exact_p(const double *sizes, size_t n, double observed, double tolerance)
{
    size_t patterns = (size_t)1 << n, reached = 0;
    for (size_t pattern = 0; pattern < patterns; pattern++) {
        double sum = 0;
        for (size_t i = 0; i < n; i++)
            sum += pattern >> i & 1 ? sizes[i] : -sizes[i];
        reached += sum >= observed - tolerance;
    }
    return (double)reached / (double)patterns;
}

/* Sizes sorted descending are flipped as groups of equal size: only the number of heads matters. */
static double sampled_p(const double *sizes, size_t n, double observed, double tolerance,
                        struct kvt_random *random, size_t flips)
{
    struct coins coins = {.random = random};
    size_t reached = 0;
    for (size_t f = 0; f < flips; f++) {
        double sum = 0;
        for (size_t i = 0; i < n;) {
            size_t end = i + 1;
            while (end < n && sizes[end] == sizes[i])
                end++;
            long m = (long)(end - i);
            sum += sizes[i] * (double)(2 * heads(&coins, m) - m);
            i = end;
        }
        reached += sum >= observed - tolerance;
    }
    return (1 + (double)reached) / ((double)flips + 1);
}

double kvt_flip_p(const double *d, size_t n, struct kvt_random *random, size_t flips)
{
    double *sizes = kvt_alloc_array(n, sizeof *sizes);
    size_t m = 0;
    for (size_t i = 0; i < n; i++)
        if (fabs(d[i]) > 1e-12)
            sizes[m++] = d[i];
    qsort(sizes, m, sizeof *sizes, descending_size);
    double observed = 0, total = 0, square = 0;
    long positive = 0;
    for (size_t i = 0; i < m; i++) {
        observed += sizes[i];
        positive += sizes[i] > 0;
        sizes[i] = fabs(sizes[i]);
        total += sizes[i];
        square += sizes[i] * sizes[i];
    }
    double p = 1, tolerance = 1e-9 * total;
    if (m > 0 && sizes[0] - sizes[m - 1] <= 1e-12)
        p = kvt_distribution_binomial_upper(positive, (long)m, 0.5);
    else if (m > 0 && m <= KVT_FLIP_EXACT)
        p = exact_p(sizes, m, observed, tolerance);
    else if (m > KVT_FLIP_NORMAL)
        p = kvt_distribution_normal_cdf(-observed / sqrt(square));
    else if (m > 0)
        p = sampled_p(sizes, m, observed, tolerance, random, flips);
    free(sizes);
    return p;
}

double kvt_flip_floor(const double *d, size_t n, size_t flips)
{
    double smallest = INFINITY, largest = 0;
    int m = 0;
    for (size_t i = 0; i < n; i++) {
        double size = fabs(d[i]);
        if (size > 1e-12) {
            smallest = fmin(smallest, size);
            largest = fmax(largest, size);
            m += m < 1000;
        }
    }
    bool exact = m <= KVT_FLIP_EXACT || largest - smallest <= 1e-12;
    return exact ? pow(0.5, m) : n > KVT_FLIP_NORMAL ? 0 : 1 / ((double)flips + 1);
}

static double window_statistic(long plus, long m)
{
    return m > 0 ? (double)plus / sqrt((double)m) : -INFINITY;
}

void kvt_flip_scan(const struct kvt_flip_counts *bins, size_t n_bins, struct kvt_random *random,
                   size_t flips, size_t *counts)
{
    size_t windows = n_bins * (n_bins + 1) / 2;
    double *observed = kvt_alloc_array(windows, sizeof *observed);
    double *roots = kvt_alloc_array(windows, sizeof *roots); /* sqrt of each window's m */
    long *flipped = kvt_alloc_array(n_bins, sizeof *flipped);
    size_t w = 0;
    for (size_t start = 0; start < n_bins; start++) {
        long difference = 0, m = 0;
        for (size_t end = start; end < n_bins; end++, w++) {
            difference += bins[end].n10 - bins[end].n01;
            m += bins[end].n10 + bins[end].n01;
            observed[w] = window_statistic(difference, m);
            roots[w] = m > 0 ? 1 / sqrt((double)m) : 0;
            counts[w] = 1;
        }
    }
    for (size_t f = 0; f < flips; f++) {
        struct coins coins = {.random = random}; /* a pattern starts with a fresh word */
        for (size_t b = 0; b < n_bins; b++) {
            long m = bins[b].n10 + bins[b].n01;
            flipped[b] = 2 * heads(&coins, m) - m;
        }
        double largest = -INFINITY;
        w = 0;
        for (size_t start = 0; start < n_bins; start++) {
            long sum = 0;
            for (size_t end = start; end < n_bins; end++, w++) {
                sum += flipped[end];
                if (roots[w] > 0)
                    largest = fmax(largest, (double)sum * roots[w]);
            }
        }
        for (w = 0; w < windows; w++)
            counts[w] += largest >= observed[w] - 1e-12 || roots[w] == 0;
    }
    free(observed);
    free(roots);
    free(flipped);
}
