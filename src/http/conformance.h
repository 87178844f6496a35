/*
 * http/conformance.h: which parts of the usage.kv_cache protocol (kvt-stream(5)) a server speaks. A
 * few requests, one line on standard output for each part.
 */
#ifndef KVT_HTTP_CONFORMANCE_H
#define KVT_HTTP_CONFORMANCE_H

#include "core/error.h"
#include "http/client.h"
#include "http/grid.h"

/*
 * Asks the first endpoint of `url` with a prompt of its own. `policy` is sent where a policy is.
 * Prints the findings and returns 0; -1 when the server cannot be used at all.
 */
int kvt_conformance_run(struct kvt_client *client, const char *model, const char *policy,
                        struct kvt_error *error);

#endif
