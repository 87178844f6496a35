/* http/progress.h: one line on a terminal while requests are under way, nothing anywhere else. */
#ifndef KVT_HTTP_PROGRESS_H
#define KVT_HTTP_PROGRESS_H

#include "http/grid.h"
#include "http/tally.h"

#include <stdbool.h>
#include <stddef.h>

struct kvt_progress {
    bool on;
    double start, next;
};

void kvt_progress_open(struct kvt_progress *progress);
/* Redraws at most five times a second. `entries`: how many there are in all, as far as is known. */
void kvt_progress_show(struct kvt_progress *progress, const struct kvt_grid *grid,
                       const struct kvt_tally *tally, size_t entries);
/* The last line: what was asked, replayed, failed, flagged. */
void kvt_progress_summary(struct kvt_progress *progress, const struct kvt_grid *grid,
                          const struct kvt_tally *tally, size_t entries);

#endif
