/*
 * stat/bootstrap.h: bootstrap intervals of a mean (Efron 1987; DiCiccio & Efron 1996). Offered by
 * name only: for n <= 20 and scores near 0 or 1 their coverage is far below nominal (man page,
 * CALIBRATION).
 */
#ifndef KVT_STAT_BOOTSTRAP_H
#define KVT_STAT_BOOTSTRAP_H

#include "core/random.h"
#include "stat/interval.h"

#include <stddef.h>

/* Fills means[resamples] with resample means. n > 0 and below 2^32. */
void kvt_bootstrap_means(const double *values, size_t n, struct kvt_random *random, double *means,
                         size_t resamples);
/* Limits from SORTED resample statistics, type 7 quantiles. */
struct kvt_interval kvt_bootstrap_percentile(const double *sorted, size_t resamples, double level);
/* Bias correction z0 of SORTED resample statistics: ties count half (mid-rank). */
double kvt_bootstrap_bias(const double *sorted, size_t resamples, double statistic);
/* Acceleration of the mean by the jackknife; NaN for constant values. */
double kvt_bootstrap_acceleration(const double *values, size_t n);
/* BCa limits; NaN where z0 or the acceleration is not finite (constant data). */
struct kvt_interval kvt_bootstrap_bca(const double *sorted, size_t resamples, double bias,
                                      double acceleration, double level);

#endif
