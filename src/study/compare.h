/*
 * study/compare.h: a stream's responses, compared: the sorted table, which run stands against
 * which, and the cells of every comparison. What kvt-stats and kvt-transition both start from.
 */
#ifndef KVT_STUDY_COMPARE_H
#define KVT_STUDY_COMPARE_H

#include "stat/cell.h"
#include "stat/pairing.h"
#include "stream/observation.h"

#include <stdbool.h>
#include <stddef.h>

struct kvt_compared {
    struct kvt_observations table;
    struct kvt_pairing pairing;
    struct kvt_cells *cells; /* one per comparison that has a reference and is not one */
    size_t n_cells;
    bool own_lengths; /* lengths are those imported rows came with, not tokens */
};

/* Sorts the table and computes and adjusts every comparison's cells. */
void kvt_compare_make(struct kvt_compared *study, const struct kvt_procedure *procedure);
/* Also frees the table; a zeroed struct is fine. */
void kvt_compare_free(struct kvt_compared *study);

/* A name for random streams: the same for the same comparison in any stream. Caller frees. */
char *kvt_compare_name(const struct kvt_observations *table, const struct kvt_comparison *item);

/* How many responses of a slice carry each state of proof. */
void kvt_compare_applied(const struct kvt_observations *table, const struct kvt_slice *slice,
                         size_t counts[KVT_APPLIED_COUNT]);

/* Some model failures of the run cannot be seen. Lost requests are no model failures. */
bool kvt_compare_failures_hidden(const struct kvt_observations *table, const struct kvt_run *run);

#endif
