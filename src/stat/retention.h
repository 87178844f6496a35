/*
 * stat/retention.h: has a bin kept at least the share c of its reference score, or fallen below it?
 */
#ifndef KVT_STAT_RETENTION_H
#define KVT_STAT_RETENTION_H

#include "stat/interval.h"

#include <stddef.h>

struct kvt_retention {
    double t;
    double p_retained;  /* upper tail: small when mean(sk) > c mean(s1) */
    double p_collapsed; /* lower tail: small when mean(sk) < c mean(s1) */
};

/*
 * One-sided t of u_i = sk_i - c s1_i with two pseudo-observations, -c and 1-c, appended (df = n+1):
 * the pseudo-observations keep t finite for one pair and for constant data. n = 0 gives p = 1.
 */
struct kvt_retention kvt_retention_test(const double *s1, const double *sk, size_t n, double c);
/*
 * Interval for c by inverting the test at (1-level)/2 on each side, searched over [0, 16]; high is
 * NaN when no c up to 16 is rejected, both are NaN on a zero baseline.
 */
struct kvt_interval kvt_retention_interval(const double *s1, const double *sk, size_t n,
                                           double level);

#endif
