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
 * Asks the server at `url` (NULL: an error that names the remedy) with a prompt of its own, by
 * `model` and kv.policy of the settings. Prints the findings and returns 0; -1 when it cannot be
 * used at all.
 */
int kvt_conformance_run(const struct kvt_client_options *options, const char *url,
                        const char *model, const json_t *tree, struct kvt_error *error);

#endif
