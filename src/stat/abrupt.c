#include "stat/abrupt.h"

#include "core/memory.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static const double widths[] = {0.5, 0.6, 0.8, 1.0, 1.5};
static const double starts[] = {-0.6, -0.4, -0.2, -0.1, 0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8};
enum { N_WIDTHS = 5, N_STARTS = 13, N_STEPS = 17, MAX_SHAPES = N_WIDTHS * N_STARTS + N_STEPS };

struct shapes {
    size_t n_ramps, n_all;
    double x0[MAX_SHAPES], w[MAX_SHAPES]; /* w = 0: a step at x0 */
    double *basis;                        /* (shape, point): centred, unit norm */
};

/* Centres and scales; false when the shape is constant over the points. */
static bool normalise(double *u, size_t n)
{
    double mean = 0, square = 0;
    for (size_t i = 0; i < n; i++)
        mean += u[i] / (double)n;
    for (size_t i = 0; i < n; i++) {
        u[i] -= mean;
        square += u[i] * u[i];
    }
    if (square < 1e-18)
        return false;
    for (size_t i = 0; i < n; i++)
        u[i] /= sqrt(square);
    return true;
}

static void add_shape(struct shapes *shapes, const double *x, size_t n, double x0, double w)
{
    double *u = shapes->basis + shapes->n_all * n;
    for (size_t i = 0; i < n; i++)
        u[i] = w > 0 ? fmin(1, fmax(0, (x[i] - x0) / w)) : (x[i] > x0 ? 1 : 0);
    if (!normalise(u, n))
        return;
    shapes->x0[shapes->n_all] = x0;
    shapes->w[shapes->n_all] = w;
    shapes->n_all++;
    shapes->n_ramps += w > 0;
}

static void make_shapes(struct shapes *shapes, const double *x, size_t n)
{
    *shapes = (struct shapes){.basis = kvt_alloc_array((size_t)MAX_SHAPES * n, sizeof(double))};
    for (size_t i = 0; i < N_WIDTHS; i++)
        for (size_t j = 0; j < N_STARTS; j++)
            if (starts[j] + widths[i] > 0.15 + 1e-9)
                add_shape(shapes, x, n, starts[j], widths[i]);
    for (int i = 0; i < N_STEPS; i++)
        add_shape(shapes, x, n, 0.10 + 0.05 * i, 0);
}

/* Best shape in [from, to) and its gain g^2; index `to` when none has a positive one. */
static size_t best_shape(const struct shapes *shapes, size_t from, size_t to, const double *d,
                         size_t n, double *gain)
{
    size_t best = to;
    *gain = 0;
    for (size_t s = from; s < to; s++) {
        const double *u = shapes->basis + s * n;
        double g = 0;
        for (size_t i = 0; i < n; i++)
            g += u[i] * d[i]; /* u is centred, so the mean of d does not matter */
        if (g > 0 && g * g > *gain) {
            *gain = g * g;
            best = s;
        }
    }
    return best;
}

/* Gain of the best shape in [from, to), from the shapes' dot products with the loss. */
static double best_gain(const double *dots, size_t from, size_t to)
{
    double best = 0;
    for (size_t s = from; s < to; s++)
        best = fmax(best, dots[s]);
    return best * best;
}

/*
 * Wild bootstrap: fake = fit + sign * residual. Shapes are linear in the loss, so a shape's dot
 * product with fake is that with the fit minus the residuals', plus twice that of the residuals
 * whose sign is up: one row of products per point is added for each such point.
 */
