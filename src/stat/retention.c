#include "stat/retention.h"

#include "stat/distribution.h"

#include <math.h>

/* Mean of u_i = sk_i - c s1_i and the two pseudo-observations over its standard error; n > 0. */
static double statistic(const double *s1, const double *sk, size_t n, double c)
{
    double size = (double)n + 2, mean = 1 - 2 * c, squares = 0;
    for (size_t i = 0; i < n; i++)
        mean += sk[i] - c * s1[i];
    mean /= size;
    for (size_t i = 0; i < n; i++) {
        double d = sk[i] - c * s1[i] - mean;
        squares += d * d;
    }
    squares += (-c - mean) * (-c - mean) + (1 - c - mean) * (1 - c - mean);
    return mean / sqrt(squares / (size - 1) / size);
}

struct kvt_retention kvt_retention_test(const double *s1, const double *sk, size_t n, double c)
{
    struct kvt_retention result = {0, 1, 1};
    if (n == 0)
        return result;
    result.t = statistic(s1, sk, n, c);
    result.p_retained = kvt_distribution_t_sf(result.t, (double)n + 1);
    result.p_collapsed = kvt_distribution_t_sf(-result.t, (double)n + 1);
    return result;
}

/* The c in [0, most] at which t, which falls with c, crosses `limit`. */
static double crossing(const double *s1, const double *sk, size_t n, double limit, double most)
{
    double low = 0, high = most;
    for (int i = 0; i < 60; i++) {
        double middle = 0.5 * (low + high);
        if (statistic(s1, sk, n, middle) > limit)
            low = middle;
        else
            high = middle;
    }
    return 0.5 * (low + high);
}

struct kvt_interval kvt_retention_interval(const double *s1, const double *sk, size_t n,
                                           double level)
{
    const double most = 16;
    double baseline = 0;
    struct kvt_interval interval = {NAN, NAN};
    for (size_t i = 0; i < n; i++)
        baseline += s1[i];
    if (!(baseline > 0))
        return interval;
    double limit = kvt_distribution_t_quantile(0.5 + level / 2, (double)n + 1);
    interval.low = statistic(s1, sk, n, 0) < limit ? 0 : crossing(s1, sk, n, limit, most);
    if (statistic(s1, sk, n, most) <= -limit)
        interval.high = crossing(s1, sk, n, -limit, most);
    return interval;
}
