/* http/client_options.h: how a client asks (http/client.h), as the settings say it. */
#ifndef KVT_HTTP_CLIENT_OPTIONS_H
#define KVT_HTTP_CLIENT_OPTIONS_H

#include "core/error.h"
#include "http/retry.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct kvt_exchange;

struct kvt_client_options {
    struct kvt_retry_policy retry;
    double load_wait_s; /* for a server that loads its model; 0: as after any other failure */
    size_t concurrency; /* per endpoint */
    double rpm;         /* requests per minute over all endpoints; 0: no limit */
    const char *api_key;
    const char *cacert;
    const char *api_key_env; /* named in the remedy of a 401 */
    bool lenient;            /* a refused request is a result, not the end of the stage */
    /* Called right before each attempt is sent, and after it has ended; may be NULL. */
    void (*before)(struct kvt_exchange *exchange, void *context);
    void (*after)(struct kvt_exchange *exchange, void *context);
    void *hook_context;
};

/*
 * Reads engine.* and the seed from the settings tree, and the key from the environment variable
 * that engine.api_key_env names. The tree must outlive the options. -1 with code KVT_USAGE when a
 * value is out of range. cacert and the hooks are left unset.
 */
int kvt_client_read_options(struct kvt_client_options *options, const json_t *tree,
                            struct kvt_error *error);

#endif
