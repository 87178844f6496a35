#include "stat/fit.h"

#include <math.h>

struct kvt_fit_line kvt_fit_line(const double *x, const double *y, size_t n)
{
    struct kvt_fit_line fit = {NAN, NAN, NAN};
    if (n == 0)
        return fit;
    double mx = 0, my = 0, sxx = 0, sxy = 0;
    for (size_t i = 0; i < n; i++) {
        mx += x[i];
        my += y[i];
    }
    mx /= (double)n;
    my /= (double)n;
    for (size_t i = 0; i < n; i++) {
        sxx += (x[i] - mx) * (x[i] - mx);
        sxy += (x[i] - mx) * (y[i] - my);
    }
    fit.slope = sxx > 0 ? sxy / sxx : 0;
    fit.intercept = my - fit.slope * mx;
    fit.rss = 0;
    for (size_t i = 0; i < n; i++) {
        double r = y[i] - fit.intercept - fit.slope * x[i];
        fit.rss += r * r;
    }
    return fit;
}

/* RSS of two levels split after the first `left` points, from prefix sums of y (centred). */
struct split {
    double left_mean, right_mean, left_rss, right_rss;
};

static struct split split_at(double left, double sum, double square, double n, double total,
                             double total_square)
{
    struct split s;
    s.left_mean = sum / left;
    s.right_mean = (total - sum) / (n - left);
    s.left_rss = fmax(0, square - sum * s.left_mean);
    s.right_rss = fmax(0, total_square - square - (total - sum) * s.right_mean);
    return s;
}

struct kvt_fit_step kvt_fit_step(const double *x, const double *y, size_t n)
{
    struct kvt_fit_step fit = {.at = NAN, .low = NAN, .high = NAN, .rss = INFINITY};
    double mean = 0, total = 0, total_square = 0;
    if (n < 4)
        return fit;
    for (size_t i = 0; i < n; i++)
        mean += y[i] / (double)n;
    for (size_t i = 0; i < n; i++) {
        total += y[i] - mean;
        total_square += (y[i] - mean) * (y[i] - mean);
    }
    if (!(total_square > 1e-20 * (double)n))
        return fit;
    double limit = INFINITY; /* second pass: RSS that still belongs to the set */
    for (int pass = 0; pass < 2; pass++) {
        double sum = 0, square = 0;
        for (size_t i = 0; i + 2 < n; i++) {
            sum += y[i] - mean;
            square += (y[i] - mean) * (y[i] - mean);
            if (i < 1 || !(x[i + 1] > x[i]))
                continue;
            double left = (double)i + 1;
            struct split s = split_at(left, sum, square, (double)n, total, total_square);
            double rss = s.left_rss + s.right_rss;
            if (pass == 0 && rss < fit.rss) {
                fit.found = true;
                fit.rss = rss;
                fit.at = 0.5 * (x[i] + x[i + 1]);
                fit.before = s.left_mean + mean;
                fit.after = s.right_mean + mean;
                double variance = fmax(s.left_rss / left, s.right_rss / ((double)n - left));
                limit = rss + 7.352 * variance;
            } else if (pass == 1 && rss <= limit * (1 + 1e-12)) {
                fit.low = isnan(fit.low) ? x[i] : fit.low;
                fit.high = x[i + 1];
            }
        }
    }
    return fit;
}
