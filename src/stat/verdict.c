#include "stat/verdict.h"

#include "core/memory.h"
#include "core/random.h"
#include "stat/distribution.h"
#include "stat/family.h"
#include "stat/flip.h"
#include "stat/gaffke.h"
#include "stat/quantile.h"
#include "stat/retention.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

const double kvt_verdict_sensitivity[KVT_SENSITIVITY] = {0.5, 0.8, 0.9};

static const double abrupt_level = 0.03;  /* keeps the size on smooth ramps below .05 */
static const double silent_share = 0.25;  /* largest failure share of a silent loss */
static const double least_coverage = 0.9; /* below it nothing is called safe */
enum { ABRUPT_RESAMPLES = 999 };

const char *kvt_headline_name(enum kvt_headline headline)
{
    static const char *const names[] = {"transition_zone", "abrupt_collapse", "safe_within",
                                        "failing",         "silent_loss",     "degraded",
                                        "inconclusive",    "no_reference"};
    return names[headline];
}

bool kvt_verdict_confirmed(const struct kvt_cell *cell, enum kvt_part part, double alpha)
{
    const struct kvt_test *tests[] = {&cell->loss, &cell->lift, &cell->silent, &cell->churn};
    return tests[part]->p_adj <= alpha;
}

int kvt_verdict_first(const struct kvt_cells *cells, enum kvt_part part, double alpha)
{
    for (size_t b = 0; b < cells->count; b++)
        if (kvt_verdict_confirmed(&cells->items[b], part, alpha))
            return (int)b;
    return -1;
}

/* Units of all bins, ordered by length. */
struct ladder {
    struct kvt_unit *units;
    size_t n;
    bool lengths;            /* x is ln tokens; else the bin number */
    double *x, *loss, *lift; /* per unit, means */
};

static int by_length(const void *a, const void *b)
{
    const struct kvt_unit *u = a, *v = b;
    if (u->x != v->x)
        return u->x < v->x ? -1 : 1;
    if (u->loss != v->loss)
        return u->loss < v->loss ? -1 : 1;
    return (u->lift > v->lift) - (u->lift < v->lift);
}

static void make_ladder(const struct kvt_cells *cells, const struct kvt_pairs *pairs,
                        struct ladder *ladder)
{
    *ladder = (struct ladder){.units = kvt_alloc_array(pairs->count, sizeof *ladder->units),
                              .lengths = true};
    size_t from = 0;
    for (size_t i = 0; i < pairs->count; i++)
        ladder->lengths &= pairs->items[i].tokens >= 1;
    for (size_t b = 0; b < cells->count; b++) {
        size_t n;
        struct kvt_unit *units =
            kvt_cells_units(pairs->items + from, cells->items[b].n_pairs, cells->clustered, &n);
        for (size_t u = 0; u < n; u++) {
            units[u].x = ladder->lengths ? log(units[u].x) : (double)b;
            ladder->units[ladder->n++] = units[u];
        }
        free(units);
        from += cells->items[b].n_pairs;
    }
    if (ladder->n)
        qsort(ladder->units, ladder->n, sizeof *ladder->units, by_length);
    ladder->x = kvt_alloc_array(ladder->n, sizeof(double));
    ladder->loss = kvt_alloc_array(ladder->n, sizeof(double));
    ladder->lift = kvt_alloc_array(ladder->n, sizeof(double));
    for (size_t i = 0; i < ladder->n; i++) {
        ladder->x[i] = ladder->units[i].x;
        ladder->loss[i] = ladder->units[i].loss / ladder->units[i].n;
        ladder->lift[i] = ladder->units[i].lift / ladder->units[i].n;
    }
}

static void free_ladder(struct ladder *ladder)
{
    free(ladder->units);
    free(ladder->x);
    free(ladder->loss);
    free(ladder->lift);
}

