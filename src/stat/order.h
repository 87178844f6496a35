/*
 * stat/order.h: over length, do failures or silently wrong answers set in first? To be called
 * first, the one is confirmed at least two bins before the other, and two or three independent
 * signs agree, so that a wrong order is claimed in at most 5% of data sets (README, calibration).
 * Where the truth is one bin apart the second onset is often confirmed a bin late: that it really
 * lies two bins after the first is a claim of its own, `two_bins`, with an error of its own.
 */
#ifndef KVT_STAT_ORDER_H
#define KVT_STAT_ORDER_H

#include <stdbool.h>
#include <stddef.h>

enum kvt_order {
    KVT_ORDER_UNDECIDED,
    KVT_ORDER_FAILURES_FIRST,
    KVT_ORDER_TOGETHER,
    KVT_ORDER_WRONG_ANSWERS_FIRST,
    KVT_ORDER_ONLY_FAILURES,
    KVT_ORDER_ONLY_WRONG_ANSWERS,
};

/* One bin. f = fails, s = score, 1 = reference, k = compressed. */
struct kvt_order_bin {
    long lift_n10, lift_n01;         /* fk and not f1; f1 and not fk */
    long n_ref_ok;                   /* not f1 */
    long n_both_ok;                  /* neither fails */
    long fail_loss, fail_gain;       /* Fl: fk, not f1, s1 > sk. Fg: f1, not fk, sk > s1 */
    long silent_loss, silent_gain;   /* Sl, Sg: s1 > sk, s1 < sk among pairs where neither fails */
    double lift_p, silent_p, loss_p; /* adjusted within their families */
};

struct kvt_order_result {
    enum kvt_order order;
    int first_lift, first_silent, first_loss; /* place in the array, -1 if none */
    double kappa, centre, z;                  /* component (b); z = 0 when undefined */
    double z_hazard; /* complementary log-log slope of failures minus silent */
    double z_trend;  /* failures against silent losses over length */
    double z_onset;  /* silent losses rarer in the bin before first_silent; NAN without one */
    bool two_bins;   /* the claimed order holds by two bins or more */
};

struct kvt_order_result kvt_order_decide(const struct kvt_order_bin *bins, size_t n_bins,
                                         double alpha);
/*
 * The pieces, for tests and for reports. `from` is the first bin of the sums; for the onset,
 * the bin in which silent losses set in: are they rarer in the bin before than from there on? z of
 * the difference of the two net rates; NAN where one of them has no pairs.
 */
double kvt_order_slope(const struct kvt_order_bin *bins, size_t n_bins, size_t from, double *kappa,
                       double *centre);
double kvt_order_hazard(const struct kvt_order_bin *bins, size_t n_bins, size_t from);
double kvt_order_trend(const struct kvt_order_bin *bins, size_t n_bins, size_t from);
double kvt_order_onset(const struct kvt_order_bin *bins, size_t n_bins, size_t from);
const char *kvt_order_name(enum kvt_order order);

#endif
