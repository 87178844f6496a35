#include "stat/cell.h"

#include "core/memory.h"
#include "core/random.h"
#include "stat/family.h"
#include "stat/flip.h"
#include "stat/gaffke.h"
#include "stat/quantile.h"
#include "stat/retention.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

const char *kvt_test_method_name(enum kvt_test_method method)
{
    static const char *const names[] = {"sign", "flip", "cluster_flip"};
    return names[method];
}

static bool is_bit(double score)
{
    return score == 0 || score == 1;
}

bool kvt_cells_binary(const struct kvt_pairs *pairs)
{
    for (size_t i = 0; i < pairs->count; i++)
        if (!is_bit(pairs->items[i].s1) || !is_bit(pairs->items[i].sk))
            return false;
    return true;
}

static void count_order(struct kvt_order_bin *bin, const struct kvt_unit *units, size_t n)
{
    const double least = 1e-12;
    for (size_t u = 0; u < n; u++) {
        bin->lift_n10 += units[u].lift > least;
        bin->lift_n01 += units[u].lift < -least;
        bin->n_ref_ok += units[u].n_ref_ok > 0;
        bin->n_both_ok += units[u].n_both_ok > 0;
        bin->fail_loss += units[u].fail_loss - units[u].fail_gain > least;
        bin->fail_gain += units[u].fail_gain - units[u].fail_loss > least;
        bin->silent_loss += units[u].silent > least;
        bin->silent_gain += units[u].silent < -least;
    }
}

struct test_context {
    const struct kvt_procedure *procedure;
    const char *name;
    int bin;
    bool clustered;
};

/*
 * Tests sum(d) > 0: by sign where every |d| is 0 or 1 and units are entries, else by sign flips.
 * test->chance is given.
 */
static void run_test(const struct test_context *context, const char *part, const double *d,
                     size_t n, bool sign, struct kvt_test *test)
{
    test->method = sign                 ? KVT_TEST_SIGN
                   : context->clustered ? KVT_TEST_CLUSTER_FLIP
                                        : KVT_TEST_FLIP;
    test->p_raw = test->p_adj = NAN;
    test->floor = 1;
    if (n == 0)
        return;
    if (sign) {
        test->p_raw = kvt_family_binomial_p((struct kvt_family_cell){
            .x = test->n10, .m = test->n10 + test->n01, .chance = test->chance});
        return;
    }
    char purpose[512];
    struct kvt_random random;
    snprintf(purpose, sizeof purpose, "%s/%d/%s", context->name, context->bin, part);
    kvt_random_stream(&random, context->procedure->seed, purpose);
    test->p_raw = kvt_flip_p(d, n, test->chance, &random, context->procedure->resamples);
    test->floor = kvt_flip_floor(d, n, test->chance, context->procedure->resamples);
}

static void count_signs(struct kvt_test *test, double difference)
{
    test->n10 += difference > 1e-12;
    test->n01 += difference < -1e-12;
}

/*
 * The chance of a silent difference to be a loss if failures are all that compression does. Noise
 * makes as many answers right as wrong, but failures strike what noise made right like any other
 * right answer, and a struck gain drops out of the pairs where neither fails: with a share l of
 * the right answers failing, 1 - l gains are left for each loss, and the chance is 1/(2 - l), not
 * one half. l is the share of the reference's score that failures took. Wrong answers may fail too
 * and thin the losses; that is not reckoned, which errs to the side of no claim.
 */
static double silent_chance(const struct kvt_pair *pairs, size_t n)
{
    double score = 0, struck = 0;
    for (size_t i = 0; i < n; i++) {
        if (pairs[i].f1 >= 0.5)
            continue;
        score += pairs[i].s1;
        struck += pairs[i].fk >= 0.5 ? pairs[i].s1 : 0;
    }
    return score > 0 ? 1 / (2 - struck / score) : 0.5;
}

static void make_tests(struct kvt_cell *cell, const struct test_context *context,
                       const struct kvt_pair *pairs, const struct kvt_unit *units, size_t n_units,
                       bool binary)
{
    double *d = kvt_alloc_array(n_units, sizeof *d);
    bool sign = !context->clustered;
    cell->loss.chance = cell->lift.chance = 0.5;
    cell->silent.chance = silent_chance(pairs, cell->n_pairs);
    for (size_t i = 0; i < cell->n_pairs; i++) {
        count_signs(&cell->loss, pairs[i].s1 - pairs[i].sk);
        count_signs(&cell->lift, pairs[i].fk - pairs[i].f1);
        if (pairs[i].f1 < 0.5 && pairs[i].fk < 0.5)
            count_signs(&cell->silent, pairs[i].s1 - pairs[i].sk);
    }
    for (size_t u = 0; u < n_units; u++)
        d[u] = units[u].loss;
    run_test(context, "loss", d, n_units, sign && binary, &cell->loss);
    for (size_t u = 0; u < n_units; u++)
        d[u] = units[u].silent;
    run_test(context, "silent", d, n_units, sign && binary, &cell->silent);
    cell->silent_even = cell->silent;
    cell->silent_even.chance = 0.5;
    if (cell->silent.chance > 0.5)
        run_test(context, "silent", d, n_units, sign && binary, &cell->silent_even);
    for (size_t u = 0; u < n_units; u++)
        d[u] = units[u].lift;
    run_test(context, "lift", d, n_units, sign, &cell->lift);
    free(d);
}

