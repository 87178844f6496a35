#include "stat/order.h"

#include "stat/distribution.h"

#include <math.h>

static const double z_one_sided = 1.2816; /* one-sided .10, beside two other conditions */
static const double z_together = 1.645;
static const double z_hazard_limit = 1.96;
/* Two bins are then claimed in .016 of data sets where failures lead by one (calibration). */
static const double z_onset_limit = 2;

double kvt_order_slope(const struct kvt_order_bin *bins, size_t n_bins, size_t from, double *kappa,
                       double *centre)
{
    double f = 0, s = 0, bf = 0;
    for (size_t b = from; b < n_bins; b++) {
        double fb = (double)(bins[b].fail_loss - bins[b].fail_gain);
        f += fb;
        s += (double)(bins[b].silent_loss - bins[b].silent_gain);
        bf += (double)b * fb;
    }
    *kappa = *centre = 0;
    if (!(f > 0))
        return 0;
    *kappa = s / f;
    *centre = bf / f;
    double top = 0, variance = 0;
    for (size_t b = from; b < n_bins; b++) {
        double d = (double)b - *centre;
        double fb = (double)(bins[b].fail_loss - bins[b].fail_gain);
        double sb = (double)(bins[b].silent_loss - bins[b].silent_gain);
        top += d * (sb - *kappa * fb);
        variance += d * d *
                    ((double)(bins[b].silent_loss + bins[b].silent_gain + 1) +
                     *kappa * *kappa * (double)(bins[b].fail_loss + bins[b].fail_gain + 1));
    }
    return variance > 0 ? top / sqrt(variance) : 0;
}

/* Delta-method variance of ln(-ln(1-h)) for a proportion h of n, shrunken as (x+.5)/(n+1). */
static double cloglog_variance(double h, double n)
{
    double l = log1p(-h);
    return h / ((n + 1) * (1 - h) * l * l);
}

double kvt_order_hazard(const struct kvt_order_bin *bins, size_t n_bins, size_t from)
{
    double sw = 0, swx = 0, swy = 0, swxx = 0, swxy = 0;
    for (size_t b = from; b < n_bins; b++) {
        double nf = (double)bins[b].n_ref_ok, ns = (double)bins[b].n_both_ok;
        double hf = ((double)bins[b].lift_n10 + 0.5) / (nf + 1);
        double hs = ((double)bins[b].silent_loss + 0.5) / (ns + 1);
        if (!(hf < 1 && hs < 1))
            continue;
        double y = log(-log1p(-hf)) - log(-log1p(-hs)), x = (double)b;
        double w = 1 / (cloglog_variance(hf, nf) + cloglog_variance(hs, ns));
        sw += w;
        swx += w * x;
        swy += w * y;
        swxx += w * x * x;
        swxy += w * x * y;
    }
    double spread = swxx - (sw > 0 ? swx * swx / sw : 0);
    return spread > 1e-12 ? (swxy - swx * swy / sw) / spread * sqrt(spread) : 0;
}

double kvt_order_trend(const struct kvt_order_bin *bins, size_t n_bins, size_t from)
{
    double total = 0, fails = 0, bn = 0, bbn = 0, bf = 0;
    for (size_t b = from; b < n_bins; b++) {
        double n = (double)(bins[b].fail_loss + bins[b].silent_loss), x = (double)b;
        total += n;
        fails += (double)bins[b].fail_loss;
        bn += x * n;
        bbn += x * x * n;
        bf += x * (double)bins[b].fail_loss;
    }
    if (total < 2)
        return 0;
    double top = bf - fails * bn / total;
    double variance = fails * (total - fails) / (total * (total - 1)) * (bbn - bn * bn / total);
    if (!(variance > 1e-12))
        return 0;
    double corrected = fmax(0, fabs(top) - 0.5) / sqrt(variance);
    return top < 0 ? -corrected : corrected;
}

/* The net rate of silent losses over bins [from, to), and its variance; NAN without pairs. */
static double silent_rate(const struct kvt_order_bin *bins, size_t from, size_t to,
                          double *variance)
{
    double n = 0, net = 0, moved = 0;
    for (size_t b = from; b < to; b++) {
        n += (double)bins[b].n_both_ok;
        net += (double)(bins[b].silent_loss - bins[b].silent_gain);
        moved += (double)(bins[b].silent_loss + bins[b].silent_gain);
    }
    *variance = (moved + 1) / (n * n); /* signs of +1 and -1; one more keeps a bin of none honest */
    return net / n;
}

