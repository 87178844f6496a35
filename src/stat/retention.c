#include "stat/retention.h"

#include "stat/distribution.h"

#include <math.h>

struct kvt_retention kvt_retention_test(const double *s1, const double *sk, size_t n, double c)
{
    struct kvt_retention result = {0, 1, 1};
    if (n == 0)
        return result;
    double size = (double)n + 2, mean = 1 - 2 * c, squares = 0;
    for (size_t i = 0; i < n; i++)
        mean += sk[i] - c * s1[i];
    mean /= size;
    for (size_t i = 0; i < n; i++) {
        double d = sk[i] - c * s1[i] - mean;
        squares += d * d;
    }
    squares += (-c - mean) * (-c - mean) + (1 - c - mean) * (1 - c - mean);
    result.t = mean / sqrt(squares / (size - 1) / size);
    result.p_retained = kvt_distribution_t_sf(result.t, size - 1);
    result.p_collapsed = kvt_distribution_t_sf(-result.t, size - 1);
    return result;
}

/* Where the p-value of one side crosses `tail`, between c = low and c = high. */
static double crossing(const double *s1, const double *sk, size_t n, double tail, int collapsed,
                       double low, double high)
{
    for (int i = 0; i < 60; i++) {
        double middle = 0.5 * (low + high);
        struct kvt_retention test = kvt_retention_test(s1, sk, n, middle);
        /* p_retained grows with c, p_collapsed falls with it. */
        int below = collapsed ? test.p_collapsed > tail : test.p_retained <= tail;
        if (below)
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
    double tail = (1 - level) / 2, baseline = 0;
    struct kvt_interval interval = {NAN, NAN};
    for (size_t i = 0; i < n; i++)
        baseline += s1[i];
    if (!(baseline > 0))
        return interval;
    interval.low = kvt_retention_test(s1, sk, n, 0).p_retained > tail
                       ? 0
                       : crossing(s1, sk, n, tail, 0, 0, most);
    if (kvt_retention_test(s1, sk, n, most).p_collapsed <= tail)
        interval.high = crossing(s1, sk, n, tail, 1, 0, most);
    return interval;
}
