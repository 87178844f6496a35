#include "stat/distribution.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>

#define SQRT_HALF 0.70710678118654752440
#define TWO_PI_L 6.283185307179586476925286766559L

double kvt_distribution_normal_cdf(double z)
{
    return 0.5 * erfc(-z * SQRT_HALF);
}

/*
 * Starts from the tail expansion z ~ sqrt(-2 ln p) and corrects with Halley steps on the
 * distribution function, whose relative accuracy (erfc) then is the quantile's.
 */
double kvt_distribution_normal_quantile(double p)
{
    if (!(p >= 0 && p <= 1))
        return NAN;
    if (p == 0 || p == 1)
        return p == 0 ? -INFINITY : INFINITY;
    double tail = fmin(p, 1 - p);
    if (tail == 0.5)
        return 0;
    double r = sqrt(-2 * log(tail));
    double z = tail > 0.1 ? (0.5 - tail) * 2.5 : r - (log(r) + 0.92) / r; /* positive side */
    for (int i = 0; i < 60; i++) {
        double density = exp(-0.5 * z * z) / sqrt((double)TWO_PI_L);
        double error = 0.5 * erfc(z * SQRT_HALF) - tail;
        double newton = error / density;
        double step = newton / (1 + 0.5 * fmax(-0.9, fmin(0.9, z * newton)));
        step = fmax(-1, fmin(1, step));
        z += step;
        if (fabs(step) <= 1e-15 * fmax(1, z))
            break;
    }
    return p < 0.5 ? -z : z;
}

/* ln Γ(x+1) minus Stirling's leading terms (Loader 2000, "stirlerr"). */
static long double stirling_error(long double x)
{
    if (x < 30)
        return lgammal(x + 1) - (x + 0.5L) * logl(x) + x - 0.5L * logl(TWO_PI_L);
    long double y = 1 / (x * x);
    return (1.0L / 12 -
            y * (1.0L / 360 - y * (1.0L / 1260 - y * (1.0L / 1680 - y * (1.0L / 1188))))) /
           x;
}

/* x ln(x/m) + m - x without cancellation near x = m (Loader's deviance term). */
static long double deviance(long double x, long double m)
{
    if (fabsl(x - m) < 0.1L * (x + m)) {
        long double v = (x - m) / (x + m), square = v * v;
        long double sum = (x - m) * v, term = 2 * x * v;
        for (int j = 1; j < 200; j++) {
            term *= square;
            long double next = sum + term / (2 * j + 1);
            if (next == sum)
                break;
            sum = next;
        }
        return sum;
    }
    return x * logl(x / m) + m - x;
}

/* ln of x^a y^b / B(a, b) with y = 1 - x, by Loader's saddle-point form of the binomial. */
static long double log_beta_kernel(long double a, long double b, long double x, long double y)
{
    long double n = a + b;
    long double lc = stirling_error(n) - stirling_error(a) - stirling_error(b) -
                     deviance(a, n * x) - deviance(b, n * y);
    return lc + 0.5L * logl(n / (TWO_PI_L * a * b)) + logl(a * b / n);
}

/* Continued fraction of I_x(a, b) (Abramowitz & Stegun 26.5.8), modified Lentz; fast for x below
 * the mean. */
static long double beta_fraction(long double a, long double b, long double x)
{
    const long double tiny = 1e-4000L;
    long double c = 1, d = 1 - (a + b) * x / (a + 1);
    if (fabsl(d) < tiny)
        d = tiny;
    d = 1 / d;
    long double h = d;
    for (long i = 1; i <= 200000; i++) {
        long double m = (long double)i, even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
        long double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
        d = 1 + even * d;
        c = 1 + even / c;
        d = 1 / (fabsl(d) < tiny ? tiny : d);
        c = fabsl(c) < tiny ? tiny : c;
        h *= d * c;
        d = 1 + odd * d;
        c = 1 + odd / c;
        d = 1 / (fabsl(d) < tiny ? tiny : d);
        c = fabsl(c) < tiny ? tiny : c;
        long double factor = d * c;
        h *= factor;
        if (fabsl(factor - 1) < 2e-18L)
            break;
    }
    return h;
}

