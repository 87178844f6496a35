/*
 * stat/quantile.h: order statistics and moments. Pure numbers; nothing is allocated here.
 */
#ifndef KVT_STAT_QUANTILE_H
#define KVT_STAT_QUANTILE_H

#include <stddef.h>

/* Sorts ascending, in place. Values must not be NaN. */
void kvt_quantile_sort(double *values, size_t n);
/*
 * Type 7 (Hyndman & Fan 1996; the default of R and numpy): linear interpolation at (n-1)p of the
 * SORTED values. NaN for n = 0; p is clamped to [0, 1].
 */
double kvt_quantile_type7(const double *sorted, size_t n, double p);
double kvt_quantile_mean(const double *values, size_t n); /* NaN for n = 0 */
/* Standard deviation, ddof 1, two passes. NaN for n < 2. */
double kvt_quantile_sd(const double *values, size_t n);

#endif
