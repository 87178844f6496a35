/* http/warm_up.h: requests that are sent before anything is measured, and recorded nowhere. */
#ifndef KVT_HTTP_WARM_UP_H
#define KVT_HTTP_WARM_UP_H

#include "core/error.h"
#include "http/client.h"
#include "http/grid.h"
#include "http/query.h"
#include "stream/reader.h"

#include <signal.h>

/*
 * Asks the entry's requests, of the runs in turn, `n` times in all, one at a time. Each has a
 * nonce, so that no prefix cache is filled. `line` is the entry; a bad one is left to whoever
 * queues it. Without a client (NULL: --offline) nothing is asked. 0, also when *stop (may be NULL)
 * was set between two answers; -1 and *error when the stage cannot go on.
 */
int kvt_warm_up(struct kvt_client *client, const struct kvt_grid *grid,
                const struct kvt_query_settings *request, const struct kvt_line *line, long long n,
                const volatile sig_atomic_t *stop, struct kvt_error *error);

#endif