/* Where failures go unseen they pass for wrong answers: then only failures can be told to lead. */
static void decide_order(struct kvt_verdict *v, const struct kvt_cells *cells, double alpha)
{
    struct kvt_order_bin *bins = kvt_alloc_array(cells->count, sizeof *bins);
    for (size_t b = 0; b < cells->count; b++)
        bins[b] = cells->items[b].order;
    v->order = kvt_order_decide(bins, cells->count, alpha);
    if (!v->failures_observable && v->order.order != KVT_ORDER_FAILURES_FIRST &&
        v->order.order != KVT_ORDER_ONLY_FAILURES) {
        v->order.order = KVT_ORDER_UNDECIDED;
        v->order.two_bins = false;
    }
    free(bins);
}

static void test_abruptness(struct kvt_verdict *v, const struct ladder *ladder,
                            const struct kvt_procedure *procedure, const char *name)
{
    size_t n = ladder->n;
    v->abrupt = (struct kvt_abrupt){.p = NAN, .step_at = NAN};
    v->abrupt_tokens = NAN;
    if (v->first_loss < 0 || n < 4 || !(ladder->x[n - 1] > ladder->x[0]))
        return; /* without a confirmed loss there is nothing to call abrupt */
    double low = ladder->x[0], range = ladder->x[n - 1] - low;
    double *x = kvt_alloc_array(n, sizeof *x);
    for (size_t i = 0; i < n; i++)
        x[i] = (ladder->x[i] - low) / range;
    char purpose[512];
    struct kvt_random random;
    snprintf(purpose, sizeof purpose, "%s/abrupt", name);
    kvt_random_stream(&random, procedure->seed, purpose);
    v->abrupt = kvt_abrupt_test(x, ladder->loss, n, &random, ABRUPT_RESAMPLES);
    v->is_abrupt = v->abrupt.tested && v->abrupt.p <= abrupt_level;
    if (ladder->lengths && !isnan(v->abrupt.step_at))
        v->abrupt_tokens = round(exp(low + range * v->abrupt.step_at));
    free(x);
}

/* The loss over all bins together, in means of independent units. */
static void pool_losses(struct kvt_verdict *v, const struct kvt_cells *cells,
                        const struct kvt_pairs *pairs, const struct kvt_procedure *procedure)
{
    size_t n;
    struct kvt_unit *units = kvt_cells_units(pairs->items, pairs->count, cells->linked, &n);
    double *d = kvt_alloc_array(n, sizeof *d);
    for (size_t u = 0; u < n; u++)
        d[u] = units[u].loss / units[u].n;
    if (n)
        kvt_quantile_sort(d, n);
    v->pooled_bound = fmax(0, kvt_gaffke_upper(d, n, procedure->alpha));
    struct kvt_interval loss = kvt_interval_difference(d, n, procedure->level);
    v->pooled_interval = (struct kvt_interval){-loss.high, -loss.low};
    v->pooled_delta = -kvt_quantile_mean(d, n);
    free(d);
    free(units);
}

static void bound_losses(struct kvt_verdict *v, const struct kvt_cells *cells,
                         const struct kvt_procedure *procedure)
{
    v->safe_bound = NAN;
    for (size_t b = 0; b < cells->count; b++) {
        const struct kvt_cell *cell = &cells->items[b];
        /* A bin the reference has and the run has not answered at all bounds nothing. */
        double bound = cell->n_pairs ? cell->loss_upper_each : 1;
        if (cell->n_pairs || cell->coverage.n_reference)
            v->safe_bound = isnan(v->safe_bound) ? bound : fmax(v->safe_bound, bound);
    }
    v->safe_bound = isnan(v->safe_bound) ? NAN : fmax(0, v->safe_bound);
    v->bound_safe = v->safe_bound <= procedure->delta;
}

