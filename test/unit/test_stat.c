/*
 * Reference values of the statistics: made with scipy 1.10 and by the authors of the simulation
 * study, not by this code.
 */
#include "core/random.h"
#include "stat/abrupt.h"
#include "stat/bootstrap.h"
#include "stat/distribution.h"
#include "stat/family.h"
#include "stat/flip.h"
#include "stat/gaffke.h"
#include "stat/interval.h"
#include "stat/order.h"
#include "stat/quantile.h"
#include "stat/retention.h"

#include "tap.h"

static void quantiles(void)
{
    double ten[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
    double seven[] = {.12, 3.5, 1.75, .9, 2.2, 8.1, .05};
    is_near(kvt_quantile_type7(ten, 10, .025), 1.225, 1e-14, "type 7 of 1..10 at .025");
    is_near(kvt_quantile_type7(ten, 10, .95), 9.55, 1e-14, "type 7 of 1..10 at .95");
    kvt_quantile_sort(seven, 7);
    is_near(kvt_quantile_type7(seven, 7, .95), 6.72, 1e-14, "type 7 of seven values at .95");
    ok(isnan(kvt_quantile_type7(ten, 0, .5)), "no values, no quantile");
    ok(isnan(kvt_quantile_sd(ten, 1)), "one value, no sd");
    is_near(kvt_quantile_sd(ten, 10), 3.0276503540974917, 1e-14, "sd of 1..10, ddof 1");
}

static void distributions(void)
{
    is_near(kvt_distribution_normal_quantile(.975), 1.959963984540054, 1e-15, "normal .975");
    is_near(kvt_distribution_normal_quantile(1e-300), -37.0470962993611992, 1e-15, "normal 1e-300");
    is_near(kvt_distribution_t_quantile(.975, 4), 2.7764451051977987, 1e-14, "t .975 df 4");
    is_near(kvt_distribution_t_sf(2.5, 21), 0.010389131936119, 1e-13, "t sf(2.5, 21)");
    is_near(kvt_distribution_t_cdf(-2.5, 21), 0.010389131936119, 1e-13, "t cdf(-2.5, 21)");
    for (double p = 1e-12; p < 1; p = p < .5 ? p * 7 : p + .043) {
        if (fabs(kvt_distribution_normal_cdf(kvt_distribution_normal_quantile(p)) - p) >
                1e-13 * p ||
            fabs(kvt_distribution_t_cdf(kvt_distribution_t_quantile(p, 3), 3) - p) > 1e-12 * p ||
            fabs(kvt_distribution_beta_cdf(kvt_distribution_beta_quantile(p, 3, 40), 3, 40) - p) >
                1e-12 * p) {
            printf("# round trip at %g\n", p);
            ok(0, "inverse functions invert");
            return;
        }
    }
    ok(1, "inverse functions invert");
    is_near(kvt_distribution_binomial_upper(5, 6, 1 / 3.0), .017832647462277, 1e-14,
            "P(Bin(6,1/3) >= 5)");
    is_near(kvt_distribution_binomial_upper(500000, 1000000, .5), .50039894210, 1e-9,
            "binomial tail at m = 1e6");
    is_near(kvt_distribution_binomial_upper(0, 3, .5), 1, 0, "P(X >= 0) = 1");
    is_near(kvt_distribution_binomial_upper(4, 3, .5), 0, 0, "P(X >= m+1) = 0");
}

static void intervals(void)
{
    struct kvt_interval i = kvt_interval_wilson(0, 5, .95);
    is_near(i.low, 0, 0, "Wilson 0/5 low");
    is_near(i.high, .43448246478317, 1e-13, "Wilson 0/5 high");
    i = kvt_interval_wilson(3, 5, .95);
    is_near(i.low, .23072428127601, 1e-13, "Wilson 3/5 low");
    is_near(i.high, .88237922576735, 1e-13, "Wilson 3/5 high");
    i = kvt_interval_wilson(81, 263, .95);
    is_near(i.low, .25528851987827, 1e-13, "Wilson 81/263 low");
    is_near(i.high, .36620957698280, 1e-13, "Wilson 81/263 high");
    i = kvt_interval_clopper_pearson(3, 5, .95);
    is_near(i.low, .14663279963467, 1e-13, "Clopper-Pearson 3/5 low");
    is_near(i.high, .94725504947367, 1e-13, "Clopper-Pearson 3/5 high");
    double scores[] = {0, 0, .4, .5, 2 / 3.0, .8, 1, 1, 1, 2 / 7.0};
    is_near(kvt_quantile_mean(scores, 10), .56523809523810, 1e-13, "mean of ten scores");
    is_near(kvt_interval_dispersion(scores, 10), .71844291354853, 1e-13, "dispersion");
    i = kvt_interval_dispersion_wilson(scores, 10, .95);
    is_near(i.low, .32014750749835, 1e-13, "dispersion Wilson low");
    is_near(i.high, .78210761113330, 1e-13, "dispersion Wilson high");
    double binary[] = {1, 1, 1, 0, 0};
    i = kvt_interval_dispersion_wilson(binary, 5, .95);
    is_near(i.low, .23072428127601, 1e-13, "dispersion Wilson of 0/1 scores is Wilson");
    i = kvt_interval_difference(binary, 0, .95);
    ok(i.low == -1 && i.high == 1, "no pairs: the difference is anywhere");
    is_near(kvt_interval_clopper_pearson_upper(0, 40, .95), .072157524506, 1e-11,
            "one-sided Clopper-Pearson of 0/40");
}

static void bootstraps(void)
{
    double values[] = {1, 2, 4, 8, 16}, means[3125];
    for (int r = 0; r < 3125; r++) {
        double sum = 0;
        for (int j = 0, rest = r; j < 5; j++, rest /= 5)
            sum += values[rest % 5];
        means[r] = sum / 5;
    }
    kvt_quantile_sort(means, 3125);
    struct kvt_interval i = kvt_bootstrap_percentile(means, 3125, .95);
    is_near(i.low, 2.0, 1e-12, "percentile low over all resamples");
    is_near(i.high, 11.4, 1e-12, "percentile high over all resamples");
    double bias = kvt_bootstrap_bias(means, 3125, 6.2);
    double acceleration = kvt_bootstrap_acceleration(values, 5);
    is_near(bias, .0927779107176, 1e-12, "bias correction by mid-rank");
    is_near(acceleration, .0662657354907, 1e-12, "jackknife acceleration");
    i = kvt_bootstrap_bca(means, 3125, bias, acceleration, .95);
    is_near(i.low, 2.6, 1e-12, "BCa low");
    is_near(i.high, 12.8, 1e-12, "BCa high");
    double constant[] = {.5, .5, .5};
    struct kvt_random random;
    kvt_random_seed(&random, 1);
    kvt_bootstrap_means(constant, 3, &random, means, 99);
    i = kvt_bootstrap_bca(means, 99, kvt_bootstrap_bias(means, 99, .5),
                          kvt_bootstrap_acceleration(constant, 3), .95);
    ok(isnan(i.low) && isnan(i.high), "BCa of constant data is unknown");
}

static void families(void)
{
    is_near(kvt_family_binomial_p((struct kvt_family_cell){9, 11, .5, 0, 0}), .03271484375, 1e-15,
            "McNemar 9/2");
    is_near(kvt_family_binomial_p((struct kvt_family_cell){25, 34, .5, 0, 0}), .004520592745393515,
            1e-15, "McNemar 25/9");
    long n10[] = {0, 1, 0, 2, 1, 0, 1, 6, 9, 14}, n01[] = {0, 0, 1, 1, 0, 0, 1, 0, 1, 2};
    struct kvt_family_cell cells[10];
    double raw[10], adjusted[10];
    for (int i = 0; i < 10; i++)
        cells[i] = (struct kvt_family_cell){n10[i], n10[i] + n01[i], .5, 0, 0};
    kvt_family_step_down(cells, 10, raw, adjusted);
    is_near(adjusted[7], .015625, 1e-15, "step-down 6/0");
    is_near(adjusted[8], .0107421875, 1e-15, "step-down 9/1");
    is_near(adjusted[9], .0030670166015625, 1e-15, "step-down 14/2");
    int ones = 0;
    for (int i = 0; i < 7; i++)
        ones += adjusted[i] == 1;
    is_int(ones, 7, "step-down: the other cells have p = 1");
    struct kvt_family_cell uneven[] = {{9, 11, .5, 0, 0}, {9, 11, .6, 0, 0}};
    kvt_family_step_down(uneven, 2, raw, adjusted);
    is_near(raw[1], .1189168128, 1e-15, "each cell has its own chance");
    is_near(adjusted[1], .1189168128, 1e-15, "and is adjusted by its own tails");
    is_near(adjusted[0], .03271484375 + .030233088, 1e-12, "what the others attain is added");
    double p[] = {.01, NAN, .04, .03, .005}, holm[5];
    kvt_family_holm(p, 5, holm);
    is_near(holm[4], .02, 1e-15, "Holm smallest");
    is_near(holm[0], .03, 1e-15, "Holm second");
    is_near(holm[2], .06, 1e-15, "Holm running maximum");
    ok(isnan(holm[1]), "a missing cell stays out of the family");
}

static void flips(void)
{
    double d[] = {.5, -.25, 1 / 3.0, 1, .2, .4, -.1}, reversed[7];
    struct kvt_random random;
    kvt_random_seed(&random, 1);
    is_near(kvt_flip_p(d, 7, .5, &random, 9999), .0546875, 1e-15, "exact sign flip");
    for (int i = 0; i < 7; i++)
        reversed[i] = d[6 - i];
    is_near(kvt_flip_p(reversed, 7, .5, &random, 9999), .0546875, 1e-15, "order does not matter");
    is_near(kvt_flip_p(d, 7, .6, &random, 9999), .1275264, 1e-15, "exact flips of a biased coin");
    is_near(kvt_flip_p(d, 7, 1, &random, 9999), 1, 0, "a coin with one side shows nothing");
    double equal[60] = {0};
    for (int i = 0; i < 40; i++)
        equal[i] = i < 12 ? -1 : 1;
    is_near(kvt_flip_p(equal, 60, .5, &random, 99),
            kvt_family_binomial_p((struct kvt_family_cell){28, 40, .5, 0, 0}), 1e-15,
            "equal sizes: the sign test, exactly");
    is_near(kvt_flip_p(equal, 60, .6, &random, 99), .1285096780706842, 1e-15,
            "equal sizes, biased coin: the binomial test");
    double mixed[40];
    for (int i = 0; i < 40; i++)
        mixed[i] = (i % 3 ? .1 : -.1) * (1 + i % 7);
    kvt_random_seed(&random, 7);
    double first = kvt_flip_p(mixed, 40, .5, &random, 999);
    kvt_random_seed(&random, 7);
    is_near(kvt_flip_p(mixed, 40, .5, &random, 999), first, 0,
            "sampled flips repeat with their seed");
    ok(first > 1e-3 && first < .2, "sampled flips give a plausible p");
    double many[KVT_FLIP_NORMAL + 1], total = 0, square = 0, sum = 0;
    for (int i = 0; i <= KVT_FLIP_NORMAL; i++) {
        many[i] = (i % 5 < 3 ? 1 : -1) * (1 + i % 3);
        sum += many[i];
        total += fabs(many[i]);
        square += many[i] * many[i];
    }
    double limit = kvt_distribution_normal_cdf((.2 * total - sum) / sqrt(.96 * square));
    is_near(kvt_flip_p(many, KVT_FLIP_NORMAL + 1, .6, &random, 999), limit, 1e-12,
            "very many flips of a biased coin: the normal limit");
    is_near(kvt_flip_p(many, 3000, .6, &random, 9999), .5, .05, "sampled flips of a biased coin");
    is_near(kvt_flip_p(mixed, 0, .5, &random, 99), 1, 0, "no differences: p = 1");

    struct kvt_flip_counts bins[] = {{0, 0}, {1, 1}, {6, 0}, {9, 1}, {14, 2}};
    size_t expected[] = {10000, 9846, 780, 15, 1, 9846, 780, 15, 1, 448, 9, 1, 224, 1, 71};
    size_t counts[15];
    kvt_random_seed(&random, 1);
    kvt_flip_scan(bins, 5, &random, 9999, counts);
    int same = 0;
    for (int i = 0; i < 15; i++) {
        same += counts[i] == expected[i];
        if (counts[i] != expected[i])
            printf("# window %d: got %zu, expected %zu\n", i, counts[i], expected[i]);
    }
    is_int(same, 15, "window scan, seed 1");
}

static void gaffke(void)
{
    struct {
        int n10, n01, n;
        double alpha, upper;
    } cases[] = {{0, 0, 40, .05, .072157524506},
                 {3, 0, 40, .05, .182586850016},
                 {3, 2, 40, .05, .148009465272},
                 {10, 10, 100, .05, .084180607838},
                 {5, 0, 20, .01, .532106408955}};
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        double d[100] = {0};
        for (int i = 0; i < cases[c].n10; i++)
            d[i] = 1;
        for (int i = 0; i < cases[c].n01; i++)
            d[cases[c].n10 + i] = -1;
        is_near(kvt_gaffke_upper(d, (size_t)cases[c].n, cases[c].alpha), cases[c].upper, 2e-12,
                "Gaffke's bound, 0/1 scores");
    }
    double d[] = {0, 0, 0, .5, -.25, 1 / 3.0, 0, 0, 1, 0};
    is_near(kvt_gaffke_upper(d, 10, .05), .446941903667, 2e-12, "Gaffke's bound, F1-like");
    double forty[40] = {1, 1, 1, -1, -1};
    is_near(kvt_gaffke_tail(forty, 40, .1), .178421122729, 2e-12, "P(Q > 0)");
    is_near(kvt_gaffke_upper(d, 0, .05), 1, 0, "no pairs: U = 1");
    static double many[100000];
    for (int k = 0; k <= 40000; k += 4000) {
        double exact = kvt_interval_clopper_pearson_upper(k, 100000, .95);
        for (int i = k > 4000 ? k - 4000 : 0; i < k; i++)
            many[i] = 1;
        is_near(kvt_gaffke_upper(many, 100000, .05), exact, 1e-11,
                "without gains it is Clopper-Pearson, for 100,000 pairs too");
    }
    static double fine[4000], up[4000];
    for (int i = 0; i < 4000; i++) {
        fine[i] = sin(i) * .4;
        up[i] = fmin(1, fine[i] + 1 / 512.);
    }
    double bound = kvt_gaffke_upper(fine, 4000, .05);
    ok(bound > .0 && bound <= kvt_gaffke_upper(up, 4000, .05) + 1e-9,
       "many different values are rounded up by at most 1/512");
    double one[] = {1, 1};
    is_near(kvt_gaffke_upper(one, 2, .05), 1, 1e-12, "everything lost: U = 1");
}

