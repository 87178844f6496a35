/*
 * stat/flip.h: sign-flip tests of paired differences, and the max-T window scan built on them.
 * Under the null the sign of each difference (or of each cluster's sum) is a coin's: a fair one,
 * but where a test says otherwise.
 */
#ifndef KVT_STAT_FLIP_H
#define KVT_STAT_FLIP_H

#include "core/random.h"

#include <stddef.h>

enum {
    KVT_FLIP_EXACT = 14,     /* up to 2^14 sign patterns are enumerated */
    KVT_FLIP_NORMAL = 10000, /* beyond, the sum of flipped differences is normal to any use */
};

/*
 * One-sided p of sum(d) against all sign patterns of the nonzero d, each sign positive by `chance`
 * in [1/2, 1]: exact up to KVT_FLIP_EXACT of
 * them or when all |d| are equal (then it is the sign test), (1 + #)/(flips + 1) over random
 * patterns up to KVT_FLIP_NORMAL, the normal limit beyond. The result does not depend on the order
 * of d. p = 1 when nothing is nonzero.
 */
double kvt_flip_p(const double *d, size_t n, double chance, struct kvt_random *random,
                  size_t flips);

/* The smallest p that kvt_flip_p could give for differences of these sizes. */
double kvt_flip_floor(const double *d, size_t n, double chance, size_t flips);

/* Discordant counts of one bin: n10 point the tested way, n01 the other way. */
struct kvt_flip_counts {
    long n10, n01;
};

/*
 * Scan over the bins*(bins+1)/2 contiguous windows, T_w = (n10 - n01)/sqrt(n10 + n01), against the
 * largest T of `flips` sign patterns. counts[w] = 1 + #{max T >= T_w}, windows ordered (0,0),
 * (0,1)... (1,1)...; p_w = counts[w]/(flips + 1). A window without discordant pairs has p = 1. Bits
 * are taken least significant first, pairs in bin order, a fresh word for every pattern.
 */
void kvt_flip_scan(const struct kvt_flip_counts *bins, size_t n_bins, struct kvt_random *random,
                   size_t flips, size_t *counts);

#endif
