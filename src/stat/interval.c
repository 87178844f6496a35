#include "stat/interval.h"

#include "stat/distribution.h"
#include "stat/quantile.h"

#include <math.h>

static const struct kvt_interval unknown = {NAN, NAN};

struct kvt_interval kvt_interval_wilson(double successes, double n, double level)
{
    if (!(n > 0))
        return unknown;
    double z = kvt_distribution_normal_quantile(0.5 + level / 2), square = z * z;
    double m = successes / n, scale = 1 / (1 + square / n);
    double centre = (m + square / (2 * n)) * scale;
    double half = z * sqrt(fmax(0, m * (1 - m)) / n + square / (4 * n * n)) * scale;
    struct kvt_interval interval = {fmax(0, centre - half), fmin(1, centre + half)};
    if (m <= 0)
        interval.low = 0; /* exactly: the difference above leaves rounding noise */
    if (m >= 1)
        interval.high = 1;
    return interval;
}

double kvt_interval_dispersion(const double *scores, size_t n)
{
    if (n == 0)
        return 1;
    double m = kvt_quantile_mean(scores, n), variance = 0;
    for (size_t i = 0; i < n; i++)
        variance += (scores[i] - m) * (scores[i] - m);
    variance /= (double)n;
    double bernoulli = m * (1 - m);
    double rho = bernoulli > 1e-15 ? fmin(1, variance / bernoulli) : 1;
    return (rho * (double)(n - 1) + 5) / ((double)n + 4);
}

struct kvt_interval kvt_interval_dispersion_wilson(const double *scores, size_t n, double level)
{
    if (n == 0)
        return unknown;
    double size = (double)n / kvt_interval_dispersion(scores, n);
    return kvt_interval_wilson(kvt_quantile_mean(scores, n) * size, size, level);
}

struct kvt_interval kvt_interval_clopper_pearson(long successes, long n, double level)
{
    if (n <= 0)
        return unknown;
    double tail = (1 - level) / 2, k = (double)successes, rest = (double)(n - successes);
    struct kvt_interval interval = {0, 1};
    if (successes > 0)
        interval.low = kvt_distribution_beta_quantile(tail, k, rest + 1);
    if (successes < n)
        interval.high = kvt_distribution_beta_quantile(1 - tail, k + 1, rest);
    return interval;
}

double kvt_interval_clopper_pearson_upper(long successes, long n, double level)
{
    if (n <= 0 || successes >= n)
        return 1;
    return kvt_distribution_beta_quantile(level, (double)successes + 1, (double)(n - successes));
}

struct kvt_interval kvt_interval_t(const double *values, size_t n, double level)
{
    if (n < 2)
        return unknown;
    double mean = kvt_quantile_mean(values, n);
    double half = kvt_distribution_t_quantile(0.5 + level / 2, (double)(n - 1)) *
                  kvt_quantile_sd(values, n) / sqrt((double)n);
    return (struct kvt_interval){mean - half, mean + half};
}

struct kvt_interval kvt_interval_bonett_price(long n10, long n01, long n, double level)
{
    if (n <= 0)
        return (struct kvt_interval){-1, 1};
    double size = (double)n + 2, gain = ((double)n10 + 1) / size, loss = ((double)n01 + 1) / size;
    double z = kvt_distribution_normal_quantile(0.5 + level / 2), difference = gain - loss;
    double half = z * sqrt((gain + loss - difference * difference) / size);
    return (struct kvt_interval){fmax(-1, difference - half), fmin(1, difference + half)};
}

struct kvt_interval kvt_interval_difference(const double *differences, size_t n, double level)
{
    if (n == 0)
        return (struct kvt_interval){-1, 1};
    double size = (double)n + 2, sum = 0, squares = 0;
    for (size_t i = 0; i < n; i++)
        sum += differences[i];
    double mean = sum / size; /* the pseudo-observations add zero */
    for (size_t i = 0; i < n; i++)
        squares += (differences[i] - mean) * (differences[i] - mean);
    squares += (1 - mean) * (1 - mean) + (1 + mean) * (1 + mean);
    double half =
        kvt_distribution_t_quantile(0.5 + level / 2, size - 1) * sqrt(squares / (size - 1) / size);
    return (struct kvt_interval){fmax(-1, mean - half), fmin(1, mean + half)};
}