static void share_losses(struct kvt_verdict *v, const struct kvt_cells *cells, double alpha)
{
    for (size_t b = 0; b < cells->count; b++) {
        const struct kvt_cell *cell = &cells->items[b];
        if (!kvt_verdict_confirmed(cell, KVT_PART_LOSS, alpha))
            continue;
        v->lost_failing += cell->order.fail_loss;
        v->lost_silent += cell->order.silent_loss;
    }
    long lost = v->lost_failing + v->lost_silent;
    v->failure_share = lost ? (double)v->lost_failing / (double)lost : NAN;
    v->failure_share_upper =
        lost ? kvt_interval_clopper_pearson_upper(v->lost_failing, lost, 0.95) : NAN;
}

/* First collapsed bin at another c, with Holm over this run's cells. */
static int collapse_at(const struct kvt_cells *cells, const struct kvt_pairs *pairs, double c,
                       double alpha)
{
    double *p = kvt_alloc_array(cells->count, sizeof *p);
    size_t from = 0;
    for (size_t b = 0; b < cells->count; b++) {
        size_t n;
        struct kvt_unit *units =
            kvt_cells_units(pairs->items + from, cells->items[b].n_pairs, cells->clustered, &n);
        double *s1 = kvt_alloc_array(n, sizeof *s1), *sk = kvt_alloc_array(n, sizeof *sk);
        for (size_t u = 0; u < n; u++) {
            s1[u] = units[u].s1;
            sk[u] = units[u].sk;
        }
        bool testable = n > 0 && !cells->items[b].baseline_floor;
        p[b] = testable ? kvt_retention_test(s1, sk, n, c).p_collapsed : NAN;
        free(s1);
        free(sk);
        free(units);
        from += cells->items[b].n_pairs;
    }
    kvt_family_holm(p, cells->count, p);
    int first = -1;
    for (size_t b = cells->count; b-- > 0;)
        if (p[b] <= alpha)
            first = (int)b;
    free(p);
    return first;
}

static void scan_windows(struct kvt_verdict *v, const struct kvt_cells *cells,
                         const struct kvt_procedure *procedure, const char *name)
{
    size_t n = cells->count, windows = n * (n + 1) / 2;
    struct kvt_flip_counts *bins = kvt_alloc_array(n, sizeof *bins);
    size_t *counts = kvt_alloc_array(windows, sizeof *counts);
    long total = 0;
    v->scan_p = n ? 1 : NAN;
    v->scan_start = v->scan_end = -1;
    for (size_t b = 0; b < n; b++) {
        const struct kvt_order_bin *bin = &cells->items[b].order;
        bins[b] = (struct kvt_flip_counts){bin->lift_n10, bin->lift_n01};
        total += bin->lift_n10 + bin->lift_n01;
    }
    if (total > 0) {
        char purpose[512];
        struct kvt_random random;
        snprintf(purpose, sizeof purpose, "%s/scan", name);
        kvt_random_stream(&random, procedure->seed, purpose);
        kvt_flip_scan(bins, n, &random, procedure->permutations, counts);
        size_t w = 0;
        for (size_t start = 0; start < n; start++) {
            for (size_t end = start; end < n; end++, w++) {
                double p = (double)counts[w] / ((double)procedure->permutations + 1);
                if (p < v->scan_p) {
                    v->scan_p = p;
                    v->scan_start = (int)start;
                    v->scan_end = (int)end;
                }
            }
        }
    }
    free(bins);
    free(counts);
}

static void fit_steps(struct kvt_verdict *v, const struct ladder *ladder)
{
    if (!ladder->lengths) {
        v->failure_step = v->loss_step = (struct kvt_fit_step){.at = NAN, .low = NAN, .high = NAN};
        return;
    }
    v->failure_step = kvt_fit_step(ladder->x, ladder->lift, ladder->n);
    v->loss_step = kvt_fit_step(ladder->x, ladder->loss, ladder->n);
    v->lead = v->failure_step.found && v->loss_step.found && v->failure_step.after > 0 &&
              v->loss_step.after > 0 && v->failure_step.high < v->loss_step.low;
}

