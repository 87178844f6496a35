/*
 * http/identity.h: what makes a run, a request, an experiment, a preflight the same as another:
 * hashes (core/sha256.h) of all that they depend on, and of nothing else, so that the same inputs
 * give the same identities anywhere. `tree` is the settings, complete.
 */
#ifndef KVT_HTTP_IDENTITY_H
#define KVT_HTTP_IDENTITY_H

#include "core/sha256.h"
#include "http/grid.h"

#include <jansson.h>

/* run_id: of the experiment, the run, the model, the engine. */
void kvt_identity_run(const struct kvt_grid *grid, const struct kvt_run *run,
                      char id[KVT_SHA256_HEX]);
/* request_id, from the SHA-256 of the canonical body (http/query.h). */
void kvt_identity_request(const struct kvt_grid *grid, const struct kvt_run *run,
                          const char *body_sha256, long repeat, char id[KVT_SHA256_HEX]);
/* exp_group_id where neither settings nor stream name one: of what is compared. The caller frees
 * it. */
char *kvt_identity_group(const struct kvt_grid *grid, const json_t *tree);
/* probe_id: of all that a preflight's finding depends on; the key of its record in the journal. */
void kvt_identity_preflight(const struct kvt_grid *grid, const json_t *tree,
                            char id[KVT_SHA256_HEX]);

#endif
