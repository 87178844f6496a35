/*
 * stat/interval.h: confidence intervals for means in [0, 1] and for paired differences in [-1, 1].
 * `level` is 1 - alpha. n = 0 gives NaN limits unless stated.
 */
#ifndef KVT_STAT_INTERVAL_H
#define KVT_STAT_INTERVAL_H

#include <stddef.h>

struct kvt_interval {
    double low, high;
};

/* Wilson (1927) score interval for successes of n; both may be real. */
struct kvt_interval kvt_interval_wilson(double successes, double n, double level);
/*
 * Wilson at the mean of bounded scores with an effective n/rho': rho = min(1, var_pop/(m(1-m))), 1
 * when m(1-m) = 0; rho' = (rho(n-1)+5)/(n+4). For 0/1 scores it is Wilson exactly.
 */
struct kvt_interval kvt_interval_dispersion_wilson(const double *scores, size_t n, double level);
/* The shrunken dispersion rho' of the interval above (1 for n = 0). */
double kvt_interval_dispersion(const double *scores, size_t n);
/* Clopper & Pearson (1934), exact. */
struct kvt_interval kvt_interval_clopper_pearson(long successes, long n, double level);
/* One-sided upper Clopper-Pearson limit at confidence `level`: 1 for n = 0. */
double kvt_interval_clopper_pearson_upper(long successes, long n, double level);
/* Student t, not clipped. NaN for n < 2. */
struct kvt_interval kvt_interval_t(const double *values, size_t n, double level);
/* Bonett & Price (2012) for n10 - n01 over n pairs, clipped to [-1, 1]. [-1, 1] for n = 0. */
struct kvt_interval kvt_interval_bonett_price(long n10, long n01, long n, double level);
/* t on the differences with pseudo-observations -1 and +1 appended, clipped. [-1, 1] for n = 0. */
struct kvt_interval kvt_interval_difference(const double *differences, size_t n, double level);

#endif
