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
    word -= word >> 1 & UINT64_C(0x5555555555555555);
    word = (word & UINT64_C(0x3333333333333333)) + (word >> 2 & UINT64_C(0x3333333333333333));
    word = (word + (word >> 4)) & UINT64_C(0x0f0f0f0f0f0f0f0f);
    return (unsigned)(word * UINT64_C(0x0101010101010101) >> 56);
}

/* The next n < 64 coins, the first in the lowest bit. */
static uint64_t toss(struct coins *coins, unsigned n)
{
    uint64_t bits = coins->word;
    if (n > coins->left) {
        uint64_t word = kvt_random_next(coins->random);
        unsigned used = n - coins->left;
        bits |= word << coins->left;
        coins->word = word >> used;
        coins->left = 64 - used;
    } else {
        coins->word >>= n;
        coins->left -= n;
    }
    return bits & ((UINT64_C(1) << n) - 1);
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

enum { CHUNK = 8, PATTERNS = 1 << CHUNK };

/*
 * table[chunk * PATTERNS + pattern] is the sum of the chunk's sizes, with the sign of each given by
 * a bit of the pattern: one addition then stands for CHUNK coins.
 */
static double *signed_sums(const double *sizes, size_t n, size_t chunks)
{
    double *table = kvt_alloc_array(chunks * PATTERNS, sizeof *table);
    for (size_t c = 0; c < chunks; c++) {
        const double *size = sizes + c * CHUNK;
        double *sums = table + c * PATTERNS;
        size_t width = n - c * CHUNK < CHUNK ? n - c * CHUNK : CHUNK;
        sums[0] = 0;
        for (size_t i = 0; i < width; i++)
            sums[0] -= size[i];
        for (size_t i = 0; i < width; i++)
            for (size_t pattern = 0; pattern < (size_t)1 << i; pattern++)
                sums[pattern | (size_t)1 << i] = sums[pattern] + 2 * size[i];
    }
    return table;
}

/* Sum over every sign pattern of n <= KVT_FLIP_EXACT <= 2 * CHUNK sizes. */
static double exact_p(const double *sizes, size_t n, double chance, double observed,
                      double tolerance)
{
    size_t patterns = (size_t)1 << n;
    double reached = 0, weights[KVT_FLIP_EXACT + 1]; /* of a pattern, by its number of bits */
    for (size_t bits = 0; bits <= n; bits++)
        weights[bits] = pow(chance, (double)bits) * pow(1 - chance, (double)(n - bits));
    double *table = signed_sums(sizes, n, (n + CHUNK - 1) / CHUNK);
    for (size_t pattern = 0; pattern < patterns; pattern++) {
        double sum = table[pattern % PATTERNS];
        if (n > CHUNK)
            sum += table[PATTERNS + pattern / PATTERNS];
        if (sum >= observed - tolerance)
            reached += weights[popcount(pattern)];
    }
    free(table);
    return fmin(1, reached);
}

/* `flips` random patterns; each takes n coins, one a size. */
static double sampled_p(const double *sizes, size_t n, double observed, double tolerance,
                        struct kvt_random *random, size_t flips)
{
    struct coins coins = {.random = random};
    size_t reached = 0, chunks = (n + CHUNK - 1) / CHUNK;
    unsigned last = (unsigned)(n - (chunks - 1) * CHUNK);
    double *table = signed_sums(sizes, n, chunks);
    for (size_t f = 0; f < flips; f++) {
        const double *sums = table;
        double sum = 0;
        for (size_t c = 1; c < chunks; c++, sums += PATTERNS)
            sum += sums[toss(&coins, CHUNK)];
        sum += sums[toss(&coins, last)];
        reached += sum >= observed - tolerance;
    }
    free(table);
    return (1 + (double)reached) / ((double)flips + 1);
}

/* The same where heads come by `chance`, in steps of 2^-32: one size at a time. */
static double sampled_biased_p(const double *sizes, size_t n, double chance, double observed,
                               double tolerance, struct kvt_random *random, size_t flips)
{
    size_t reached = 0;
    uint64_t limit = (uint64_t)ceil(ldexp(chance, 32));
    for (size_t f = 0; f < flips; f++) {
        double sum = 0;
        uint64_t word = 0;
        for (size_t i = 0; i < n; i++) {
            word = i % 2 ? word >> 32 : kvt_random_next(random);
            sum += (word & UINT32_MAX) < limit ? sizes[i] : -sizes[i];
        }
        reached += sum >= observed - tolerance;
    }
    return (1 + (double)reached) / ((double)flips + 1);
}

double kvt_flip_p(const double *d, size_t n, double chance, struct kvt_random *random, size_t flips)
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
        p = kvt_distribution_binomial_upper(positive, (long)m, chance);
    else if (m > 0 && m <= KVT_FLIP_EXACT)
        p = exact_p(sizes, m, chance, observed, tolerance);
    else if (m > 0 && chance >= 1)
        p = 1;
    else if (m > KVT_FLIP_NORMAL)
        p = kvt_distribution_normal_cdf((total * (2 * chance - 1) - observed) /
                                        sqrt(4 * chance * (1 - chance) * square));
    else if (m > 0 && chance > 0.5)
        p = sampled_biased_p(sizes, m, chance, observed, tolerance, random, flips);
    else if (m > 0)
        p = sampled_p(sizes, m, observed, tolerance, random, flips);
    free(sizes);
    return p;
}

double kvt_flip_floor(const double *d, size_t n, double chance, size_t flips)
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
    return exact ? pow(chance, m) : n > KVT_FLIP_NORMAL ? 0 : 1 / ((double)flips + 1);
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
