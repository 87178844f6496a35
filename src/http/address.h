/*
 * http/address.h: which servers are named, and where: by option, settings (`tree`, complete) or
 * environment. Texts that are returned are borrowed from there.
 */
#ifndef KVT_HTTP_ADDRESS_H
#define KVT_HTTP_ADDRESS_H

#include "core/error.h"

#include <jansson.h>
#include <stdbool.h>

/* The server of all that have none of their own: `option` (may be NULL), engine.base_url, BASE_URL,
 * OPENAI_BASE_URL; or NULL. */
const char *kvt_address_base(const json_t *tree, const char *option);
/*
 * The server of one budget (`reference`: of the full cache) in engine.endpoints, or NULL. That is
 * keyed by budgets as people write them: "1.0" and "1" are the same.
 */
const char *kvt_address_of(const json_t *tree, double budget, bool reference);
/*
 * Settings travel in the stream's experiment line, so a URL in them must not hold credentials: -1
 * with code KVT_USAGE if one does.
 */
int kvt_address_check_secrets(const json_t *tree, struct kvt_error *error);

#endif
