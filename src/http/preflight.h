/*
 * http/preflight.h: is the budget applied at all? Before a grid is run, a few entries are asked
 * four times: the reference twice (the A/A difference of the server), the smallest budget, and a
 * budget of a few tokens. A starved cache must change answers or their log probabilities beyond the
 * A/A difference. This works on servers that report nothing.
 */
#ifndef KVT_HTTP_PREFLIGHT_H
#define KVT_HTTP_PREFLIGHT_H

#include "core/error.h"
#include "http/candidates.h"
#include "http/client.h"
#include "http/grid.h"
#include "http/journal.h"
#include "http/proof.h"
#include "http/query.h"

#include <jansson.h>
#include <signal.h>
#include <stddef.h>

enum { KVT_PREFLIGHT_ENTRIES = 3 };

/* Release with kvt_preflight_free. */
struct kvt_preflight {
    enum kvt_evidence evidence;
    const char *applied; /* what the smallest budget is: proven, reported, ... */
    char text[512];      /* one line for people */
    char *record;        /* the `preflight` record, NULL when nothing was found out */
};
void kvt_preflight_free(struct kvt_preflight *preflight);

/* Takes an earlier finding from the journal: 1 found, 0 not, -1 the journal cannot be read. */
int kvt_preflight_recall(struct kvt_preflight *preflight, const struct kvt_grid *grid,
                         const json_t *tree, struct kvt_journal *journal, struct kvt_error *error);

/*
 * Asks, judges, and notes the finding in the journal. Returns 0; 1 when *stop was set meanwhile (by
 * a signal's handler): then what was under way is dropped, and nothing was found; -1 with code
 * KVT_SYSTEM when the server cannot be used. A contradicted budget is a finding, not an error:
 * preflight->applied says so.
 */
int kvt_preflight_run(struct kvt_preflight *preflight, struct kvt_client *client,
                      const struct kvt_grid *grid, const json_t *tree,
                      const struct kvt_candidates *candidates, struct kvt_journal *journal,
                      double created, const volatile sig_atomic_t *stop, struct kvt_error *error);

/*
 * Takes an earlier finding that was positive from the journal, or runs the preflight, as above.
 * Without a client (--offline) only the journal is looked at, and a journal without a finding is an
 * error.
 */
int kvt_preflight_ensure(struct kvt_preflight *preflight, struct kvt_client *client,
                         const struct kvt_grid *grid, const json_t *tree,
                         const struct kvt_candidates *candidates, struct kvt_journal *journal,
                         double created, const volatile sig_atomic_t *stop,
                         struct kvt_error *error);

#endif