/* I_x(a, b), given x and y = 1 - x both exactly. */
static double beta_both(double a, double b, long double x, long double y)
{
    if (!(a > 0 && b > 0) || isnan((double)x))
        return NAN;
    if (x <= 0)
        return 0;
    if (y <= 0)
        return 1;
    if (x <= (a + 1.0L) / (a + b + 2.0L))
        return (double)(expl(log_beta_kernel(a, b, x, y)) * beta_fraction(a, b, x) / a);
    return (double)(1 - expl(log_beta_kernel(b, a, y, x)) * beta_fraction(b, a, y) / b);
}

double kvt_distribution_beta_cdf(double x, double a, double b)
{
    return beta_both(a, b, x, 1 - (long double)x);
}

/*
 * Bracketed Newton. `increasing` solves beta(x) = p; the bracket halves whenever a step leaves it,
 * so the result is always defined.
 */
double kvt_distribution_beta_quantile(double p, double a, double b)
{
    if (!(p >= 0 && p <= 1) || !(a > 0 && b > 0))
        return NAN;
    if (p == 0 || p == 1)
        return p;
    double low = 0, high = 1, x = a / (a + b);
    for (int i = 0; i < 400; i++) {
        double f = kvt_distribution_beta_cdf(x, a, b) - p;
        if (f == 0)
            return x;
        if (f > 0)
            high = x;
        else
            low = x;
        long double xl = x, yl = 1 - xl;
        double density = (double)(expl(log_beta_kernel(a, b, xl, yl)) / (xl * yl));
        double next = x - f / density;
        if (!(next > low && next < high))
            next =
                low > 0 ? (high / low > 4 ? sqrt(low * high) : 0.5 * (low + high)) : high * 0.125;
        if (fabs(next - x) <= 2e-16 * x)
            return next;
        x = next;
    }
    return x;
}

double kvt_distribution_t_sf(double t, double df)
{
    if (!(df > 0) || isnan(t))
        return NAN;
    if (isinf(t))
        return t > 0 ? 0 : 1;
    long double square = (long double)t * t, sum = square + df;
    double tail = 0.5 * beta_both(df / 2, 0.5, df / sum, square / sum);
    return t >= 0 ? tail : 1 - tail;
}

double kvt_distribution_t_cdf(double t, double df)
{
    return kvt_distribution_t_sf(-t, df);
}

/* ln density of t at df. */
static double t_density(double t, double df)
{
    long double square = (long double)t * t, sum = square + df;
    if (square == 0)
        return exp(lgamma((df + 1) / 2) - lgamma(df / 2)) / sqrt(df * 3.14159265358979323846);
    /* d/dt of the tail = kernel(df/2, 1/2) / t, because x^a y^b / B at y = t^2/(df+t^2). */
    return (double)(expl(log_beta_kernel(df / 2.0L, 0.5L, df / sum, square / sum)) / fabsl(t));
}

double kvt_distribution_t_quantile(double p, double df)
{
    if (!(p >= 0 && p <= 1) || !(df > 0))
        return NAN;
    if (p == 0 || p == 1)
        return p == 0 ? -INFINITY : INFINITY;
    double tail = fmin(p, 1 - p);
    if (tail == 0.5)
        return 0;
    double low = 0, high = 1;
    while (kvt_distribution_t_sf(high, df) > tail && high < DBL_MAX / 4) {
        low = high;
        high *= 2;
    }
    double t = 0.5 * (low + high);
    for (int i = 0; i < 400; i++) {
        double f = kvt_distribution_t_sf(t, df) - tail;
        if (f == 0)
            break;
        if (f > 0)
            low = t;
        else
            high = t;
        double next = t + f / t_density(t, df);
        if (!(next > low && next < high))
            next = 0.5 * (low + high);
        if (fabs(next - t) <= 2e-16 * t) {
            t = next;
            break;
        }
        t = next;
    }
    return p < 0.5 ? -t : t;
}

double kvt_distribution_binomial_upper(long k, long n, double p)
{
    if (n < 0 || !(p >= 0 && p <= 1))
        return NAN;
    if (k <= 0)
        return 1;
    if (k > n)
        return 0;
    return kvt_distribution_beta_cdf(p, (double)k, (double)(n - k) + 1);
}

double kvt_distribution_binomial_lower(long k, long n, double p)
{
    if (n < 0 || !(p >= 0 && p <= 1))
        return NAN;
    if (k < 0)
        return 0;
    if (k >= n)
        return 1;
    return beta_both((double)(n - k), (double)k + 1, 1 - (long double)p, p);
}
