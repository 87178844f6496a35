#include "stat/bootstrap.h"

#include "stat/distribution.h"
#include "stat/quantile.h"

#include <math.h>
#include <stdint.h>

void kvt_bootstrap_means(const double *values, size_t n, struct kvt_random *random, double *means,
                         size_t resamples)
{
    for (size_t r = 0; r < resamples; r++) {
        double sum = 0;
        for (size_t i = 0; i < n; i++)
            sum += values[kvt_random_bounded(random, (uint32_t)n)];
        means[r] = sum / (double)n;
    }
}

struct kvt_interval kvt_bootstrap_percentile(const double *sorted, size_t resamples, double level)
{
    double tail = (1 - level) / 2;
    return (struct kvt_interval){kvt_quantile_type7(sorted, resamples, tail),
                                 kvt_quantile_type7(sorted, resamples, 1 - tail)};
}

double kvt_bootstrap_bias(const double *sorted, size_t resamples, double statistic)
{
    double below = 0, tolerance = 1e-12 * fmax(1, fabs(statistic));
    for (size_t r = 0; r < resamples; r++) {
        if (sorted[r] < statistic - tolerance)
            below += 1;
        else if (sorted[r] <= statistic + tolerance)
            below += 0.5;
    }
    return kvt_distribution_normal_quantile(below / (double)resamples);
}

double kvt_bootstrap_acceleration(const double *values, size_t n)
{
    /* Leave-one-out means differ from their mean by (mean - x_i)/(n-1); the factor cancels. */
    double mean = kvt_quantile_mean(values, n), squares = 0, cubes = 0;
    for (size_t i = 0; i < n; i++) {
        double d = values[i] - mean;
        squares += d * d;
        cubes += d * d * d;
    }
    return squares > 0 ? cubes / (6 * pow(squares, 1.5)) : NAN;
}

static double bca_level(double bias, double acceleration, double z)
{
    double shifted = bias + z;
    return kvt_distribution_normal_cdf(bias + shifted / (1 - acceleration * shifted));
}

struct kvt_interval kvt_bootstrap_bca(const double *sorted, size_t resamples, double bias,
                                      double acceleration, double level)
{
    if (!isfinite(bias) || !isfinite(acceleration) || resamples == 0)
        return (struct kvt_interval){NAN, NAN};
    double z = kvt_distribution_normal_quantile(0.5 + level / 2);
    double low = bca_level(bias, acceleration, -z), high = bca_level(bias, acceleration, z);
    return (struct kvt_interval){kvt_quantile_type7(sorted, resamples, low),
                                 kvt_quantile_type7(sorted, resamples, high)};
}
