/*
 * http/client.h: requests with their retries. Submitted exchanges wait in one queue per endpoint,
 * are sent as its concurrency and the common rate limit allow, are asked again where that may help,
 * and end by a call of `done`.
 */
#ifndef KVT_HTTP_CLIENT_H
#define KVT_HTTP_CLIENT_H

#include "core/error.h"
#include "http/client_options.h"
#include "http/completion.h"
#include "http/pool.h"
#include "http/query.h"
#include "http/sse.h"
#include "http/url.h"

#include <stdbool.h>
#include <stddef.h>

struct kvt_client; /* opaque */
struct kvt_exchange;

/* What the hooks saw from outside during the last attempt; NAN: nothing. */
struct kvt_observed {
    double peak_mem_mb;
    double gauge_before, gauge_last, gauge_peak; /* in the gauge's own unit */
};

/* One request. The caller fills the first part; the rest is valid in `done`. */
struct kvt_exchange {
    size_t endpoint;
    struct kvt_query request; /* owned by the exchange from kvt_client_submit on */
    void (*done)(struct kvt_exchange *exchange, void *context);
    void *context;

    struct kvt_completion completion; /* of the last attempt */
    struct kvt_failure failure;       /* type NULL: a good answer */
    int attempts;                     /* requests sent */
    double wait_s;                    /* spent between attempts */
    double started_wall;              /* of the last attempt */
    double start, first_byte, end;    /* of the last attempt, monotonic */
    struct kvt_observed observed;     /* filled by the hooks */
    size_t in_flight; /* requests under way at its endpoint when it was sent, itself included */

    /* the client's own */
    struct kvt_transfer transfer;
    struct kvt_sse sse;
    struct kvt_buffer document; /* an answer that is no event stream */
    char *url;
    int tries;
    struct kvt_failure earlier; /* of the attempt before the last one; type NULL: none */
    enum { KVT_QUEUED, KVT_FLYING, KVT_WAITING } state;
    bool sniffed, is_document;
    double due, waiting_since, first_start, done_at;
    struct kvt_client *client;
    struct kvt_exchange *next, *previous;
};

/* `endpoints` must outlive the client. */
struct kvt_client *kvt_client_open(const struct kvt_client_options *options,
                                   const struct kvt_url *endpoints, size_t n_endpoints,
                                   struct kvt_error *error);
void kvt_client_submit(struct kvt_client *client, struct kvt_exchange *exchange);
/* The same, ahead of all that waits. */
void kvt_client_submit_next(struct kvt_client *client, struct kvt_exchange *exchange);
/*
 * Sends what may be sent, moves bytes, and calls `done` for what ended; waits up to `wait` seconds.
 * `extra` is a descriptor whose readability ends the wait, or -1. Returns -1 with *error set when
 * the stage must stop: the server cannot be reached, is still loading after load_wait_s, refuses
 * the key, lacks the path, or rejects a kv_ field. The exchange concerned then gets no `done`.
 */
int kvt_client_step(struct kvt_client *client, double wait, int extra, struct kvt_error *error);
/* Ends the wait of kvt_client_step; any thread may call it. `client` is a struct kvt_client *. */
void kvt_client_wake(void *client);
size_t kvt_client_pending(const struct kvt_client *client); /* submitted, not done */
size_t kvt_client_flying(const struct kvt_client *client);
/* Nothing more is sent, and what is under way is dropped: no exchange is touched any more. */
void kvt_client_abandon(struct kvt_client *client);
/* From now on nothing is sent; only what is in flight may still end. Returns what was given up. */
size_t kvt_client_hold(struct kvt_client *client);
void kvt_client_close(struct kvt_client *client);
/* Releases what the exchange owns; not while it is submitted. */
void kvt_exchange_free(struct kvt_exchange *exchange);

#endif
