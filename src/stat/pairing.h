/*
 * stat/pairing.h: which run is compared with which, and the pairs of one comparison. The same
 * request of two runs makes a pair; entries, not repeats, are the units.
 */
#ifndef KVT_STAT_PAIRING_H
#define KVT_STAT_PAIRING_H

#include "stream/observation.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The observations of one run on one task: items[from .. to). */
struct kvt_slice {
    uint32_t run, task;
    size_t from, to;
};

enum { KVT_NO_SLICE = -1 };

/* One run of one task beside its reference. The reference's own slice has reference = itself. */
struct kvt_comparison {
    struct kvt_slice slice;
    uint32_t group, model, policy; /* names, from the run */
    long reference, control;       /* places in the list, KVT_NO_SLICE if there is none */
    bool is_reference;             /* a reference run, replicate a */
    bool is_control;               /* replicate b: the noise floor, outside every family */
    size_t study;                  /* same group, model, policy and task */
};

struct kvt_pairing {
    struct kvt_comparison *items; /* by group, model, task, policy, reference first, budget */
    size_t count;
};

/* One entry answered by both runs. Values are means over the repeats both runs have. */
struct kvt_pair {
    int32_t bin;
    uint32_t cluster;      /* KVT_NO_NAME without */
    double tokens;         /* NaN if unknown */
    double s1, sk;         /* scores: reference, compressed */
    double f1, fk;         /* share of repeats that are model failures */
    double fk_right;       /* sk with each of its failures counted as score 1 */
    uint32_t type1, typek; /* failure type of the first failing repeat */
    bool changed;          /* some answer differs from the reference's */
    bool same_text;        /* every raw text is the reference's */
    uint8_t flags;         /* of either run: enum kvt_flag */
    bool has_control;      /* the entry has a control run too */
    bool control_changed;
    double sb;                                           /* control's score */
    double latency1, latencyk, ttft1, ttftk, itl1, itlk; /* NaN when contaminated */
    double bytes1, bytesk, peak1, peakk;
};

/* What became of the entries of one bin. */
struct kvt_coverage {
    int32_t bin;
    size_t n_reference, n_run;             /* entries each run has */
    size_t n_missing;                      /* the reference's entries that the run never answered */
    size_t n_infra_reference, n_infra_run; /* entries lost to infrastructure on that side */
    size_t n_unscored;
    size_t n_unequal; /* entries whose repeats differ in number */
    double tokens_min, tokens_max;
    double infra_reference_score; /* sum of reference scores of entries the run lost to
                                     infrastructure */
};

struct kvt_pairs {
    struct kvt_pair *items; /* by bin, then entry */
    size_t count;
    struct kvt_coverage *bins; /* ascending */
    size_t n_bins;
};

/* The table must be sorted. */
void kvt_pairing_make(const struct kvt_observations *table, struct kvt_pairing *pairing);
void kvt_pairing_free(struct kvt_pairing *pairing);
/* Pairs of comparison `index`; it must have a reference. */
void kvt_pairing_pairs(const struct kvt_observations *table, const struct kvt_pairing *pairing,
                       size_t index, struct kvt_pairs *pairs);
void kvt_pairs_free(struct kvt_pairs *pairs);

#endif
