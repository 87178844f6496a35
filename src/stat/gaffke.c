#include "stat/gaffke.h"

#include "core/memory.h"
#include "stat/quantile.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct group {
    double value;
    double limit; /* (ct)^2 beyond which this factor alone exceeds 1e18 */
    unsigned long count;
};

static const double huge_square = 1e36; /* |z|^2 at which the integral is complete */

enum { MOST_GROUPS = 1024 };

/*
 * Equal differences share one factor of the characteristic function. Beyond MOST_GROUPS different
 * values each is rounded up to a multiple of 1/512, which can only raise the bound. Returns the
 * number of groups.
 */
static size_t group_values(const double *d, size_t n, struct group **groups)
{
    double *sorted = kvt_alloc_array(n + 1, sizeof *sorted);
    if (n)
        memcpy(sorted, d, n * sizeof *sorted);
    sorted[n] = 1; /* E_0 has the largest possible difference */
    kvt_quantile_sort(sorted, n + 1);
    size_t different = 1;
    for (size_t i = 1; i <= n; i++)
        different += sorted[i] - sorted[i - 1] > 1e-12;
    for (size_t i = 0; different > MOST_GROUPS && i < n; i++)
        sorted[i] = fmin(1, ceil(sorted[i] * 512 - 1e-9) / 512);
    *groups = kvt_alloc_array(n + 1, sizeof **groups);
    size_t used = 0;
    for (size_t i = 0; i <= n; i++) {
        if (used && sorted[i] - (*groups)[used - 1].value <= 1e-12)
            (*groups)[used - 1].count++;
        else
            (*groups)[used++] = (struct group){sorted[i], 0, 1};
    }
    for (size_t g = 0; g < used; g++)
        (*groups)[g].limit = pow(huge_square, 1 / (double)(*groups)[g].count);
    free(sorted);
    return used;
}

/*
 * Im(1/conj z) = sin(arg z)/|z| for z = prod (1 + i c t)^count. Sets *large once |z| > 1e18: since
 * every factor has |1 + ict| >= 1, |z| grows with t and nothing more will be added.
 */
static double integrand(const struct group *groups, size_t n, double m, double t, int *large)
{
    double re = 1, im = 0;
    for (size_t i = 0; i < n; i++) {
        double x = (groups[i].value - m) * t, a = 1, b = x; /* a + ib: powers of 1 + ix */
        if (x * x > groups[i].limit) {
            *large = 1;
            return 0;
        }
        for (unsigned long k = groups[i].count;;) {
            if (k & 1) {
                double next = re * a - im * b;
                im = re * b + im * a;
                re = next;
            }
            k >>= 1;
            if (k == 0)
                break;
            double square = a * a - b * b;
            b *= 2 * a;
            a = square;
        }
        if (re * re + im * im > huge_square) {
            *large = 1;
            return 0;
        }
    }
    return im / (re * re + im * im);
}

enum { LANES = 4 };

/*
 * The integrand at LANES ascending t at once, each by the same operations as alone. False when some
 * |z| gets large: every factor and so |z| grows with t, so looking at the last lane is enough.
 */
static bool integrands(const struct group *groups, size_t n, double m, const double t[LANES],
                       double value[LANES])
{
    double re[LANES], im[LANES];
    for (int l = 0; l < LANES; l++) {
        re[l] = 1;
        im[l] = 0;
    }
    for (size_t i = 0; i < n; i++) {
        double a[LANES], b[LANES], c = groups[i].value - m;
        for (int l = 0; l < LANES; l++) {
            a[l] = 1;
            b[l] = c * t[l];
        }
        if (b[LANES - 1] * b[LANES - 1] > groups[i].limit)
            return false;
        for (unsigned long k = groups[i].count;;) {
            if (k & 1) {
                for (int l = 0; l < LANES; l++) {
                    double next = re[l] * a[l] - im[l] * b[l];
                    im[l] = re[l] * b[l] + im[l] * a[l];
                    re[l] = next;
                }
            }
            k >>= 1;
            if (k == 0)
                break;
            for (int l = 0; l < LANES; l++) {
                double square = a[l] * a[l] - b[l] * b[l];
                b[l] *= 2 * a[l];
                a[l] = square;
            }
        }
        if (re[LANES - 1] * re[LANES - 1] + im[LANES - 1] * im[LANES - 1] > huge_square)
            return false;
    }
    for (int l = 0; l < LANES; l++)
        value[l] = im[l] / (re[l] * re[l] + im[l] * im[l]);
    return true;
}

