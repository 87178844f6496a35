/*
 * study/bin_view.h: the responses of one run and task in one bin, counted and as columns of
 * numbers.
 */
#ifndef KVT_STUDY_BIN_VIEW_H
#define KVT_STUDY_BIN_VIEW_H

#include "stat/cell.h"
#include "stat/interval.h"
#include "stat/pairing.h"
#include "stream/observation.h"

#include <stdbool.h>
#include <stddef.h>

/* A column of one bin, without its unknown values. */
struct kvt_column {
    double *values;
    size_t n;
};

/* Borrows the table; the two buffers hold n doubles each and are the caller's. */
struct kvt_bin_view {
    const struct kvt_observations *table;
    const struct kvt_comparison *item;
    const struct kvt_run *run;
    const struct kvt_observation *items;
    size_t n;
    struct kvt_column scratch; /* what kvt_bin_column fills */
    double *entry_scores;      /* mean score of each entry that has one */
    size_t n_entries, n_entry_scores, n_scored, n_failed, n_infrastructure;
    size_t n_repeats, n_repeated, n_disagree;
    size_t n_within_window, n_cache_known, flags[KVT_FLAG_COUNT];
    bool unequal;
};

/* Fills the counts and entry_scores. */
void kvt_bin_view_count(struct kvt_bin_view *view);

/* Loads the double at `offset` of every response into the scratch column, sorted. */
const struct kvt_column *kvt_bin_column(struct kvt_bin_view *view, size_t offset);
#define KVT_BIN_COLUMN(view, member) kvt_bin_column(view, offsetof(struct kvt_observation, member))

double kvt_column_p50(const struct kvt_column *column); /* NaN without values */
double kvt_column_p95(const struct kvt_column *column); /* NaN below 60 values */

/*
 * Interval of the mean score over entries by a method of --ci. NaN limits without scores, for
 * resampling of constant scores, and for clopper-pearson of scores that are not 0 or 1.
 */
struct kvt_interval kvt_bin_mean_interval(const struct kvt_bin_view *view, const char *method,
                                          const struct kvt_procedure *procedure);

#endif