static double bootstrap_p(const struct shapes *shapes, const struct kvt_abrupt *result, size_t ramp,
                          const double *d, size_t n, struct kvt_random *random, size_t resamples)
{
    size_t m = shapes->n_all, reached = 0;
    /* (point, shape): 2 * residual * basis; rows of a fixed width, so that adding one is vectorised
     */
    double *rows = kvt_alloc_zero(n * MAX_SHAPES, sizeof *rows);
    double start[MAX_SHAPES] = {0}, dots[MAX_SHAPES];
    double mean = 0, g = ramp < shapes->n_ramps ? sqrt(result->ramp_gain) : 0;
    double inflate = sqrt((double)n / ((double)n - 2));
    for (size_t i = 0; i < n; i++)
        mean += d[i] / (double)n;
    for (size_t i = 0; i < n; i++) {
        double fit = mean + (g > 0 ? g * shapes->basis[ramp * n + i] : 0);
        double residual = (d[i] - fit) * inflate;
        for (size_t s = 0; s < m; s++) {
            double u = shapes->basis[s * n + i];
            start[s] += u * (fit - residual);
            rows[i * MAX_SHAPES + s] = 2 * u * residual;
        }
    }
    for (size_t r = 0; r < resamples; r++) {
        uint64_t bits = 0;
        memcpy(dots, start, sizeof dots);
        for (size_t i = 0; i < n; i++) {
            bits = i % 64 ? bits >> 1 : kvt_random_next(random);
            if (!(bits & 1))
                continue;
            const double *row = rows + i * MAX_SHAPES;
            for (size_t s = 0; s < MAX_SHAPES; s++)
                dots[s] += row[s];
        }
        double fake = best_gain(dots, shapes->n_ramps, m) - best_gain(dots, 0, shapes->n_ramps);
        reached += fake >= result->statistic - 1e-12;
    }
    free(rows);
    return (1 + (double)reached) / ((double)resamples + 1);
}

/* Averages neighbours so that cost stays bounded; the groups have equal size up to one. */
static size_t group_neighbours(const double *x, const double *d, size_t n, double *gx, double *gd)
{
    size_t groups = n < KVT_ABRUPT_GROUPS ? n : KVT_ABRUPT_GROUPS;
    for (size_t g = 0; g < groups; g++) {
        size_t from = g * (n / groups) + (g < n % groups ? g : n % groups);
        size_t size = n / groups + (g < n % groups);
        gx[g] = gd[g] = 0;
        for (size_t i = from; i < from + size; i++) {
            gx[g] += x[i] / (double)size;
            gd[g] += d[i] / (double)size;
        }
    }
    return groups;
}

struct kvt_abrupt kvt_abrupt_test(const double *x, const double *d, size_t n,
                                  struct kvt_random *random, size_t resamples)
{
    struct kvt_abrupt result = {.ramp_x0 = NAN, .ramp_w = NAN, .step_at = NAN, .p = NAN};
    if (n < 4 || !(x[n - 1] > x[0]))
        return result;
    size_t groups = n < KVT_ABRUPT_GROUPS ? n : KVT_ABRUPT_GROUPS;
    double *gx = kvt_alloc_array(groups, sizeof *gx), *gd = kvt_alloc_array(groups, sizeof *gd);
    group_neighbours(x, d, n, gx, gd);
    double low = gd[0], high = gd[0];
    for (size_t i = 1; i < groups; i++) {
        low = fmin(low, gd[i]);
        high = fmax(high, gd[i]);
    }
    if (high - low > 1e-12) {
        struct shapes shapes;
        make_shapes(&shapes, gx, groups);
        size_t ramp = best_shape(&shapes, 0, shapes.n_ramps, gd, groups, &result.ramp_gain);
        size_t step =
            best_shape(&shapes, shapes.n_ramps, shapes.n_all, gd, groups, &result.step_gain);
        result.tested = true;
        if (ramp < shapes.n_ramps) {
            result.ramp_x0 = shapes.x0[ramp];
            result.ramp_w = shapes.w[ramp];
        }
        if (step < shapes.n_all)
            result.step_at = shapes.x0[step];
        result.statistic = result.step_gain - result.ramp_gain;
        if (resamples)
            result.p = bootstrap_p(&shapes, &result, ramp, gd, groups, random, resamples);
        free(shapes.basis);
    }
    free(gx);
    free(gd);
    return result;
}
