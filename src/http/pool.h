/*
 * http/pool.h: HTTP exchanges under way, all on the caller's thread. The only file besides
 * http/fetch.c that calls libcurl's transfer functions.
 *
 * Connections are kept and reused; redirects are not followed (the key would travel to another
 * host); TLS certificates are always verified; HTTP/1.1, so that one answer never waits behind
 * another on a shared connection.
 */
#ifndef KVT_HTTP_POOL_H
#define KVT_HTTP_POOL_H

#include "core/error.h"
#include "http/retry.h"

#include <stdbool.h>
#include <stddef.h>

struct kvt_pool; /* opaque */

struct kvt_pool_options {
    const char *api_key; /* NULL or "": no Authorization header */
    const char *cacert;  /* file with certificates, or NULL */
    size_t connections;  /* kept open at most */
};

enum kvt_transfer_end {
    KVT_TRANSFER_COMPLETE,    /* an HTTP answer, whatever its status */
    KVT_TRANSFER_CUT,         /* the connection broke amid an answer */
    KVT_TRANSFER_TIMEOUT,     /* the attempt's limit ran out */
    KVT_TRANSFER_UNREACHABLE, /* no connection: refused, unresolved, timed out while connecting */
    KVT_TRANSFER_FAILED,      /* anything else (TLS, a malformed answer); see message */
    KVT_TRANSFER_STOPPED,     /* the receiver asked to stop */
};

/*
 * One exchange. The caller fills the first part, keeps it alive until `done` is called, and reads
 * the second part there. Times are monotonic, absolute.
 */
struct kvt_transfer {
    const char *url;
    const char *body; /* NULL: a GET */
    size_t body_length;
    const char *credentials; /* "user:password" or NULL */
    double timeout_s;
    bool (*data)(void *context, const char *bytes, size_t length, double now); /* false: stop */
    void (*done)(void *context);
    void *context;

    enum kvt_transfer_end end;
    long status;
    double start; /* the request's writing, or before that, kvt_pool_start */
    double first_byte, last_byte;
    struct kvt_retry_asked asked; /* what the server asks to wait */
    int sent; /* times the request went out: libcurl repeats it when a kept connection is dead */
    bool verify_failed; /* the server's certificate is not trusted */
    char message[256];
    void *easy; /* the pool's own */
    struct kvt_pool *pool;
};

/*
 * Hosts that are asked directly although the environment names a proxy: this machine, and what
 * no_proxy lists. The caller frees it.
 */
char *kvt_pool_no_proxy(void);

struct kvt_pool *kvt_pool_open(const struct kvt_pool_options *options, struct kvt_error *error);
void kvt_pool_start(struct kvt_pool *pool, struct kvt_transfer *transfer);
/* Ends a transfer without calling `done`. */
void kvt_pool_cancel(struct kvt_pool *pool, struct kvt_transfer *transfer);
/*
 * Moves bytes and calls `done` for what ended; waits up to `wait` seconds if nothing is ready.
 * Returns early when descriptor `extra` (-1: none) becomes readable, or when a signal arrives.
 */
void kvt_pool_step(struct kvt_pool *pool, double wait, int extra);
/* Ends the wait of kvt_pool_step; any thread may call it. */
void kvt_pool_wake(struct kvt_pool *pool);
void kvt_pool_close(struct kvt_pool *pool);

#endif
