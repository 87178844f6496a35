/* http/progress.h: one line on a terminal while requests are under way, nothing anywhere else. */
#ifndef KVT_HTTP_PROGRESS_H
#define KVT_HTTP_PROGRESS_H

#include "http/grid.h"
#include "http/window.h"

#include <stdbool.h>
#include <stddef.h>

struct kvt_progress {
    bool on;
    double start, next;
    size_t total; /* entries, 0 while unknown */
    bool drawn;
};

void kvt_progress_open(struct kvt_progress *progress);
/* Redraws at most five times a second. `entries` is how many have been read, `complete` that no
 * more come. */
void kvt_progress_show(struct kvt_progress *progress, const struct kvt_grid *grid,
                       const struct kvt_tally *tally, size_t entries, bool complete);
/* Removes the line. */
void kvt_progress_clear(struct kvt_progress *progress);
/* "12 ENGINE_ERROR, 3 TIMEOUT", or "" without failures. */
void kvt_tally_failures(const struct kvt_tally *tally, struct kvt_buffer *out);

#endif
