/*
 * http/sweep.h: one grid and all that it takes to ask it, from the settings of a stream to the last
 * record: the runs, the client, what is watched beside it, the window, the preflight's finding.
 *
 *     kvt_sweep_open(&sweep, tree, model, exp_group_id, &error);
 *     kvt_sweep_begin(&sweep, &line, &error);             // warm-up, run records
 *     kvt_sweep_make_room(&sweep, &error);                // before each line of the input
 *     kvt_sweep_entry(&sweep, &line, &error);
 *     kvt_sweep_drain(&sweep, &error);                    // after the last
 *     kvt_sweep_close(&sweep);
 *
 * Functions that serve the network return 0; 1 when *stop was set meanwhile, by a signal's handler;
 * -1 with *error set when the stage cannot go on (KVT_SYSTEM; KVT_USAGE and KVT_DATA where said).
 * The process is not ended in here. Where the sweep is not open they do nothing and return 0.
 */
#ifndef KVT_HTTP_SWEEP_H
#define KVT_HTTP_SWEEP_H

#include "core/error.h"
#include "http/client.h"
#include "http/grid.h"
#include "http/journal.h"
#include "http/preflight.h"
#include "http/progress.h"
#include "http/watch.h"
#include "http/window.h"
#include "stream/stage.h"

#include <jansson.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

/* What the command line says beyond the settings; NULL: nothing. */
struct kvt_sweep_options {
    const char *base_url, *engine_name, *salt; /* as in struct kvt_grid_options */
    const char *cacert;                        /* file of certificates to trust */
    const char *mem_probe;                     /* shell command that prints MiB */
    bool offline;                              /* nothing is asked */
    bool retry_failed;                         /* journaled failures are asked again */
};

struct kvt_sweep {
    /* set by the program; borrowed, outlives the sweep */
    struct kvt_sweep_options options;
    struct kvt_stage *stage;
    struct kvt_journal *journal;
    const volatile sig_atomic_t *stop;

    /* over all grids of a stream */
    size_t n_entries;         /* that were queued */
    size_t n_expected;        /* that the program knows of */
    size_t n_asked, n_failed; /* of closed grids */

    /* valid while open */
    bool open;
    const json_t *tree; /* the settings; borrowed */
    struct kvt_grid grid;
    struct kvt_client *client; /* NULL when offline */
    struct kvt_watch watch;    /* unused when offline */
    struct kvt_window window;
    struct kvt_progress progress;
    struct kvt_preflight preflight; /* what is known: from the journal, or just found out */
};

/*
 * Opens the grid that `tree` (settings, complete; outlives the open sweep) describes, for the model
 * of this name; offline, names that are not given are those of the journal's run records.
 * `exp_group_id` may be NULL. Says what was named and has no effect. 0, or -1 with KVT_USAGE when
 * the settings cannot be used, KVT_SYSTEM or KVT_DATA when the journal or the network cannot: then
 * nothing is held.
 */
int kvt_sweep_open(struct kvt_sweep *sweep, const json_t *tree, const char *model,
                   const char *exp_group_id, struct kvt_error *error);
/*
 * Finds out with these entries whether the smallest budget is applied, unless the journal says so
 * (kvt_preflight_ensure); sweep->preflight has the finding, which may be that it is not. Returns as
 * said above.
 */
int kvt_sweep_preflight(struct kvt_sweep *sweep, const struct kvt_candidates *candidates,
                        struct kvt_error *error);
/* What comes before the first entry, which is `line`: warm-up by it, run records. 0 or -1. */
int kvt_sweep_begin(struct kvt_sweep *sweep, const struct kvt_line *line, struct kvt_error *error);
/* Queues an entry; returns as kvt_window_entry (KVT_DATA: the line is bad). */
int kvt_sweep_entry(struct kvt_sweep *sweep, const struct kvt_line *line, struct kvt_error *error);

/* Serves the network until one more line may be read: there is a place for an entry, and reading
 * would not keep answers under way waiting. */
int kvt_sweep_make_room(struct kvt_sweep *sweep, struct kvt_error *error);
/* Serves the network until all records are out. */
int kvt_sweep_drain(struct kvt_sweep *sweep, struct kvt_error *error);
/*
 * The end by a signal: nothing new is sent, what is in flight may end, what was answered is
 * written and emitted, and no command outlives it. Says how far the sweep came. 0 or -1.
 */
int kvt_sweep_wind_down(struct kvt_sweep *sweep, struct kvt_error *error);

/* Says what was asked, replayed, failed. Only while open. */
void kvt_sweep_summary(struct kvt_sweep *sweep);
/* Releases what is open and adds its counts to n_asked and n_failed; says what was to be measured
 * and never was. */
void kvt_sweep_close(struct kvt_sweep *sweep);

#endif