/* Best attainable adjusted p-values with the largest bin's n: what no data of this size can beat.
 */
static void attainable(struct kvt_verdict *v, const struct kvt_cells *cells,
                       const struct kvt_procedure *procedure, size_t family_cells)
{
    size_t n = 0;
    for (size_t b = 0; b < cells->count; b++)
        n = cells->items[b].n_units > n ? cells->items[b].n_units : n;
    v->min_p_loss = v->min_p_collapse = v->min_p_retained = 1;
    if (n == 0)
        return;
    double *ones = kvt_alloc_array(n, sizeof *ones), *zeros = kvt_alloc_zero(n, sizeof *zeros);
    for (size_t i = 0; i < n; i++)
        ones[i] = 1;
    double cell_count = (double)family_cells;
    v->min_p_loss = pow(0.5, (double)n);
    v->min_p_collapse =
        fmin(1, cell_count * kvt_retention_test(ones, zeros, n, procedure->collapse).p_collapsed);
    v->min_p_retained =
        fmin(1, cell_count * kvt_retention_test(ones, ones, n, procedure->collapse).p_retained);
    free(ones);
    free(zeros);
}

/*
 * Planning figures at the observed means and variances: for safety the n at which
 * mean + z sd/sqrt(n) + ln(1/alpha)/n, a close upper approximation of the bound, reaches delta in
 * the worst bin; for loss the n with 80% power at alpha/cells in the bin where the loss shows best.
 */
static void plan(struct kvt_verdict *v, const struct kvt_cells *cells,
                 const struct kvt_pairs *pairs, const struct kvt_procedure *procedure,
                 size_t family_cells)
{
    double z = kvt_distribution_normal_quantile(1 - procedure->alpha);
    double z_cell = kvt_distribution_normal_quantile(
        1 - procedure->alpha / (double)(family_cells ? family_cells : 1));
    size_t from = 0;
    v->n_safe = v->n_loss = NAN;
    bool possible = true;
    for (size_t b = 0; b < cells->count; b++) {
        size_t n = cells->items[b].n_pairs;
        double mean = 0, square = 0;
        for (size_t i = from; i < from + n; i++) {
            double d = pairs->items[i].s1 - pairs->items[i].sk;
            mean += d / (double)n;
            square += d * d / (double)n;
        }
        from += n;
        if (n == 0)
            continue;
        double sd = sqrt(fmax(0, square - mean * mean)), room = procedure->delta - mean;
        double l = -log(procedure->alpha);
        if (room > 0) {
            double root = (z * sd + sqrt(z * z * sd * sd + 4 * room * l)) / (2 * room);
            v->n_safe = fmax(isnan(v->n_safe) ? 0 : v->n_safe, ceil(root * root));
        } else {
            possible = false;
        }
        if (mean > 0) {
            double need = ceil(pow((z_cell + 0.8416) * sd / mean, 2));
            need = fmax(need, ceil(log2(1 / procedure->alpha * (double)family_cells)));
            v->n_loss = isnan(v->n_loss) ? need : fmin(v->n_loss, need);
        }
    }
    if (!possible)
        v->n_safe = NAN;
}

/* Collapse, zone and retention, from the adjusted p-values. */
static void find_zone(struct kvt_verdict *v, const struct kvt_cells *cells, double alpha)
{
    int start = -1;
    v->zone_start = v->zone_end = v->collapse_bin = -1;
    for (size_t b = 0; b < cells->count; b++) {
        const struct kvt_cell *cell = &cells->items[b];
        bool retained = cell->p_retained_adj <= alpha;
        if (cell->p_collapsed_adj <= alpha) {
            if (v->collapse_bin < 0)
                v->collapse_bin = (int)b;
            if (start >= 0 && v->zone_start < 0) {
                v->zone_start = start;
                v->zone_end = (int)b - 1;
            }
        }
        if (retained && kvt_verdict_confirmed(cell, KVT_PART_LIFT, alpha)) {
            v->retained_failing = true;
            if (start < 0)
                start = (int)b;
        }
    }
}

