/*
 * stat/cell.h: everything that is measured and tested in one bin of one comparison, and the
 * families these tests belong to. Losses are positive here: d = s1 - sk.
 */
#ifndef KVT_STAT_CELL_H
#define KVT_STAT_CELL_H

#include "stat/interval.h"
#include "stat/order.h"
#include "stat/pairing.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How the statistics are done; all from the settings. */
struct kvt_procedure {
    double level;    /* of intervals, .95 */
    double alpha;    /* family-wise error of each part */
    double delta;    /* loss that still counts as safe */
    double collapse; /* retention c below which a bin has collapsed */
    size_t resamples, permutations;
    uint64_t seed;
    bool family_all; /* one family for the whole stream instead of one per study */
};

enum kvt_test_method { KVT_TEST_SIGN, KVT_TEST_FLIP, KVT_TEST_CLUSTER_FLIP };

/* A one-sided test in one cell. p is NaN outside every family (no pairs, or no control for churn).
 */
struct kvt_test {
    long n10, n01;
    double p_raw, p_adj;
    double chance; /* of a discordant unit to point the tested way if nothing is at work */
    double floor;  /* smallest p the test could give */
    enum kvt_test_method method;
};

/* Mean of ln(compressed/reference) with its t interval; n < 2 leaves NaN limits. */
struct kvt_log_ratio {
    size_t n;
    double mean, low, high;
};

struct kvt_attribution {
    double drop, drop_failures_right, drop_without_failed;
    double share_generous, share_dropped;   /* NaN when drop <= 0 */
    double drop_infra_low, drop_infra_high; /* lost requests counted as right, as wrong */
};

enum kvt_cell_ratio {
    KVT_RATIO_LATENCY,
    KVT_RATIO_TTFT,
    KVT_RATIO_ITL,
    KVT_RATIO_BYTES,
    KVT_RATIO_PEAK,
    KVT_RATIO_COUNT
};

struct kvt_cell {
    struct kvt_coverage coverage;          /* bin, tokens_min, tokens_max, counts */
    size_t n_pairs, n_units;               /* units = clusters when clustered, else pairs */
    double ref_mean, run_mean, delta_mean; /* delta = run - reference */
    struct kvt_interval delta;
    double ref_fail, run_fail;
    double loss_upper, loss_upper_each; /* Gaffke at alpha/bins and at alpha */
    struct kvt_test loss, lift, silent, churn;
    struct kvt_test silent_even;      /* silent at even chance: where it sets in, for the order */
    size_t n_changed, n_text_changed; /* scored spans, whole texts that differ */
    size_t floor_n, floor_changed;
    double retention;
    struct kvt_interval retention_interval;
    double p_retained, p_collapsed;         /* raw; NaN on a zero baseline or without pairs */
    double p_retained_adj, p_collapsed_adj; /* Holm over the family */
    bool baseline_floor;
    struct kvt_log_ratio ratios[KVT_RATIO_COUNT];
    struct kvt_attribution attribution;
    struct kvt_order_bin order; /* counts of units; p-values are filled from the families */
};

/* All cells of one comparison. */
struct kvt_cells {
    size_t comparison; /* place in the pairing */
    size_t study;
    bool control, binary, clustered, linked;
    bool noop_suspected;
    size_t n_pairs, n_same_text;
    struct kvt_test overall; /* loss over all bins together: one more member of the loss family */
    struct kvt_cell *items;
    size_t count;
};

/* Clustered: two pairs of one bin share a cluster. Linked: two pairs do, of one bin or of two, so
 * that what is said of all bins together has clusters for its units. Binary: every score is 0 or 1
 * and nothing was averaged. */
bool kvt_cells_clustered(const struct kvt_pairs *pairs);
bool kvt_cells_linked(const struct kvt_pairs *pairs);
bool kvt_cells_binary(const struct kvt_pairs *pairs);

/* One independent unit: a pair, or the pairs of one cluster. */
struct kvt_unit {
    double x;                  /* mean token length, NaN if unknown */
    double s1, sk;             /* means */
    double loss, lift, silent; /* sums of s1-sk, fk-f1, and s1-sk where neither fails */
    double fail_loss;          /* sum of s1-sk where only the compressed run fails, s1 > sk */
    double fail_gain;          /* sum of sk-s1 where only the reference fails, sk > s1 */
    double n, n_ref_ok, n_both_ok;
};
/* Units of pairs[0..n), the pairs of one bin or of all, in an order that depends on content only.
 * Caller frees. */
struct kvt_unit *kvt_cells_units(const struct kvt_pair *pairs, size_t n, bool clustered,
                                 size_t *n_units);

/* Computes the cells of one comparison; `name` distinguishes its random streams. */
void kvt_cells_make(const struct kvt_pairs *pairs, const struct kvt_procedure *procedure,
                    const char *name, struct kvt_cells *cells);
void kvt_cells_free(struct kvt_cells *cells);

/*
 * Adjusted p-values of every family in list[0..n): loss, lift, silent, churn, silent at even
 * chance, retained, collapsed.
 */
void kvt_cells_adjust(struct kvt_cells *list, size_t n, const struct kvt_procedure *procedure);

const char *kvt_test_method_name(enum kvt_test_method method);

#endif
