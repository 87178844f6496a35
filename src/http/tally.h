/* http/tally.h: what was done so far, counted from the records of responses. */
#ifndef KVT_HTTP_TALLY_H
#define KVT_HTTP_TALLY_H

#include "core/buffer.h"

#include <stddef.h>

/* `run` counters have one place per run of the grid. `asked`, `replayed` and `missing` are counted
 * by the window. */
struct kvt_tally {
    size_t *run_done, *run_failed;
    size_t asked, replayed, failed, missing, flagged;
    size_t timeout, rate_limited, engine_error, stream_cut, overflow;
    size_t contradicted;
};

/* Makes room for the counters of the runs, at 0; the others are as they were. */
void kvt_tally_open(struct kvt_tally *tally, size_t n_runs);
/* Adds a finished response record of the run at that place, asked now or from the journal. */
void kvt_tally_record(struct kvt_tally *tally, size_t run, const struct kvt_buffer *record);
/* "12 ENGINE_ERROR, 3 TIMEOUT", or "" without failures. */
void kvt_tally_failures(const struct kvt_tally *tally, struct kvt_buffer *out);
void kvt_tally_close(struct kvt_tally *tally);

#endif