static enum kvt_headline choose(struct kvt_verdict *v, const struct kvt_cells *cells,
                                const struct kvt_verdict_context *context, double delta)
{
    bool zone = v->zone_start >= 0;
    if (cells->n_pairs == 0)
        return KVT_HEADLINE_INCONCLUSIVE;
    if (zone && (v->is_abrupt || v->order.order == KVT_ORDER_FAILURES_FIRST))
        return KVT_HEADLINE_ZONE;
    if (v->collapse_bin >= 0 && v->is_abrupt)
        return KVT_HEADLINE_ABRUPT;
    if (v->bound_safe) {
        v->blocked_by = v->first_lift >= 0             ? "lift"
                        : v->collapse_bin >= 0         ? "collapse"
                        : cells->noop_suspected        ? "noop_suspected"
                        : !(v->ref_low > delta)        ? "baseline"
                        : v->coverage < least_coverage ? "coverage"
                        : context->larger_blocked      ? "larger_budget"
                                                       : NULL;
        if (!v->blocked_by)
            return KVT_HEADLINE_SAFE;
    }
    if (v->first_lift >= 0)
        return KVT_HEADLINE_FAILING;
    if (v->first_loss >= 0 && v->first_silent >= 0 && context->failures_observable &&
        v->failure_share_upper <= silent_share)
        return KVT_HEADLINE_SILENT;
    return v->first_loss >= 0 || v->overall_loss ? KVT_HEADLINE_DEGRADED
                                                 : KVT_HEADLINE_INCONCLUSIVE;
}

void kvt_verdict_make(const struct kvt_cells *cells, const struct kvt_pairs *pairs,
                      const struct kvt_procedure *procedure,
                      const struct kvt_verdict_context *context, struct kvt_verdict *verdict)
{
    struct ladder ladder;
    *verdict = (struct kvt_verdict){0};
    make_ladder(cells, pairs, &ladder);
    double alpha = procedure->alpha, reference = 0;
    verdict->first_loss = kvt_verdict_first(cells, KVT_PART_LOSS, alpha);
    verdict->first_lift = kvt_verdict_first(cells, KVT_PART_LIFT, alpha);
    verdict->first_silent = kvt_verdict_first(cells, KVT_PART_SILENT, alpha);
    verdict->overall_loss = cells->overall.p_adj <= alpha;
    verdict->unproven = context->unproven;
    verdict->failures_observable = context->failures_observable;
    verdict->ref_low = verdict->ref_high = NAN;
    for (size_t b = 0; b < cells->count; b++) {
        reference += (double)cells->items[b].coverage.n_reference;
        verdict->ref_low = fmin(verdict->ref_low, cells->items[b].ref_mean);
        verdict->ref_high = fmax(verdict->ref_high, cells->items[b].ref_mean);
    }
    verdict->coverage = reference > 0 ? (double)cells->n_pairs / reference : NAN;
    decide_order(verdict, cells, alpha);
    test_abruptness(verdict, &ladder, procedure, context->name);
    bound_losses(verdict, cells, procedure);
    pool_losses(verdict, cells, pairs, procedure);
    share_losses(verdict, cells, alpha);
    for (int i = 0; i < KVT_SENSITIVITY; i++)
        verdict->sensitivity[i] = collapse_at(cells, pairs, kvt_verdict_sensitivity[i], alpha);
    scan_windows(verdict, cells, procedure, context->name);
    fit_steps(verdict, &ladder);
    attainable(verdict, cells, procedure, context->family_cells);
    plan(verdict, cells, pairs, procedure, context->family_cells);
    find_zone(verdict, cells, alpha);
    verdict->headline = choose(verdict, cells, context, procedure->delta);
    if (verdict->headline != KVT_HEADLINE_ZONE)
        verdict->zone_start = verdict->zone_end = -1;
    free_ladder(&ladder);
}