/*
 * Churn against the noise of two identical runs: among entries that exactly one of {reference a,
 * reference b, compressed} gets right, the compressed run is that one with chance 1/3 if nothing
 * but noise is at work. Losses are left to the loss test.
 */
static void test_churn(struct kvt_cell *cell, const struct kvt_pair *pairs, bool clustered)
{
    bool control = false;
    cell->churn.p_raw = cell->churn.p_adj = NAN;
    cell->churn.chance = 1 / 3.0;
    for (size_t i = 0; i < cell->n_pairs; i++) {
        cell->n_changed += pairs[i].changed;
        cell->n_text_changed += !pairs[i].same_text;
        if (!pairs[i].has_control)
            continue;
        control = true;
        cell->floor_n++;
        cell->floor_changed += pairs[i].control_changed;
        int right = (pairs[i].s1 >= 0.5) + (pairs[i].sb >= 0.5) + (pairs[i].sk >= 0.5);
        if (right == 1) {
            cell->churn.n10 += pairs[i].sk >= 0.5;
            cell->churn.n01 += pairs[i].sk < 0.5;
        }
    }
    if (control && !clustered)
        cell->churn.p_raw =
            kvt_family_binomial_p((struct kvt_family_cell){.x = cell->churn.n10,
                                                           .m = cell->churn.n10 + cell->churn.n01,
                                                           .chance = cell->churn.chance});
}

static void pair_ratio(const struct kvt_pair *pair, enum kvt_cell_ratio which, double *a, double *k)
{
    const double values[KVT_RATIO_COUNT][2] = {{pair->latency1, pair->latencyk},
                                               {pair->ttft1, pair->ttftk},
                                               {pair->itl1, pair->itlk},
                                               {pair->bytes1, pair->bytesk},
                                               {pair->peak1, pair->peakk}};
    *a = values[which][0];
    *k = values[which][1];
}

static void make_ratio(struct kvt_cell *cell, const struct kvt_pair *pairs,
                       enum kvt_cell_ratio which, double level)
{
    double *logs = kvt_alloc_array(cell->n_pairs, sizeof *logs);
    struct kvt_log_ratio *ratio = &cell->ratios[which];
    for (size_t i = 0; i < cell->n_pairs; i++) {
        double a, k;
        pair_ratio(&pairs[i], which, &a, &k);
        if (a > 0 && k > 0)
            logs[ratio->n++] = log(k / a);
    }
    struct kvt_interval interval = kvt_interval_t(logs, ratio->n, level);
    ratio->mean = kvt_quantile_mean(logs, ratio->n);
    ratio->low = interval.low;
    ratio->high = interval.high;
    free(logs);
}

static void make_attribution(struct kvt_cell *cell, const struct kvt_pair *pairs)
{
    struct kvt_attribution *a = &cell->attribution;
    double n = (double)cell->n_pairs, right = 0, without = 0, n_without = 0, drop = 0;
    for (size_t i = 0; i < cell->n_pairs; i++) {
        double d = pairs[i].s1 - pairs[i].sk;
        drop += d;
        right += pairs[i].s1 - pairs[i].fk_right;
        if (pairs[i].f1 == 0 && pairs[i].fk == 0) {
            without += d;
            n_without += 1;
        }
    }
    a->drop = n > 0 ? drop / n : NAN;
    a->drop_failures_right = n > 0 ? right / n : NAN;
    a->drop_without_failed = n_without > 0 ? without / n_without : NAN;
    bool lost = a->drop > 1e-12;
    a->share_generous = lost ? 1 - a->drop_failures_right / a->drop : NAN;
    a->share_dropped = lost ? 1 - a->drop_without_failed / a->drop : NAN;
    double infra = (double)cell->coverage.n_infra_run, all = n + infra;
    double reference = cell->coverage.infra_reference_score;
    a->drop_infra_low = all > 0 ? (drop + reference - infra) / all : NAN;
    a->drop_infra_high = all > 0 ? (drop + reference) / all : NAN;
}