double kvt_order_onset(const struct kvt_order_bin *bins, size_t n_bins, size_t from)
{
    if (from == 0 || from >= n_bins)
        return NAN;
    double before_variance, after_variance;
    double before = silent_rate(bins, from - 1, from, &before_variance);
    double after = silent_rate(bins, from, n_bins, &after_variance);
    return (after - before) / sqrt(before_variance + after_variance);
}

static double pooled_sign_p(const struct kvt_order_bin *bins, size_t from, size_t to, int which)
{
    long x = 0, m = 0;
    for (size_t b = from; b < to; b++) {
        const struct kvt_order_bin *bin = &bins[b];
        long failure_side = bin->fail_loss + bin->silent_gain;
        long silent_side = bin->silent_loss + bin->fail_gain;
        switch (which) {
        case 0: /* failures lose more than silence does */
            x += failure_side;
            m += failure_side + silent_side;
            break;
        case 1:
            x += silent_side;
            m += failure_side + silent_side;
            break;
        case 2:
            x += bin->lift_n10;
            m += bin->lift_n10 + bin->lift_n01;
            break;
        default:
            x += bin->silent_loss;
            m += bin->silent_loss + bin->silent_gain;
        }
    }
    return m > 0 ? kvt_distribution_binomial_upper(x, m, 0.5) : 1;
}

static enum kvt_order compare(const struct kvt_order_bin *bins, const struct kvt_order_result *r,
                              double alpha)
{
    int f = r->first_lift, s = r->first_silent;
    if (f < 0 && s < 0)
        return KVT_ORDER_UNDECIDED;
    if (f < 0 || s < 0)
        return f < 0 ? KVT_ORDER_ONLY_WRONG_ANSWERS : KVT_ORDER_ONLY_FAILURES;
    if (r->first_loss < 0)
        return KVT_ORDER_UNDECIDED;
    size_t fb = (size_t)f, sb = (size_t)s;
    if (s - f >= 2 && r->z > z_one_sided && pooled_sign_p(bins, fb, sb, 0) <= alpha)
        return KVT_ORDER_FAILURES_FIRST;
    if (f - s >= 2 && r->z < -z_one_sided && r->z_hazard > z_hazard_limit &&
        pooled_sign_p(bins, sb, fb, 1) <= alpha)
        return KVT_ORDER_WRONG_ANSWERS_FIRST;
    if (f == s && fabs(r->z) < z_together && fabs(r->z_trend) < z_together &&
        pooled_sign_p(bins, 0, fb, 2) > 0.2 && pooled_sign_p(bins, 0, fb, 3) > 0.2)
        return KVT_ORDER_TOGETHER;
    return KVT_ORDER_UNDECIDED;
}

struct kvt_order_result kvt_order_decide(const struct kvt_order_bin *bins, size_t n_bins,
                                         double alpha)
{
    struct kvt_order_result r = {.first_lift = -1, .first_silent = -1, .first_loss = -1};
    for (size_t b = n_bins; b-- > 0;) {
        if (bins[b].lift_p <= alpha)
            r.first_lift = (int)b;
        if (bins[b].silent_p <= alpha)
            r.first_silent = (int)b;
        if (bins[b].loss_p <= alpha)
            r.first_loss = (int)b;
    }
    if (r.first_loss >= 0) {
        size_t from = (size_t)r.first_loss;
        r.z = kvt_order_slope(bins, n_bins, from, &r.kappa, &r.centre);
        r.z_hazard = kvt_order_hazard(bins, n_bins, from);
        r.z_trend = kvt_order_trend(bins, n_bins, from);
    }
    r.order = compare(bins, &r, alpha);
    r.z_onset = r.first_silent < 0 ? NAN : kvt_order_onset(bins, n_bins, (size_t)r.first_silent);
    /* The conditions of wrong_answers_first hold the distance as well (calibration). */
    r.two_bins = r.order == KVT_ORDER_WRONG_ANSWERS_FIRST ||
                 (r.order == KVT_ORDER_FAILURES_FIRST && r.z_onset > z_onset_limit);
    return r;
}

const char *kvt_order_name(enum kvt_order order)
{
    static const char *const names[] = {"undecided",     "failures_first",
                                        "together",      "wrong_answers_first",
                                        "only_failures", "only_wrong_answers"};
    return names[order];
}