static void retention(void)
{
    double s1[] = {1, 1, 1, 1, 0, 1, 1, 1, 1, 1}, sk[] = {1, 1, 0, 1, 0, 1, 1, 0, 1, 1};
    struct kvt_retention r = kvt_retention_test(s1, sk, 10, .5);
    is_near(r.t, 1.6031511026549947, 1e-13, "retention t");
    is_near(r.p_retained, .0686023818936623, 1e-13, "retention p");
    struct kvt_interval i = kvt_retention_interval(s1, sk, 10, .95);
    is_near(kvt_retention_test(s1, sk, 10, i.low).p_retained, .025, 1e-9,
            "low limit inverts the test");
    is_near(kvt_retention_test(s1, sk, 10, i.high).p_collapsed, .025, 1e-9,
            "high limit inverts the test");
    r = kvt_retention_test(s1, sk, 1, .5);
    ok(isfinite(r.t), "one pair: t is finite");
}

static void orders(void)
{
    long Fl[] = {0, 0, 7, 6, 7}, Fg[] = {0, 1, 0, 0, 1}, Sl[] = {4, 3, 5, 4, 21},
         Sg[] = {3, 4, 4, 5, 1};
    struct kvt_order_bin bins[5] = {{0}};
    for (int b = 0; b < 5; b++) {
        bins[b].fail_loss = Fl[b];
        bins[b].fail_gain = Fg[b];
        bins[b].silent_loss = Sl[b];
        bins[b].silent_gain = Sg[b];
    }
    double kappa, centre;
    double z = kvt_order_slope(bins, 5, 2, &kappa, &centre);
    is_near(kappa, 1.052631578947, 1e-12, "order: kappa");
    is_near(centre, 2.947368421053, 1e-12, "order: centre");
    is_near(z, 2.741170493126, 1e-12, "order: z");

    long x[] = {0, 1, 1, 19, 24}, nF[] = {39, 40, 39, 40, 39}, s[] = {2, 15, 17, 9, 7},
         nS[] = {39, 39, 38, 21, 15};
    struct kvt_order_bin hazard[5] = {{0}};
    for (int b = 0; b < 5; b++) {
        hazard[b].lift_n10 = x[b];
        hazard[b].n_ref_ok = nF[b];
        hazard[b].silent_loss = s[b];
        hazard[b].n_both_ok = nS[b];
    }
    is_near(kvt_order_hazard(hazard, 5, 1), 3.851308172708, 1e-12, "order: hazard slope");
}

