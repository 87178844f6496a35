/*
 * Parts built of the reference functions: fits (numbers by numpy), mixed families, order claims,
 * abruptness, and every function's degenerate inputs.
 */
#include "core/random.h"
#include "stat/abrupt.h"
#include "stat/bootstrap.h"
#include "stat/distribution.h"
#include "stat/family.h"
#include "stat/fit.h"
#include "stat/flip.h"
#include "stat/gaffke.h"
#include "stat/interval.h"
#include "stat/order.h"
#include "stat/retention.h"

#include "tap.h"

static void fits(void)
{
    double x[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
    double y[] = {0, .2, -.1, .1, 0, .3, .9, 1.1, .8, 1, .7, 1.2};
    struct kvt_fit_step step = kvt_fit_step(x, y, 12);
    ok(step.found, "a step is found");
    is_near(step.at, 6.5, 1e-12, "where it is");
    is_near(step.rss, .2833333333333334, 1e-12, "residual sum of squares");
    is_near(step.before, .08333333333333333, 1e-12, "level before");
    is_near(step.after, .95, 1e-12, "level after");
    is_near(step.low, 6, 0, "low end of Hansen's set");
    is_near(step.high, 7, 0, "high end of Hansen's set");
    struct kvt_fit_line line = kvt_fit_line(x, y, 12);
    is_near(line.slope, .11468531468531466, 1e-13, "slope");
    is_near(line.intercept, -.2287878787878789, 1e-13, "intercept");
    is_near(line.rss, .6558275058275058, 1e-13, "residuals of the line");
    double flat[12] = {0};
    ok(!kvt_fit_step(x, flat, 12).found, "constant y has no step");
    ok(!kvt_fit_step(flat, y, 12).found, "constant x has no step");
    ok(!kvt_fit_step(x, y, 3).found, "three points have no step");
    is_near(kvt_fit_line(flat, y, 12).slope, 0, 0, "constant x has no slope");
    ok(isnan(kvt_fit_line(x, y, 0).rss), "no points, no line");
    for (int i = 0; i < 12; i++)
        y[i] = i >= 8;
    step = kvt_fit_step(x, y, 12);
    ok(step.low == 8 && step.high == 9 && step.rss < 1e-12, "a perfect step is known exactly");
}

static void mixed_families(void)
{
    /* Two continuous cells and one exact one: Holm, but the exact cell counts only what it can
     * attain. */
    struct kvt_family_cell cells[] = {
        {0, -1, .5, .01, 1e-4}, {0, -1, .5, .2, 1e-4}, {5, 5, .5, 0, 0}};
    double adjusted[3];
    kvt_family_step_down(cells, 3, NULL, adjusted);
    is_near(adjusted[0], .01 + .01 + 0, 1e-15, "5 of 5 cannot reach .01, so it does not count");
    is_near(adjusted[2], .03125 + .03125, 1e-15, "the exact cell beside a continuous one");
    is_near(adjusted[1], .2, 1e-15, "the last cell is itself");
    struct kvt_family_cell floors[] = {
        {0, -1, .5, .01, 1e-4}, {0, -1, .5, .5, .25}, {0, -1, .5, NAN, 1}};
    kvt_family_step_down(floors, 3, NULL, adjusted);
    is_near(adjusted[0], .01, 1e-15, "a cell below whose floor p lies does not count");
    ok(isnan(adjusted[2]), "a cell without p is outside");
    struct kvt_family_cell empty[] = {{0, 0, .5, 0, 0}, {3, 3, .5, 0, 0}};
    kvt_family_step_down(empty, 2, NULL, adjusted);
    is_near(adjusted[1], .125, 1e-15, "a cell without discordant pairs costs nothing");
    is_near(adjusted[0], 1, 1e-15, "and has p = 1");
    kvt_family_step_down(empty, 0, NULL, adjusted);
    struct kvt_family_cell large[] = {{600000, 1000000, .5, 0, 0}, {500000, 1000000, .5, 0, 0}};
    kvt_family_step_down(large, 2, NULL, adjusted);
    ok(adjusted[0] < 1e-300 && adjusted[1] > .5 && adjusted[1] <= 1, "a million pairs");
}

/* Bins with a rise of failures from bin f on and of silent losses from bin s on. */
static void plant(struct kvt_order_bin *bins, size_t n, size_t f, size_t s)
{
    for (size_t b = 0; b < n; b++) {
        long fails = b >= f ? 12 : 0, wrong = b >= s ? 12 : 0;
        bins[b] = (struct kvt_order_bin){.lift_n10 = fails,
                                         .n_ref_ok = 40,
                                         .n_both_ok = 40 - fails,
                                         .fail_loss = fails,
                                         .silent_loss = wrong,
                                         .lift_p = fails ? .001 : 1,
                                         .silent_p = wrong ? .001 : 1,
                                         .loss_p = fails + wrong ? .0001 : 1};
    }
}

/* The distance: silent losses one bin before their confirmed onset speak against two bins. */
static void two_bins_apart(void)
{
    struct kvt_order_bin bins[5];
    plant(bins, 5, 1, 3);
    struct kvt_order_result r = kvt_order_decide(bins, 5, .05);
    ok(r.two_bins, "two bins apart, and nothing before the second onset");
    /* after: 24 of 56 net, 24 moved; before: 0 of 28. */
    is_near(r.z_onset, (24 / 56.0) / sqrt(25 / (56.0 * 56) + 1 / (28.0 * 28)), 1e-12,
            "z of the onset");
    bins[2].silent_loss = 6; /* there, but not confirmed */
    r = kvt_order_decide(bins, 5, .05);
    is_text(kvt_order_name(r.order), "failures_first", "an onset confirmed a bin late: in order");
    ok(!r.two_bins, "but not by two bins");
    plant(bins, 5, 3, 1);
    ok(kvt_order_decide(bins, 5, .05).two_bins, "wrong answers first, by two bins");
    plant(bins, 5, 2, 2);
    ok(!kvt_order_decide(bins, 5, .05).two_bins, "no order, no distance");
    plant(bins, 5, 1, 0);
    ok(isnan(kvt_order_decide(bins, 5, .05).z_onset), "no bin before the first");
    bins[0].n_both_ok = 0;
    ok(isnan(kvt_order_onset(bins, 5, 1)), "no pairs in the bin before");
}

static void order_claims(void)
{
    struct kvt_order_bin bins[5];
    plant(bins, 5, 1, 3);
    is_text(kvt_order_name(kvt_order_decide(bins, 5, .05).order), "failures_first",
            "failures two bins earlier");
    plant(bins, 5, 2, 3);
    is_text(kvt_order_name(kvt_order_decide(bins, 5, .05).order), "undecided",
            "one bin earlier is not enough");
    plant(bins, 5, 2, 2);
    is_text(kvt_order_name(kvt_order_decide(bins, 5, .05).order), "together",
            "both from one bin on");
    plant(bins, 5, 3, 1);
    is_text(kvt_order_name(kvt_order_decide(bins, 5, .05).order), "wrong_answers_first",
            "wrong answers two bins earlier");
    plant(bins, 5, 1, 9);
    is_text(kvt_order_name(kvt_order_decide(bins, 5, .05).order), "only_failures",
            "failures alone");
    plant(bins, 5, 9, 1);
    is_text(kvt_order_name(kvt_order_decide(bins, 5, .05).order), "only_wrong_answers",
            "wrong answers alone");
    plant(bins, 5, 9, 9);
    is_text(kvt_order_name(kvt_order_decide(bins, 5, .05).order), "undecided", "nothing");
    is_text(kvt_order_name(kvt_order_decide(bins, 0, .05).order), "undecided", "no bins");
    two_bins_apart();
    /* Cochran-Armitage on failures 1,2,6 of 8,8,8: top 5, variance 3.9130, continuity .5. */
    struct kvt_order_bin trend[3] = {{.fail_loss = 1, .silent_loss = 7},
                                     {.fail_loss = 2, .silent_loss = 6},
                                     {.fail_loss = 6, .silent_loss = 2}};
    is_near(kvt_order_trend(trend, 3, 0), 4.5 / sqrt(9 * 15 / (24 * 23.0) * 16), 1e-12,
            "trend of failures among losses");
}

static void abrupt_claims(void)
{
    double x[200], step[200], ramp[200];
    struct kvt_random random;
    kvt_random_seed(&random, 11);
    for (int i = 0; i < 200; i++) {
        x[i] = (i + .5) / 200;
        double u = kvt_random_double(&random);
        step[i] = u < (x[i] > .6 ? .6 : .05);
        ramp[i] = u < .05 + .55 * x[i];
    }
    ok(kvt_abrupt_test(x, step, 200, &random, 999).p <= .03, "a step is abrupt");
    ok(kvt_abrupt_test(x, ramp, 200, &random, 999).p > .03, "a ramp is not");
    ok(!kvt_abrupt_test(x, step, 3, &random, 99).tested, "three points are not tested");
    ok(isnan(kvt_abrupt_test(x, step, 200, &random, 0).p), "no resamples, no p");
    static double many_x[5000], many_d[5000];
    for (int i = 0; i < 5000; i++) {
        many_x[i] = i / 4999.0;
        many_d[i] = many_x[i] > .6;
    }
    ok(kvt_abrupt_test(many_x, many_d, 5000, &random, 99).p <= .03, "long inputs are averaged");
}

static void nothing(void)
{
    struct kvt_random random;
    double none[1] = {0}, d[2] = {.5, .5}, means[99];
    kvt_random_seed(&random, 1);
    struct kvt_interval i = kvt_interval_wilson(0, 0, .95);
    ok(isnan(i.low) && isnan(i.high), "Wilson of nothing");
    i = kvt_interval_dispersion_wilson(none, 0, .95);
    ok(isnan(i.low), "dispersion Wilson of nothing");
    i = kvt_interval_clopper_pearson(0, 0, .95);
    ok(isnan(i.low), "Clopper-Pearson of nothing");
    i = kvt_interval_t(d, 1, .95);
    ok(isnan(i.low), "t of one value");
    i = kvt_interval_bonett_price(0, 0, 0, .95);
    ok(i.low == -1 && i.high == 1, "Bonett-Price of nothing");
    i = kvt_interval_bonett_price(9, 2, 40, .95);
    is_near(i.low, 7 / 42. - 1.959963984540054 * sqrt((13 / 42. - 49 / 1764.) / 42), 1e-14,
            "Bonett-Price low");
    i = kvt_bootstrap_percentile(means, 0, .95);
    ok(isnan(i.low), "bootstrap without resamples");
    is_near(kvt_gaffke_tail(none, 0, .3), 1, 0, "Gaffke's tail of nothing");
    is_near(kvt_gaffke_upper(none, 1, .05), .95, 1e-12, "one tie: 1 - alpha");
    struct kvt_retention r = kvt_retention_test(none, none, 0, .5);
    ok(r.p_retained == 1 && r.p_collapsed == 1, "retention of nothing");
    i = kvt_retention_interval(none, none, 1, .95);
    ok(isnan(i.low) && isnan(i.high), "retention of a zero baseline");
    is_near(kvt_flip_floor(none, 1, .5, 999), 1, 0, "no differences, no floor below 1");
    is_near(kvt_flip_floor(d, 2, .5, 999), .25, 1e-15, "two differences reach a quarter");
    size_t counts[1];
    struct kvt_flip_counts bins[1] = {{0, 0}};
    kvt_flip_scan(bins, 1, &random, 99, counts);
    is_int(counts[0], 100, "a scan of nothing has p = 1");
    ok(isnan(kvt_distribution_beta_quantile(.5, 0, 1)), "beta outside its domain");
    ok(isnan(kvt_distribution_t_quantile(.5, 0)), "t outside its domain");
    ok(isnan(kvt_distribution_normal_quantile(2)), "normal outside its domain");
    ok(isinf(kvt_distribution_normal_quantile(0)), "normal at 0");
}

int main(void)
{
    fits();
    mixed_families();
    order_claims();
    abrupt_claims();
    nothing();
    return tap_done();
}
