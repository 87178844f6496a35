/*
 * stat/fit.h: least-squares line and step of y on x, and a confidence set for where the step is.
 */
#ifndef KVT_STAT_FIT_H
#define KVT_STAT_FIT_H

#include <stdbool.h>
#include <stddef.h>

struct kvt_fit_line {
    double intercept, slope, rss;
};
/* Ordinary least squares; slope 0 when x is constant. NaN for n = 0. */
struct kvt_fit_line kvt_fit_line(const double *x, const double *y, size_t n);

struct kvt_fit_step {
    bool found;           /* false: fewer than 4 points, constant x, or constant y */
    double at;            /* threshold between two x values (their midpoint) */
    double low, high;     /* 95% set of Hansen (2000): (RSS - RSS_min)/s^2 <= 7.352, its ends */
    double before, after; /* level on each side */
    double rss;
};
/*
 * x must be SORTED ascending. s^2 is the larger of the two segments' variances, at least two points
 * a side. A fitted step, not an onset: on smooth ramps the set covers the middle of the ramp only
 * half of the time.
 */
struct kvt_fit_step kvt_fit_step(const double *x, const double *y, size_t n);

#endif