static void abruptness(void)
{
    double x[20], d[20];
    for (int i = 0; i < 20; i++) {
        x[i] = (i + .5) / 20;
        d[i] = x[i] > .6;
    }
    d[3] = 1;
    d[17] = 0;
    struct kvt_random random;
    kvt_random_seed(&random, 1);
    struct kvt_abrupt a = kvt_abrupt_test(x, d, 20, &random, 99);
    is_near(a.ramp_x0, .4, 1e-12, "best ramp start");
    ok(a.ramp_w >= .6 - 1e-12, "best ramp width (from .6 on the shape on this x is the same)");
    is_near(a.ramp_gain, 2.0914819506, 1e-10, "best ramp gain");
    is_near(a.step_at, .6, 1e-12, "best step");
    is_near(a.step_gain, 3.0083333333, 1e-10, "best step gain");
    is_near(a.statistic, .9168513827, 1e-10, "abruptness statistic");
    ok(a.p >= .01 && a.p <= 1, "abruptness p in range");
    memset(d, 0, sizeof d);
    ok(!kvt_abrupt_test(x, d, 20, &random, 99).tested, "constant loss is not tested");
}

int main(void)
{
    quantiles();
    distributions();
    intervals();
    bootstraps();
    families();
    flips();
    gaffke();
    retention();
    orders();
    abruptness();
    return tap_done();
}
