/*
 * study/rationale.h: why a verdict was given: the `rationale` of a transition record, all parts bin
 * by bin.
 */
#ifndef KVT_STUDY_RATIONALE_H
#define KVT_STUDY_RATIONALE_H

#include "stat/verdict.h"
#include "stream/json.h"
#include "study/compare.h"

#include <stdbool.h>
#include <stddef.h>

/* One transition line in the making. */
struct kvt_judged {
    const struct kvt_compared *study;
    const struct kvt_comparison *item;
    const struct kvt_cells *cells; /* NULL without a reference */
    const struct kvt_procedure *procedure;
    struct kvt_verdict verdict;
    struct kvt_zscore zscore;
    size_t family_cells;
    bool legacy;
    bool failures_observable;
};

/* The member "rationale". */
void kvt_study_write_rationale(struct kvt_writer *w, const struct kvt_judged *j);
/* The stream's bin number of a place in the cells, as a member that is null for -1. */
void kvt_study_member_bin(struct kvt_writer *w, const char *key, const struct kvt_cells *cells,
                          int place);

#endif