/*
 * P(Q > 0) = 1/2 + (1/pi) * integral of sin(sum atan(c t)) prod (1 + c^2 t^2)^(-1/2) dt/t (Imhof
 * 1961), by the trapezoid rule in v = ln t with step h. In a strip |Im v| < w the integrand grows
 * at most as (cos w)^-N, so the error is about exp(-2 pi^2/(h^2 N)): h = .5/sqrt N leaves 1e-34 at
 * any m. Below t = 1e-6/reach the integrand is t * sum c to 1e-12 of itself, and the rule's sum a
 * geometric series.
 */
static double tail(const struct group *groups, size_t n, double h, double m)
{
    double reach = 0, slope = 0;
    for (size_t i = 0; i < n; i++) {
        double c = (double)groups[i].count * (groups[i].value - m);
        reach += fabs(c);
        slope += c;
    }
    if (!(reach > 0))
        return 0;
    double t = 1e-6 / reach, ratio = exp(h);
    double sum = slope * t / (ratio - 1);
    for (;;) {
        double next[LANES], value[LANES];
        next[0] = t;
        for (int l = 1; l < LANES; l++)
            next[l] = next[l - 1] * ratio;
        if (!(next[LANES - 1] < 1e40) || !integrands(groups, n, m, next, value))
            break;
        for (int l = 0; l < LANES; l++)
            sum += value[l];
        t = next[LANES - 1] * ratio;
    }
    int large = 0;
    for (; !large && t < 1e40; t *= ratio)
        sum += integrand(groups, n, m, t, &large);
    return fmin(1, fmax(0, 0.5 + sum * h / 3.14159265358979323846));
}

double kvt_gaffke_tail(const double *d, size_t n, double m)
{
    struct group *groups;
    if (n == 0)
        return 1;
    size_t used = group_values(d, n, &groups);
    double p = tail(groups, used, fmin(0.08, 0.5 / sqrt((double)n + 1)), m);
    free(groups);
    return p;
}

/*
 * The growth in the strip is mostly far from its worst case. Halving h until two sums agree finds
 * the h that does, never below the safe one; the error falls so fast that agreement means both are
 * exact.
 */
static double step_of_rule(const struct group *groups, size_t n, double total, double m)
{
    double safe = fmin(0.08, 0.5 / sqrt(total)), h = 0.08, p = tail(groups, n, h, m);
    while (h / 2 > safe) {
        double finer = tail(groups, n, h / 2, m);
        h /= 2;
        if (fabs(finer - p) < 1e-12)
            return h;
        p = finer;
    }
    return safe;
}

/* Standard error of the mean, plus 1/n so that it is not zero for ties. */
static double step_size(const struct group *groups, size_t used, double mean, double n)
{
    double square = 0;
    for (size_t i = 0; i < used; i++)
        square += (double)groups[i].count * (groups[i].value - mean) * (groups[i].value - mean);
    return sqrt(square) / n + 1 / n;
}

double kvt_gaffke_upper(const double *d, size_t n, double alpha)
{
    struct group *groups;
    if (n == 0)
        return 1;
    size_t used = group_values(d, n, &groups);
    double low = kvt_quantile_mean(d, n), high = low, x = low;
    double step = step_size(groups, used, low, (double)n);
    double h = step_of_rule(groups, used, (double)n + 1, fmin(low + 3 * step, 0.5 * (1 + low)));
    double f_low = tail(groups, used, h, low) - alpha, f_high = f_low;
    /* The tail falls from P(mean) to 0 at m = 1: steps up to the first m beyond the root. */
    while (f_high > 0 && high < 1) {
        low = high;
        f_low = f_high;
        high = fmin(1, high + step);
        f_high = high < 1 ? tail(groups, used, h, high) - alpha : -alpha;
    }
    for (int i = 0, side = 0; i < 200 && f_low > 0 && high - low > 1e-14; i++) { /* Illinois */
        x = i % 4 == 3 ? 0.5 * (low + high) : (low * f_high - high * f_low) / (f_high - f_low);
        double f = tail(groups, used, h, x) - alpha;
        if (fabs(f) < 1e-15)
            break;
        if (f > 0) {
            low = x;
            f_low = f;
            f_high = side == 1 ? f_high / 2 : f_high;
            side = 1;
        } else {
            high = x;
            f_high = f;
            f_low = side == -1 ? f_low / 2 : f_low;
            side = -1;
        }
    }
    if (f_low <= 0)
        x = low;
    free(groups);
    return fmin(1, x);
}
