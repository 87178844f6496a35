/*
 * http/refusal.h: failures that concern every request alike, so that asking on would only collect
 * them, and what to do about each. Pure.
 */
#ifndef KVT_HTTP_REFUSAL_H
#define KVT_HTTP_REFUSAL_H

#include "core/error.h"
#include "http/client_options.h"
#include "http/failure.h"

#include <stdbool.h>

/* One failed attempt, and what is known of its server. All borrowed. */
struct kvt_refusal {
    const char *where; /* base URL without credentials */
    const struct kvt_failure *failure;
    const struct kvt_client_options *options;
    bool alive;         /* an HTTP answer of some kind has come from there */
    bool answered;      /* and one that shows that it takes our requests */
    bool last;          /* the request is not asked again */
    bool verify_failed; /* the server's certificate is not trusted */
};

/* Must the stage stop? Then *error (KVT_SYSTEM) says why, and what to do. */
bool kvt_refusal_of_all(const struct kvt_refusal *refusal, struct kvt_error *error);

#endif
