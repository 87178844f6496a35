/*
 * http/fetch.h: one small HTTP exchange that the caller waits for: metrics, token counting
 * services. Any thread may call it once kvt_pool_open has been called, or from a single-threaded
 * program.
 */
#ifndef KVT_HTTP_FETCH_H
#define KVT_HTTP_FETCH_H

#include "core/buffer.h"
#include "core/error.h"
#include "http/retry.h"

struct kvt_fetch_options {
    const char *body;    /* JSON to POST, NULL: GET */
    const char *api_key; /* NULL or "": no Authorization header */
    const char *cacert;
    const char *credentials;
    double timeout_s;
    struct kvt_retry_asked *asked; /* becomes what the answer asks to wait; NULL: not of interest */
};

/*
 * Appends the answer's body to out and returns its HTTP status; -1 with *error when there was none.
 * Bodies are read up to 16 MiB. Redirects are not followed.
 */
long kvt_fetch(const char *url, const struct kvt_fetch_options *options, struct kvt_buffer *out,
               struct kvt_error *error);

#endif