/* Means, bounds and retention; d is the loss of each unit. */
static void make_means(struct kvt_cell *cell, const struct kvt_pair *pairs,
                       const struct kvt_unit *units, size_t n, bool exact_binary, size_t n_bins,
                       const struct kvt_procedure *procedure)
{
    double *d = kvt_alloc_array(n, sizeof *d), *s1 = kvt_alloc_array(n, sizeof *s1);
    double *sk = kvt_alloc_array(n, sizeof *sk), sum1 = 0, sumk = 0;
    for (size_t i = 0; i < cell->n_pairs; i++) {
        sum1 += pairs[i].s1;
        sumk += pairs[i].sk;
        cell->ref_fail += pairs[i].f1;
        cell->run_fail += pairs[i].fk;
    }
    for (size_t u = 0; u < n; u++) {
        s1[u] = units[u].s1;
        sk[u] = units[u].sk;
        d[u] = s1[u] - sk[u];
    }
    double size = cell->n_pairs ? (double)cell->n_pairs : NAN;
    cell->ref_fail /= size;
    cell->run_fail /= size;
    cell->ref_mean = sum1 / size;
    cell->run_mean = sumk / size;
    cell->delta_mean = (sumk - sum1) / size;
    struct kvt_interval loss =
        exact_binary
            ? kvt_interval_bonett_price(cell->loss.n10, cell->loss.n01, (long)n, procedure->level)
            : kvt_interval_difference(d, n, procedure->level);
    cell->delta = (struct kvt_interval){-loss.high, -loss.low};
    cell->loss_upper_each = kvt_gaffke_upper(d, n, procedure->alpha);
    cell->loss_upper = kvt_gaffke_upper(d, n, procedure->alpha / (double)n_bins);
    cell->baseline_floor = cell->n_pairs > 0 && !(sum1 > 0);
    cell->retention = sum1 > 0 ? sumk / sum1 : NAN;
    cell->retention_interval = kvt_retention_interval(s1, sk, n, procedure->level);
    struct kvt_retention test = kvt_retention_test(s1, sk, n, procedure->collapse);
    bool testable = n > 0 && !cell->baseline_floor;
    cell->p_retained = cell->p_retained_adj = testable ? test.p_retained : NAN;
    cell->p_collapsed = cell->p_collapsed_adj = testable ? test.p_collapsed : NAN;
    free(d);
    free(s1);
    free(sk);
}

/*
 * Loss over all bins together: finds what is too small to show in any one bin. One context may be
 * asked at several lengths: entries that share a cluster are then one unit here, though each bin
 * holds one of them. A single bin needs no second test of itself.
 */
static void test_overall(const struct kvt_pairs *pairs, const struct kvt_procedure *procedure,
                         const char *name, struct kvt_cells *cells, size_t n_tested)
{
    size_t n;
    struct kvt_unit *units = kvt_cells_units(pairs->items, pairs->count, cells->linked, &n);
    double *d = kvt_alloc_array(n, sizeof *d);
    cells->overall = (struct kvt_test){.chance = 0.5};
    for (size_t u = 0; u < n; u++)
        d[u] = units[u].loss;
    for (size_t b = 0; b < cells->count; b++) {
        cells->overall.n10 += cells->items[b].loss.n10;
        cells->overall.n01 += cells->items[b].loss.n01;
    }
    struct test_context context = {procedure, name, -1, cells->linked};
    run_test(&context, "overall", d, n_tested > 1 ? n : 0, cells->binary && !cells->linked,
             &cells->overall);
    free(d);
    free(units);
}

void kvt_cells_make(const struct kvt_pairs *pairs, const struct kvt_procedure *procedure,
                    const char *name, struct kvt_cells *cells)
{
    *cells = (struct kvt_cells){.clustered = kvt_cells_clustered(pairs),
                                .linked = kvt_cells_linked(pairs),
                                .binary = kvt_cells_binary(pairs),
                                .n_pairs = pairs->count,
                                .count = pairs->n_bins};
    cells->items = kvt_alloc_zero(pairs->n_bins, sizeof *cells->items);
    for (size_t i = 0; i < pairs->count; i++)
        cells->n_same_text += pairs->items[i].same_text;
    size_t from = 0, n_tested = 0;
    for (size_t b = 0; b < pairs->n_bins; b++) {
        size_t to = from;
        while (to < pairs->count && pairs->items[to].bin == pairs->bins[b].bin)
            to++;
        n_tested += to > from;
        from = to;
    }
    from = 0;
    for (size_t b = 0; b < pairs->n_bins; b++) {
        struct kvt_cell *cell = &cells->items[b];
        const struct kvt_pair *first = pairs->items + from;
        cell->coverage = pairs->bins[b];
        while (from + cell->n_pairs < pairs->count &&
               first[cell->n_pairs].bin == pairs->bins[b].bin)
            cell->n_pairs++;
        from += cell->n_pairs;
        struct kvt_unit *units =
            kvt_cells_units(first, cell->n_pairs, cells->clustered, &cell->n_units);
        struct test_context context = {procedure, name, pairs->bins[b].bin, cells->clustered};
        make_tests(cell, &context, first, units, cell->n_units, cells->binary);
        make_means(cell, first, units, cell->n_units, cells->binary && !cells->clustered,
                   n_tested ? n_tested : 1, procedure);
        test_churn(cell, first, cells->clustered);
        count_order(&cell->order, units, cell->n_units);
        for (int r = 0; r < KVT_RATIO_COUNT; r++)
            make_ratio(cell, first, (enum kvt_cell_ratio)r, procedure->level);
        make_attribution(cell, first);
        free(units);
    }
    test_overall(pairs, procedure, name, cells, n_tested);
}

void kvt_cells_free(struct kvt_cells *cells)
{
    free(cells->items);
    *cells = (struct kvt_cells){0};
}
