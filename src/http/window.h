/*
 * http/window.h: the entries under way. Entries come in one by one, their requests go out in seeded
 * order and come back in any; the records leave in input order, each on disk before it is shown. At
 * most `capacity` entries are held, so memory does not grow with the stream.
 */
#ifndef KVT_HTTP_WINDOW_H
#define KVT_HTTP_WINDOW_H

#include "core/error.h"
#include "http/client.h"
#include "http/grid.h"
#include "http/journal.h"
#include "http/record.h"
#include "http/query.h"
#include "http/tally.h"
#include "stream/stage.h"

#include <stdbool.h>
#include <stddef.h>

struct kvt_item; /* one input line and what it becomes */
struct kvt_slot; /* one request of an entry */

struct kvt_window {
    /* set by the program; all borrowed */
    struct kvt_stage *stage;
    struct kvt_grid *grid;
    struct kvt_client *client; /* NULL with --offline */
    struct kvt_journal *journal;
    struct kvt_query_settings request;
    struct kvt_record_settings record;
    bool retry_failed;
    long long latency_probe; /* entries of rank below this get a forced-length request too */
    size_t capacity;         /* entries */
    double created;          /* created_at of new run records */

    struct kvt_tally tally;
    struct kvt_item *first, *last;
    struct kvt_slot *answered_first, *answered_last; /* whose records are to be written */
    size_t n_entries;                                /* entry items held */
    size_t n_read;                                   /* entries ever queued */
    bool unsynced;
};

void kvt_window_open(struct kvt_window *window);
/* Queues a line to be copied in its place. */
void kvt_window_line(struct kvt_window *window, const struct kvt_line *line);
/* Queues the run records of the grid, after the preflight record (NULL: none). */
int kvt_window_runs(struct kvt_window *window, const char *preflight, struct kvt_error *error);
/*
 * Queues an entry: what the journal holds is taken from it, the rest is submitted. -1 with code
 * KVT_DATA when the line is bad (nothing was queued), with another code when the stage cannot go
 * on.
 */
int kvt_window_entry(struct kvt_window *window, const struct kvt_line *line,
                     struct kvt_error *error);
bool kvt_window_full(const struct kvt_window *window);
/*
 * Writes the records of what was answered, starts a sync, and emits all whose turn has come.
 * Between two records the network is served, so that no answer under way is timed late. -1 also
 * when the client says that the stage must stop.
 */
int kvt_window_flush(struct kvt_window *window, struct kvt_error *error);
/*
 * When nothing more will come: writes the records of all that was answered, also of answers whose
 * --latency-probe is missing, and leaves the network alone. Syncs, and emits.
 */
int kvt_window_finish(struct kvt_window *window, struct kvt_error *error);
/* True when nothing is held any more. */
bool kvt_window_empty(const struct kvt_window *window);
void kvt_window_close(struct kvt_window *window);

#endif
